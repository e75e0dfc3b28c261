"""All diagnoses of one curve, in the order in which they are told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from providers.records import JobEvent, MetricPoint

from .diagnosis import Diagnosis
from .divergence import divergence
from .limits import LIMITS
from .overfitting import overfitting
from .plateau import plateau
from .series import Curve, curve_of
from .told import told

__all__ = ["best_step", "diagnose"]


def diagnose(
    points: Sequence[MetricPoint], *, ended: bool = False, events: Sequence[JobEvent] = ()
) -> tuple[Diagnosis, ...]:
    """What the curve shows so far, points in the order told. `ended`: the job is over, so "too few" may be said.

    A divergence is told alone: a curve that has broken shows nothing else.
    """
    curve = curve_of(points)
    broken = divergence(curve)
    found = [broken] if broken else [overfitting(curve, ended=ended), plateau(curve, ended=ended)]
    diagnoses = [item for item in found if item is not None]
    if ended and not diagnoses:
        diagnoses += _too_few(curve)
    return (*diagnoses, *told(events))


def _too_few(curve: Curve) -> list[Diagnosis]:
    evaluations = len(curve.valid)
    if evaluations >= LIMITS.min_evaluations:
        return []
    count = "no validation point" if not evaluations else f"only {evaluations} validation point"
    return [
        Diagnosis(
            "too_few_evaluations",
            f"{count}{'s' if evaluations > 1 else ''}: overfitting cannot be seen with fewer than "
            f"{LIMITS.min_evaluations}",
            "give a validation file and ask for more evaluations during training",
            severity="info",
        )
    ]


def best_step(points: Sequence[MetricPoint]) -> int | None:
    """The step with the lowest validation loss; None when nothing was validated."""
    validated = [(p.valid_loss, p.step) for p in points if p.valid_loss is not None and isfinite(p.valid_loss)]
    return min(validated)[1] if validated else None
