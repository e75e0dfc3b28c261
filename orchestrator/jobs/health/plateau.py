"""Plateau: the training loss has stopped falling. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from .diagnosis import Diagnosis
from .limits import LIMITS
from .series import Curve, Loss, level, scatter, thirds

__all__ = ["plateau"]

_ONE_SIDED_95 = 1.645


def plateau(curve: Curve, *, ended: bool) -> Diagnosis | None:
    """The last third of the steps lies level with the third before it, and the noise leaves room for no real gain."""
    losses = [item.loss for item in curve.train]
    if len(losses) < (LIMITS.min_steps if ended else LIMITS.min_steps_running) or _may_only_begin(curve, ended):
        return None
    middle, last, noise = thirds(losses)
    gained = middle - last
    if middle <= 0 or abs(gained) > max(LIMITS.flat * middle, noise):
        return None
    if gained + _ONE_SIDED_95 * noise > LIMITS.gain * middle or _still_learns(curve):
        return None
    third = curve.train[-(len(losses) // 3) :]
    return Diagnosis(
        "plateau",
        f"training loss moved from {middle:.3f} to {last:.3f} over the last third of the steps ({len(third)}, "
        f"± {noise:.3f})",
        "more epochs will not help; look at the data, or raise the learning rate",
        since_step=third[0].step,
    )


def _may_only_begin(curve: Curve, ended: bool) -> bool:
    """Warm-up is level too, and in preference training every pair is new, and the loss ln 2, in the first pass."""
    if ended and not curve.margins:
        return False
    # The comparison starts with the second third: in preference training that one must lie past the first pass.
    if curve.margins:
        return (curve.epoch or 0.0) / 3 <= 1
    return curve.epoch is not None and curve.epoch < LIMITS.passes_running


def _still_learns(curve: Curve) -> bool:
    """The validation loss still falls, or, in preference training, the margin between the two answers still grows."""
    if len(curve.margins) >= LIMITS.min_steps:
        middle, last, noise = thirds(curve.margins)
        if last - middle > noise:
            return True
    return _falls(curve.valid, since=curve.train[-(len(curve.train) // 3)].step)


def _falls(valid: Sequence[Loss], since: int) -> bool:
    before = [item for item in valid if item.step < since][-LIMITS.tail :]
    after = [item for item in valid if item.step >= since][-LIMITS.tail :]
    if not before or not after:
        return False
    fell = level(before) - level(after)
    if len(valid) < LIMITS.noise_evaluations:
        return fell > LIMITS.gain * level(before)
    noise = scatter(valid) * sqrt(1 / len(before) + 1 / len(after))
    return fell > max(LIMITS.flat * level(before), LIMITS.rise_noise * noise)
