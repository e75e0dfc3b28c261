"""Overfitting: the training loss falls while the validation loss rises. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from .diagnosis import Diagnosis
from .limits import LIMITS
from .series import Curve, Loss, level, scatter, standard_error

__all__ = ["overfitting"]


class _Rise(NamedTuple):
    """From the lowest validation loss to where it stands at the end, and over how many evaluations."""

    lowest: Loss
    last: float
    after: int


def overfitting(curve: Curve, *, ended: bool) -> Diagnosis | None:
    """Since its lowest point the validation loss rose beyond its noise, while the training loss went on falling."""
    rise = _rise(curve.valid, ended)
    if rise is None:
        return None
    training = _training(curve.train, rise.lowest.step)
    if training is None:
        return None
    before, since = training
    share = rise.last / rise.lowest.loss - 1
    return Diagnosis(
        "overfitting",
        f"validation loss rose by {share:.0%} from {rise.lowest.loss:.3f} at step {rise.lowest.step} to {rise.last:.3f}"
        f" ({_evaluations(rise.after)}) while training loss fell from {before:.3f} to {since:.3f}",
        f"use fewer epochs or the checkpoint nearest step {rise.lowest.step}, or add and clean rows",
        since_step=rise.lowest.step,
    )


def _evaluations(count: int) -> str:
    return "1 evaluation later" if count == 1 else f"over {count} evaluations"


def _rise(valid: Sequence[Loss], ended: bool) -> _Rise | None:
    if len(valid) < LIMITS.min_evaluations:
        return None
    place = min(range(len(valid)), key=lambda at: valid[at].loss)
    lowest, after = valid[place], valid[place + 1 :]
    # While the job runs it is looked at many times, and the next evaluation may take it all back.
    if len(after) < (1 if ended else 2):
        return None
    tail = after[-LIMITS.tail :]
    # Two in a row stand above it: one alone may be a bad moment, and must then be the clearer.
    stands = min(item.loss for item in tail[-2:])
    confirmed = len(after) > 1 and (ended or len(valid) >= LIMITS.noise_evaluations)
    needed = LIMITS.rise if confirmed else LIMITS.rise_of_one
    if stands < lowest.loss + max(needed * lowest.loss, LIMITS.rise_nats):
        return None
    return None if _within_noise(valid, place, tail) else _Rise(lowest, level(tail), len(after))


def _within_noise(valid: Sequence[Loss], place: int, tail: Sequence[Loss]) -> bool:
    """The lowest of many is low by luck: what lies around it is compared with the end instead."""
    if len(valid) < LIMITS.noise_evaluations:
        return False
    around = valid[max(0, place - 1) : place + 2]
    error = scatter(valid) * sqrt(1 / len(tail) + 1 / len(around))
    return level(tail) - level(around) <= LIMITS.rise_noise * error


class _Fall(NamedTuple):
    """Mean training loss around the lowest validation loss, and at the end."""

    before: float
    since: float


def _training(train: Sequence[Loss], step: int) -> _Fall | None:
    """None unless the training loss fell since that step, and does not climb at the end (that is divergence)."""
    before = [item for item in train if item.step <= step]
    after = [item for item in train if item.step > step]
    if not before or not after:
        return None
    width = max(LIMITS.train_points, len(train) // 10)
    fall = _Fall(level(before[-width:]), level(after[-width:]))
    if fall.since > fall.before * (1 - LIMITS.flat):
        return None
    error = standard_error([item.loss for item in after[-width:]]) if len(after) > 1 else 0.0
    lowest = min(level(after[at : at + width]) for at in range(max(1, len(after) - width + 1)))
    climbs = fall.since - lowest > max(LIMITS.climbing * lowest, LIMITS.rise_noise * error)
    return None if climbs else fall
