"""The metrics file of a Fireworks job: JSON lines behind a signed address. Pure.

Its form is documented nowhere. The names read here are those that users' own tools find in it (2026-07): one object a
step, flat or below `data`, with `train/loss` and, for preference jobs, `train/margin` and `train/accuracy`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ..records import JsonObject, MetricPoint
from ..wire import integer, latest_attempt, loss

__all__ = ["points"]

_STEP_KEYS = ("step", "train/step", "eval/step")
_KEYS: Mapping[str, Sequence[str]] = {
    "epoch": ("train/epoch", "epoch"),
    "train_loss": ("train/loss", "loss", "train/dpo_loss"),
    "valid_loss": ("eval/loss", "eval_loss", "valid/loss", "eval/dpo_loss"),
    "learning_rate": ("train/learning_rate", "train/lr", "learning_rate"),
}
_SUPERVISED: Mapping[str, Sequence[str]] = {
    "train_accuracy": ("train/accuracy", "train/mean_token_accuracy"),
    "valid_accuracy": ("eval/accuracy", "eval/mean_token_accuracy"),
}
_PREFERENCE: Mapping[str, Sequence[str]] = {
    "reward_accuracy": ("train/accuracy",),
    "reward_margin": ("train/margin",),
    "valid_reward_accuracy": ("eval/accuracy",),
    "valid_reward_margin": ("eval/margin",),
}


def points(text: str, *, preference: bool) -> tuple[MetricPoint, ...]:
    """One point a step, by rising step; a line that is torn or no JSON object is passed over.

    A step that is told again after later ones was trained again: of the earlier attempt nothing is left.
    """
    told = [(step, row) for line in text.splitlines() if (row := _row(line)) and (step := _step(row)) is not None]
    keys, steps = {**_KEYS, **(_PREFERENCE if preference else _SUPERVISED)}, dict[int, dict[str, float]]()
    for step, row in latest_attempt(told):
        values = {name: _first(row, names) for name, names in keys.items()}
        steps.setdefault(step, {}).update({name: value for name, value in values.items() if value is not None})
    return tuple(MetricPoint(step=step, **steps[step]) for step in sorted(steps))


def _row(line: str) -> JsonObject | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, Mapping):
        return None
    inner = found.get("data")
    return {**found, **inner} if isinstance(inner, Mapping) else found


def _step(row: JsonObject) -> int | None:
    return next((step for key in _STEP_KEYS if (step := integer(row.get(key))) is not None), None)


def _first(row: JsonObject, keys: Sequence[str]) -> float | None:
    return next((found for key in keys if (found := loss(row.get(key))) is not None), None)
