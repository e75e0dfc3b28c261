"""Divergence: the training loss climbs back, for good, or is no number any more. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from statistics import fmean

from .diagnosis import Diagnosis
from .limits import LIMITS
from .series import Curve, standard_error

__all__ = ["divergence"]

_ADVICE = "lower the learning rate or the batch size"


def divergence(curve: Curve) -> Diagnosis | None:
    """A loss that is no number; or one that fell, and has climbed back beyond its noise."""
    if curve.broken is not None:
        step, which = curve.broken
        return Diagnosis("divergence", f"{which} loss is not a number since step {step}", _ADVICE, step)
    losses = [item.loss for item in curve.train]
    if len(losses) < LIMITS.min_steps_to_diverge:
        return None
    width = max(3, len(losses) // (4 if len(losses) >= LIMITS.long_curve else 3))
    windows = _running_means(losses, width)
    place = min(range(len(windows)), key=lambda at: windows[at])
    first, lowest, last = windows[0], windows[place], windows[-1]
    if last < LIMITS.climbed * lowest or last - lowest < LIMITS.given_back * (first - lowest):
        return None
    noise = hypot(standard_error(losses[place : place + width]), standard_error(losses[-width:]))
    high = sum(loss > lowest for loss in losses[-width:])
    if last - lowest <= LIMITS.climb_noise * noise or high < LIMITS.high_share * width:
        return None
    step = curve.train[place + width - 1].step
    return Diagnosis(
        "divergence",
        f"training loss climbed from {lowest:.3f} (around step {step}) to {last:.3f}; it began at {first:.3f}",
        _ADVICE,
        step,
    )


def _running_means(losses: Sequence[float], width: int) -> list[float]:
    return [fmean(losses[at : at + width]) for at in range(len(losses) - width + 1)]
