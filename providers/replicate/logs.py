"""A training's log, which Replicate gives as one text: its lines as events, and the metrics that some lines tell. Pure.

A line tells metrics when the whole of it is pairs of a name and a number, one of which is the step: as JSON
(`{"step": 10, "loss": 0.5}`), as Python prints a dict (`{'step': 10, 'loss': 0.5}`), or plain
(`step=10 loss=0.5`, `step: 10, eval_loss: 0.4`). Any other line is only shown: no number is read out of prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from ..records import JobEvent, MetricPoint
from ..wire import integer, latest_attempt, loss

__all__ = ["lines_of", "log_events", "metrics"]

_NAME = r"[A-Za-z_][\w./]*"
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|NaN|nan|[Ii]nf(?:inity)?)"
_PAIR = rf"""["']?({_NAME})["']?\s*[:=]\s*["']?({_NUMBER})["']?"""
_LINE = re.compile(rf"\{{?\s*{_PAIR}(?:(?:\s*[,|;]\s*|\s+){_PAIR})*\s*\}}?")
_PAIRS = re.compile(_PAIR)
_LONGEST = 2_000
"""Characters: a longer line is no line of metrics, and is not looked through."""

_STEPS = ("step", "global_step", "train/global_step", "steps")
_KEYS: Mapping[str, Sequence[str]] = {
    "epoch": ("epoch", "train/epoch"),
    "train_loss": ("loss", "train_loss", "train/loss", "training_loss"),
    "train_accuracy": ("accuracy", "train_accuracy", "mean_token_accuracy", "train/mean_token_accuracy"),
    "valid_loss": ("eval_loss", "valid_loss", "val_loss", "validation_loss", "eval/loss"),
    "valid_accuracy": ("eval_accuracy", "valid_accuracy", "val_accuracy", "eval_mean_token_accuracy"),
    "learning_rate": ("learning_rate", "lr", "train/learning_rate"),
}
"""Names as Hugging Face's Trainer, TRL and scripts after them write them."""


def lines_of(logs: object, *, over: bool) -> list[str]:
    """The lines that are whole: the last one may still grow until the training is over.

    Of a line that was drawn over, as progress bars are, what stands last.
    """
    text = logs if isinstance(logs, str) else ""
    whole = text.split("\n")
    if not over or not whole[-1]:
        whole = whole[:-1]
    return [line.rstrip("\r").rpartition("\r")[2] for line in whole]


def log_events(lines: Sequence[str]) -> tuple[JobEvent, ...]:
    """Every line that is not blank. The log has no times; an id is the line's number and what it says."""
    return tuple(
        JobEvent(id=f"line-{number}-{_digest(line)}", at=None, level="info", message=line, type="log")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )


def metrics(lines: Sequence[str]) -> tuple[MetricPoint, ...]:
    """One point a step by rising step; lines of one step are joined, and of an attempt begun anew nothing is left."""
    steps: dict[int, dict[str, float]] = {}
    for step, values in latest_attempt(_told(lines)):
        steps.setdefault(step, {}).update(values)
    return tuple(MetricPoint(step=step, **steps[step]) for step in sorted(steps))


def _told(lines: Sequence[str]) -> Iterator[tuple[int, dict[str, float]]]:
    for line in lines:
        text = line.strip()
        if len(text) > _LONGEST or not _LINE.fullmatch(text):
            continue
        found = {name.lower(): value for name, value in _PAIRS.findall(text)}
        step = next((known for name in _STEPS if (known := integer(found.get(name))) is not None), None)
        values = {name: value for name, keys in _KEYS.items() if (value := _first(found, keys)) is not None}
        if step is not None and step >= 0 and values.keys() - {"epoch", "learning_rate"}:
            yield step, values


def _first(found: Mapping[str, str], keys: Sequence[str]) -> float | None:
    return next((value for key in keys if (value := loss(found.get(key))) is not None), None)


def _digest(line: str) -> str:
    return sha256(line.encode("utf-8", "replace")).hexdigest()[:8]
