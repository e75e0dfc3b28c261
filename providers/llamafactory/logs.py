"""What a LLaMA-Factory run writes while it trains: `trainer_log.jsonl`, and `trainer_state.json` at each save. Pure.

The log has a line a step as it happens; the state has more about each step (rewards of preference training), and only
as of the last save. A run that was killed and started again appends to the same log. Read from `train/callbacks.py` of
llamafactory 0.9.5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..records import JsonObject, MetricPoint
from ..wire import integer, latest_attempt, loss, number

__all__ = ["Progress", "metrics", "progress", "rows_of", "seconds"]

_LOGGED: Mapping[str, Sequence[str]] = {
    "epoch": ("epoch",),
    "train_loss": ("loss",),
    "valid_loss": ("eval_loss",),
    "learning_rate": ("lr", "learning_rate"),
    "reward_accuracy": ("accuracy", "rewards/accuracies"),
    "reward_margin": ("rewards/margins",),
    "valid_accuracy": ("eval_accuracy",),
    "valid_reward_accuracy": ("eval_rewards/accuracies",),
    "valid_reward_margin": ("eval_rewards/margins",),
}
"""Our name → theirs, in the log and in the state's history."""

_SPAN = re.compile(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the latest attempt has come. `seconds_left` None: fewer than two lines tell no pace yet."""

    step: int
    total: int
    seconds_left: float | None = None
    tokens: int | None = None


def rows_of(text: str) -> list[JsonObject]:
    """The log's whole lines; the last one may be half written, and odd ones are passed over."""
    found: list[JsonObject] = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            found.append(row)
    return found


def metrics(log: Iterable[JsonObject], history: Iterable[JsonObject] = ()) -> tuple[MetricPoint, ...]:
    """One point a step by rising step, of what the model came from: steps that were thrown away are left out.

    `history`: `log_history` of the newest state, for what the log does not tell.
    """
    steps: dict[int, dict[str, float]] = {}
    for step, row in latest_attempt(_numbered(log)):
        steps.setdefault(step, {}).update(_values(row))
    for row in history:
        known = integer(row.get("step"))
        if known is not None and known in steps:
            steps[known] = {**_values(row), **steps[known]}
    return tuple(MetricPoint(step=step, **steps[step]) for step in sorted(steps) if set(steps[step]) - {"epoch"})


def progress(log: Sequence[JsonObject]) -> Progress | None:
    """Where it stands by the log's last line, the pace taken from its latest attempt alone; None without a line.

    The log's own `remaining_time` divides by every step since the start, also those of an earlier attempt.
    """
    told = latest_attempt(_numbered(log))
    if not told:
        return None
    step, last = told[-1]
    total = integer(last.get("total_steps")) or step
    return Progress(step=step, total=total, seconds_left=_left(told, total), tokens=integer(last.get("total_tokens")))


def seconds(span: object) -> int | None:
    """A span as Python writes it ("1 day, 2:03:04"), in seconds; nonsense is None."""
    found = _SPAN.fullmatch(span) if isinstance(span, str) else None
    if found is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _numbered(log: Iterable[JsonObject]) -> list[tuple[int, JsonObject]]:
    steps = ((integer(row.get("current_steps")), row) for row in log)
    return [(step, row) for step, row in steps if step is not None]


def _values(row: JsonObject) -> dict[str, float]:
    found = {name: _first(row, keys) for name, keys in _LOGGED.items()}
    return {name: value for name, value in found.items() if value is not None}


def _first(row: JsonObject, keys: Sequence[str]) -> Any:
    return next((value for key in keys if (value := loss(row.get(key))) is not None), None)


def _left(told: Sequence[tuple[int, JsonObject]], total: int) -> float | None:
    last_step, last = told[-1]
    ended = seconds(last.get("elapsed_time"))
    if ended is None:
        return None
    first_step, began = last_step, ended
    for step, row in reversed(told):
        passed = seconds(row.get("elapsed_time"))
        if passed is None or passed > began:
            break  # the clock starts anew with each attempt
        first_step, began = step, passed
    done, took = last_step - first_step, ended - began
    return number(took / done * (total - last_step)) if done > 0 else None
