"""A curve as series of finite losses, and how much they scatter. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import inf, isfinite, sqrt
from statistics import fmean, median, variance
from typing import NamedTuple

from providers.records import MetricPoint

__all__ = ["Curve", "Loss", "Thirds", "curve_of", "level", "scatter", "standard_error", "thirds"]


class Loss(NamedTuple):
    """One loss and its step."""

    step: int
    loss: float


class Curve(NamedTuple):
    """The last attempt's losses by rising step. `broken`: the first step whose loss is no number, and which one."""

    train: tuple[Loss, ...]
    valid: tuple[Loss, ...]
    margins: tuple[float, ...]
    epoch: float | None
    broken: tuple[int, str] | None = None


def curve_of(points: Iterable[MetricPoint]) -> Curve:
    """Points in the order told; where steps go back, the job was started over and only the last attempt counts."""
    kept: list[MetricPoint] = []
    for point in points:
        while kept and kept[-1].step >= point.step:
            kept.pop()
        kept.append(point)
    margins = tuple(p.reward_margin for p in kept if p.reward_margin is not None and isfinite(p.reward_margin))
    epochs = [p.epoch for p in kept if p.epoch is not None]
    return Curve(
        tuple(Loss(p.step, p.train_loss) for p in kept if p.train_loss is not None and isfinite(p.train_loss)),
        tuple(Loss(p.step, p.valid_loss) for p in kept if p.valid_loss is not None and isfinite(p.valid_loss)),
        margins,
        max(epochs, default=None),
        _broken(kept),
    )


def _broken(points: Sequence[MetricPoint]) -> tuple[int, str] | None:
    for point in points:
        for name, loss in (("training", point.train_loss), ("validation", point.valid_loss)):
            if loss is not None and not isfinite(loss):
                return point.step, name
    return None


def level(losses: Sequence[Loss]) -> float:
    """Their mean."""
    return fmean(item.loss for item in losses)


def scatter(losses: Sequence[Loss]) -> float:
    """The standard deviation of the noise, by the median of second or third differences: a trend adds little to them.

    Of independent noise they have variance 6 and 20; the median makes single jumps harmless, and the smaller of the two
    is taken, for a bend adds to either and noise to both. Infinite for fewer than four.
    """
    second = _differences(_differences([item.loss for item in losses]))
    third = _differences(second)
    return min(_typical(second) / sqrt(6), _typical(third) / sqrt(20)) if third else inf


def _differences(values: Sequence[float]) -> list[float]:
    return [b - a for a, b in pairwise(values)]


def _typical(values: Sequence[float]) -> float:
    """A standard deviation by the median of sizes."""
    return median(map(abs, values)) / 0.6745


def standard_error(values: Sequence[float]) -> float:
    """Of their mean; infinite where one value tells nothing of its noise."""
    return sqrt(variance(values) / len(values)) if len(values) > 1 else inf


class Thirds(NamedTuple):
    """Means of the third before the last and of the last, and the noise of their difference (one standard error)."""

    middle: float
    last: float
    noise: float


def thirds(values: Sequence[float]) -> Thirds:
    """Raises `ValueError` for fewer than six values."""
    third = len(values) // 3
    if third < 2:
        raise ValueError(f"{len(values)} values make no thirds")
    earlier, later = (values[at:][:third] for at in (-2 * third, -third))
    noise = sqrt(standard_error(earlier) ** 2 + standard_error(later) ** 2)
    return Thirds(fmean(earlier), fmean(later), noise)
