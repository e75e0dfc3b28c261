"""Base models by folder or hub id: what one is, whether its files are here, and whether they can be trained with.

Looks at files only; nothing is loaded and nothing is downloaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NotFound
from .settings import NAME
from .templates import template_of

__all__ = ["HUB_VARIABLES", "Found", "absolute", "base_name", "is_hub_id", "look", "named", "why_absent"]

HUB_VARIABLES = ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE")

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_ON = ("1", "true", "yes", "on")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


@dataclass(frozen=True, slots=True)
class Found:
    """What stands against training on a model, and what is only worth saying.

    `size`: bytes of its weights; `dtype`: the type that they were saved in, which is the one they are trained in. None
    where it is not known.
    """

    problems: Sequence[str]
    warnings: Sequence[str] = ()
    size: int | None = None
    dtype: str | None = None


def base_name(name: str) -> str:
    """The base at the beginning of a tuned model's name: `BASE@JOB`, `BASE@JOB/step-N`."""
    return name.partition("@tw-")[0]


def is_hub_id(name: str) -> bool:
    """Whether it can be `org/name` of a model hub, and is no folder here."""
    return bool(_HUB_ID.fullmatch(name)) and not Path(name).expanduser().is_dir()


def absolute(name: str) -> str:
    """A folder by its whole path, as a run has a working directory of its own; a hub id as it is."""
    folder = Path(name).expanduser()
    return str(folder.absolute()) if folder.is_dir() else name


def named(name: str) -> None:
    """Raises `NotFound` for what is neither a folder here nor can be a hub id."""
    if not is_hub_id(name) and not Path(name).expanduser().is_dir():
        raise NotFound(
            f"{name!r} is neither a folder on this machine nor a hub id",
            provider=NAME,
            fix="give the folder of a model, or its name on the hub: org/name",
        )


def why_absent(name: str, environ: Mapping[str, str]) -> str | None:
    """Why a model cannot be loaded at all, by what is known without asking the hub; None where it may be."""
    if not is_hub_id(name):
        return None if Path(name).expanduser().is_dir() else f"{name!r} is no folder here"
    if _cached(name, environ) is not None or environ.get("HF_HUB_OFFLINE", "").lower() not in _ON:
        return None
    return f"{name} is not in the hub's folder on this machine, and HF_HUB_OFFLINE forbids to fetch it"


def look(name: str, template: str | None, environ: Mapping[str, str]) -> Found:
    """What its files say; `environ` tells where hub models are kept, and whether the hub may be asked."""
    absent = why_absent(name, environ)
    if absent is not None:
        return Found([absent])
    kept = _cached(name, environ) if is_hub_id(name) else Path(name).expanduser()
    if kept is not None:
        return _look_at(kept, name, template)
    return Found([], [f"{name} is not on this machine yet: it is downloaded when the run starts, if the hub has it"])


def _look_at(folder: Path, name: str, template: str | None) -> Found:
    problems, warnings = [], []
    if not (folder / "config.json").is_file():
        problems.append(f"{name} holds no config.json, so it is no model")
    weights = [path for pattern in _WEIGHTS for path in folder.glob(pattern)]
    if not weights:
        problems.append(f"{name} holds no weights (*.safetensors)")
    if not any((folder / file).is_file() for file in _TOKENIZERS):
        problems.append(f"{name} holds no tokenizer")
    if template_of(name, template) is None:
        if not _has_chat_template(folder):
            problems.append(f"{name} has no chat template of its own: name one, such as --set template=chatml")
        else:
            warnings.append("template: read from the model's own tokenizer, as no family of LLaMA-Factory's is known")
    config = _json(folder / "config.json")
    size = sum(path.stat().st_size for path in weights) or None
    return Found(problems, warnings, size, config.get("dtype") or config.get("torch_dtype"))


def _has_chat_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file():
        return True
    return bool(_json(folder / "tokenizer_config.json").get("chat_template"))


def _json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _cached(name: str, environ: Mapping[str, str]) -> Path | None:
    """The newest snapshot in the hub's own folder, where it keeps what was downloaded."""
    home = environ.get("HF_HOME") or "~/.cache/huggingface"
    hub = Path(environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
    snapshots = hub / f"models--{name.replace('/', '--')}" / "snapshots"
    whole = [folder for folder in snapshots.glob("*") if (folder / "config.json").is_file()]
    return max(whole, key=lambda folder: folder.stat().st_mtime, default=None)
