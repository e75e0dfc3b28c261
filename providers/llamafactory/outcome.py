"""What a LLaMA-Factory run has left behind: whether it really made a model, and if not, why. Reads its folder only.

An exit code alone is never believed: a launcher that started torchrun, a killed child and a full disk have all ended
with 0. What counts is the adapter's (or the model's) files and the trainer's last state beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..records import JsonObject
from ..wire import integer
from .logs import rows_of

__all__ = ["LOG", "Failure", "failure_of", "history", "log", "missing", "state", "unfinished"]

LOG = "trainer_log.jsonl"
_STATE = "trainer_state.json"
_RESULTS = "train_results.json"
_ADAPTER = ("adapter_config.json", ("adapter_model.safetensors", "adapter_model.bin"))
_WHOLE = (
    "config.json",
    ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"),
)
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_LAST_WORDS = re.compile(r"^(?:[\w.]+\.)?([A-Z]\w*(?:Error|Exception|Interrupt)): ?(.*)$")
_NO_MEMORY = ("CUDA out of memory", "OutOfMemoryError", "can't allocate memory", "not enough memory", "MemoryError")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why it failed: a code of ours, and the trainer's own last words."""

    code: str
    words: str


def missing(output: Path, *, lora: bool, early: bool) -> tuple[str, ...]:
    """What a finished run must have left and this one has not; empty means that there is a model.

    `early`: early stopping was on, so the last step may come before the planned one.
    """
    found = []
    config, weights = _ADAPTER if lora else _WHOLE
    if not _filled(output / config):
        found.append(config)
    if not any(_filled(output / name) for name in weights):
        found.append(weights[0])
    if not _filled(output / _RESULTS):
        found.append(_RESULTS)
    last = _read(output / _STATE)
    step, total = integer(last.get("global_step")), integer(last.get("max_steps"))
    if step is None or total is None:
        found.append(_STATE)
    elif step < total and not early:
        found.append(f"steps {step + 1} to {total} of {_STATE}")
    return tuple(found)


def log(output: Path) -> list[JsonObject]:
    """The lines of the training log so far."""
    try:
        return rows_of((output / LOG).read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return []


def state(output: Path) -> JsonObject:
    """The trainer's newest state: the final one, else the last checkpoint's; empty before the first save."""
    folders = [output, *(folder for _, folder in sorted(_saved(output), reverse=True))]
    return next((found for folder in folders if (found := _read(folder / _STATE))), {})


def history(output: Path) -> list[JsonObject]:
    """What the trainer has kept about each logged step, as of the newest save."""
    rows = state(output).get("log_history")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def unfinished(output: Path) -> tuple[Path, ...]:
    """Saves that were cut short: the trainer writes its state last."""
    return tuple(folder for _, folder in _saved(output) if not _read(folder / _STATE))


def failure_of(stderr: str, exit_code: int | None) -> Failure:
    """Why it failed, by the end of what it said: memory first, then the last exception, then the exit code."""
    for line in stderr.splitlines():
        if any(sign in line for sign in _NO_MEMORY):
            return Failure("out_of_memory", line.strip())
    words = [found for line in stderr.splitlines() if (found := _LAST_WORDS.match(line.strip()))]
    # Under torchrun the last one is the launcher's own, which only says that a child has failed.
    own = [found for found in words if found[1] not in ("ChildFailedError", "CalledProcessError")] or words
    if own:
        return Failure(own[-1][1], f"{own[-1][1]}: {own[-1][2]}")
    return Failure("exit", "it ended without a word" if exit_code is None else f"it ended with exit code {exit_code}")


def _saved(output: Path) -> Iterator[tuple[int, Path]]:
    if not output.is_dir():
        return
    for folder in output.iterdir():
        named = _CHECKPOINT.fullmatch(folder.name)
        if named and folder.is_dir():
            yield int(named[1]), folder


def _filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _read(path: Path) -> JsonObject:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
