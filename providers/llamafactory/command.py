"""The user's own `llamafactory-cli`: where it is, what it is told by its environment, and what it says of itself.

It lives in an environment of its own, as it pins older libraries than this project; only its command line is used.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ..errors import InvalidData, Unsupported
from .settings import NAME

__all__ = [
    "HOURS_VARIABLE",
    "TRIED",
    "VARIABLE",
    "About",
    "about",
    "expected_hours",
    "found",
    "problems_with",
    "serving_environment",
    "training_environment",
    "warnings_about",
]

VARIABLE = "LLAMAFACTORY_CLI"
HOURS_VARIABLE = "LLAMAFACTORY_HOURS"
TRIED = "0.9.5"
"""The release whose command line, files, log and server this adapter was tried with."""

_OLDEST = (0, 9, 3)
"""The first whose parser knows `enable_thinking`; one that does not know an option refuses the whole file."""
_ABOUT = re.compile(r"^- `?([\w ]+?)`?(?: version)?: (.*)$", re.MULTILINE)
_OFF = ("USE_V1", "USE_MCA", "USE_RAY", "ALLOW_EXTRA_ARGS", "LLAMABOARD_ENABLED", "API_VERBOSE")
"""Switches by which the same YAML would mean something else, the log would be written elsewhere, or prompts would be
written into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What `llamafactory-cli env` says of the environment it runs in."""

    version: str
    gpus: int = 0
    gpu: str | None = None
    bitsandbytes: str | None = None


def found(named: str | None) -> str:
    """The command's absolute path. Raises `Unsupported` saying how to name it where it cannot be found."""
    at = shutil.which(str(Path(named).expanduser())) if named else shutil.which("llamafactory-cli")
    if at is None:
        what = f"{VARIABLE} names {named!r}, and no such program is there" if named else "llamafactory-cli is not found"
        raise Unsupported(
            what,
            provider=NAME,
            operation="open",
            nothing_created=True,
            fix=f"python -m venv lf && lf/bin/pip install llamafactory=={TRIED}, then "
            f"export {VARIABLE}=$PWD/lf/bin/llamafactory-cli",
        )
    # Not resolved: an environment's own command may be a link, and finds its libraries by where it is called.
    return str(Path(at).absolute())


def expected_hours(told: str | None) -> tuple[Decimal, Decimal] | None:
    """The least and the most hours that a training takes here, as its owner expects ("2" or "0.5-2"); None untold.

    Raises `InvalidData` for anything else.
    """
    if not told:
        return None
    low, _, high = told.partition("-")
    try:
        found = Decimal(low), Decimal(high or low)
    except InvalidOperation:
        found = Decimal("NaN"), Decimal("NaN")
    if not (found[0].is_finite() and found[1].is_finite() and 0 <= found[0] <= found[1]):
        raise InvalidData(
            f"{HOURS_VARIABLE} is {told!r}", provider=NAME, nothing_created=True, fix=f"{HOURS_VARIABLE}=0.5-2"
        )
    return found


def training_environment(command: str, path: str) -> dict[str, str]:
    """What a training run is told by its environment, beside the user's own; `path` is theirs.

    The launcher looks `torchrun` up by name, and the one beside it is meant.
    """
    return {**dict.fromkeys(_OFF, "0"), "PATH": os.pathsep.join((str(Path(command).parent), path))}


def serving_environment(command: str, path: str, model: str) -> dict[str, str]:
    """The same for its API: on loopback alone, with a key, under the model's own name.

    By itself it listens on every interface, asks for no key, and calls every model gpt-3.5-turbo.
    """
    return {
        **training_environment(command, path),
        "FASTAPI_ROOT_PATH": "",
        "API_HOST": "127.0.0.1",
        "API_PORT": "{port}",
        "API_KEY": "{key}",
        "API_MODEL_NAME": model,
    }


def about(said: str) -> About:
    """Reads the answer of `llamafactory-cli env`. Raises `Unsupported` for what is no such answer."""
    told = {name.strip(): value.strip() for name, value in _ABOUT.findall(said)}
    if "llamafactory" not in told:
        words = said.strip().splitlines()
        raise Unsupported(
            f"{VARIABLE} is no llamafactory-cli: it says {words[-1][:200] if words else 'nothing'!r}",
            provider=NAME,
            nothing_created=True,
        )
    count = told.get("GPU number", "0")
    return About(
        version=told["llamafactory"],
        gpus=int(count) if count.isdecimal() else 0,
        gpu=told.get("GPU type"),
        bitsandbytes=told.get("Bitsandbytes"),
    )


def problems_with(told: About, settings: Mapping[str, object]) -> list[str]:
    """Why this environment cannot train so; empty where it can."""
    found = []
    if _numbers(told.version) < _OLDEST:
        found.append(f"llamafactory {told.version} is too old: {'.'.join(map(str, _OLDEST))} or later is needed")
    if settings.get("qlora") and not told.gpus:
        found.append("qlora: a base in 4 bits needs a GPU, and LLaMA-Factory's environment sees none")
    if settings.get("qlora") and told.bitsandbytes is None:
        found.append("qlora: bitsandbytes is not installed in LLaMA-Factory's environment: pip install bitsandbytes")
    if settings.get("precision") == "fp16" and not told.gpus:
        found.append("precision: fp16 needs a GPU, and LLaMA-Factory's environment sees none")
    return found


def warnings_about(told: About, dtype: str | None) -> list[str]:
    """What is worth saying of it, and of a base that was saved in that type."""
    found = []
    if _numbers(told.version) != _numbers(TRIED):
        found.append(f"llamafactory {told.version} is not {TRIED}, with which this was tried")
    if not told.gpus and dtype in ("bfloat16", "float16"):
        found.append(f"no GPU, and the base is trained as it was saved, in {dtype}: most CPUs are many times faster in "
                     "float32, so save it as that first")  # fmt: skip
    return found


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
