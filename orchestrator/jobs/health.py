"""Reading a training curve: overfitting, plateau, divergence, or too few evaluations to tell. Pure.

Each diagnosis carries its evidence in plain words, so that a person can disagree with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, variance
from typing import Literal, NamedTuple

from providers.records import MetricPoint

__all__ = ["Diagnosis", "best_step", "diagnose"]

Named = Literal["overfitting", "plateau", "divergence", "too_few_evaluations"]

# A rise below this share is within the noise of a validation loss on a few hundred rows.
_RISE = 0.02
# A plateau: the last third of training improved the loss by less than this share.
_FLAT = 0.01
# Means whose noise is above this share of the loss say nothing yet.
_READABLE = 0.05
_MIN_EVALUATIONS = 3
_MIN_STEPS = 12
_DIVERGED = 1.5
_MIN_STEPS_TO_DIVERGE = 40


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`name` is stable, `evidence` holds the figures, `advice` what to change. `since_step`: where it began."""

    name: Named
    evidence: str
    advice: str
    since_step: int | None = None


def diagnose(points: Sequence[MetricPoint], *, ended: bool = False) -> tuple[Diagnosis, ...]:
    """What the curve shows so far, points by rising step. `ended`: the job is over, so "too few" may be said."""
    found = [_divergence(points), _overfitting(points), _plateau(points)]
    diagnoses = [item for item in found if item is not None]
    evaluations = [point for point in points if point.valid_loss is not None]
    if ended and not diagnoses and len(evaluations) < _MIN_EVALUATIONS:
        diagnoses.append(
            Diagnosis(
                "too_few_evaluations",
                f"only {len(evaluations)} validation points: overfitting cannot be seen",
                "give a validation file and ask for more evaluations during training",
            )
        )
    return tuple(diagnoses)


def best_step(points: Sequence[MetricPoint]) -> int | None:
    """The step with the lowest validation loss; None when nothing was validated."""
    validated = [(point.valid_loss, point.step) for point in points if point.valid_loss is not None]
    return min(validated)[1] if validated else None


def _overfitting(points: Sequence[MetricPoint]) -> Diagnosis | None:
    """Validation loss has risen from its lowest point while training loss kept falling."""
    valid = [(point.step, point.valid_loss) for point in points if point.valid_loss is not None]
    if len(valid) < _MIN_EVALUATIONS:
        return None
    step, lowest = min(valid, key=lambda item: item[1])
    last = valid[-1][1]
    after = [loss for at, loss in valid if at > step]
    if not after or last < lowest * (1 + _RISE):
        return None
    before, since = _train_loss(points, up_to=step), _train_loss(points, after=step)
    if before is None or since is None or since >= before:
        return None
    return Diagnosis(
        "overfitting",
        f"validation loss rose from {lowest:.3f} at step {step} to {last:.3f} while training loss fell from "
        f"{before:.3f} to {since:.3f}",
        "use fewer epochs or the checkpoint nearest that step, or add and clean rows",
        since_step=step,
    )


def _plateau(points: Sequence[MetricPoint]) -> Diagnosis | None:
    """The last third of the steps lies level with the third before it, by their means and the noise around them."""
    losses = [(point.step, point.train_loss) for point in points if point.train_loss is not None]
    if len(losses) < _MIN_STEPS:
        return None
    middle, last, noise = _thirds([loss for _, loss in losses])
    # Too noisy to call level, or too far apart to be noise.
    if middle <= 0 or noise > _READABLE * middle or abs(middle - last) > max(_FLAT * middle, noise):
        return None
    if _rewards_part(points):
        return None
    return Diagnosis(
        "plateau",
        f"training loss moved from {middle:.3f} to {last:.3f} over the last third of the steps",
        "more epochs will not help; look at the data, or raise the learning rate",
        since_step=losses[-(len(losses) // 3)][0],
    )


def _rewards_part(points: Sequence[MetricPoint]) -> bool:
    """Preference training starts on a level: in the first pass every pair is new, and the loss stays near ln 2.

    Later the margin between the two answers may still grow while the loss seems to rest.
    """
    margins = [point.reward_margin for point in points if point.reward_margin is not None]
    if len(margins) < _MIN_STEPS:
        return False
    middle, last, noise = _thirds(margins)
    return (points[len(points) // 3].epoch or 0) <= 1 or last - middle > noise


class _Thirds(NamedTuple):
    """Means of the third before the last and of the last, and the noise of their difference (one standard error)."""

    middle: float
    last: float
    noise: float


def _thirds(values: Sequence[float]) -> _Thirds:
    third = len(values) // 3
    earlier, later = (values[at:][:third] for at in (-2 * third, -third))
    return _Thirds(fmean(earlier), fmean(later), sqrt((variance(earlier) + variance(later)) / third))


def _divergence(points: Sequence[MetricPoint]) -> Diagnosis | None:
    """Training loss is far above its own lowest level, or not a number."""
    losses = [(point.step, point.train_loss) for point in points if point.train_loss is not None]
    broken = next((step for step, loss in losses if loss != loss or loss == float("inf")), None)
    if broken is not None:
        return Diagnosis(
            "divergence", f"training loss is not a number since step {broken}", "lower the learning rate", broken
        )
    if len(losses) < _MIN_STEPS_TO_DIVERGE:
        return None
    quarter = len(losses) // 4
    windows = [fmean(loss for _, loss in losses[i : i + quarter]) for i in range(0, len(losses) - quarter + 1)]
    lowest, last = min(windows), windows[-1]
    # Single steps jump about; only a loss that is back where it began, after having fallen, has diverged.
    if last < windows[0] or last <= lowest * _DIVERGED:
        return None
    return Diagnosis(
        "divergence",
        f"training loss rose from {lowest:.3f} back to {last:.3f}, where it began",
        "lower the learning rate or the batch size",
        losses[windows.index(lowest)][0],
    )


def _train_loss(points: Sequence[MetricPoint], up_to: int | None = None, after: int | None = None) -> float | None:
    """Mean of the last few training losses up to a step, or of the last few after it."""
    losses = [
        point.train_loss
        for point in points
        if point.train_loss is not None
        and (up_to is None or point.step <= up_to)
        and (after is None or point.step > after)
    ]
    return fmean(losses[-5:]) if losses else None
