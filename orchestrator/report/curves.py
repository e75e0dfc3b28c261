"""Training metrics as series to draw: one point a step, smoothed and thinned where there are many. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from .scales import known
from .view import CurvePoint, TrainingView

__all__ = ["Series", "epoch_marks", "series_of"]

# Beyond this many training points the curve is drawn as a running mean over as many steps as it exceeds it.
_DRAWN_POINTS = 60
_MOST_STEPS = 1200
"""More steps than the picture has pixels are thinned, evenly; a step with a validation reading always stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Training and validation by step, None where not measured. `window`: how many steps a training point averages."""

    steps: tuple[int, ...]
    train: tuple[float | None, ...]
    valid: tuple[float | None, ...]
    epochs: tuple[tuple[int, int], ...]
    window: int


def series_of(training: TrainingView, metric: str) -> Series | None:
    """The series of "loss" or "accuracy"; None where the platform reported none."""
    points = _by_step(training.points)
    train, valid = ([_finite(getattr(point, f"{part}_{metric}")) for point in points] for part in ("train", "valid"))
    if not any(known(number) for number in (*train, *valid)):
        return None
    window = max(1, sum(map(known, train)) // _DRAWN_POINTS)
    train = _running_mean(train, window)
    every = math.ceil(len(points) / _MOST_STEPS)
    kept = [i for i in range(len(points)) if i % every == 0 or i == len(points) - 1 or valid[i] is not None]
    return Series(
        steps=tuple(points[i].step for i in kept),
        train=tuple(train[i] for i in kept),
        valid=tuple(valid[i] for i in kept),
        epochs=epoch_marks(points),
        window=window,
    )


def _finite(number: float | None) -> float | None:
    return number if known(number) else None


def _by_step(points: Iterable[CurvePoint]) -> list[CurvePoint]:
    """One point a step, in order: platforms that report training and validation apart give two for the same step."""
    merged: dict[int, CurvePoint] = {}
    for point in points:
        before = merged.get(point.step)
        merged[point.step] = point if before is None else _joined(before, point)
    return [merged[step] for step in sorted(merged)]


def _joined(before: CurvePoint, after: CurvePoint) -> CurvePoint:
    found = {one.name: getattr(after, one.name) for one in fields(after)}
    return replace(before, **{name: number for name, number in found.items() if number is not None})


def _running_mean(series: Sequence[float | None], window: int) -> list[float | None]:
    """Each known number as the mean of itself and the known ones before it, `window` in all.

    The loss of a single step jumps with the rows in its batch; with a batch of one row nothing else could be read.
    """
    last: deque[float] = deque(maxlen=window)
    means: list[float | None] = []
    for number in series:
        if number is not None:
            last.append(number)
        means.append(None if number is None else number if window == 1 else sum(last) / len(last))
    return means


def epoch_marks(points: Sequence[CurvePoint]) -> tuple[tuple[int, int], ...]:
    """(epoch, step): the first step at or past the end of each whole epoch, as far as the platform says which it is."""
    marks: list[tuple[int, int]] = []
    for point in points:
        ended = int(point.epoch) if point.epoch is not None else 0
        if ended > (marks[-1][0] if marks else 0):
            marks.append((ended, point.step))
    return tuple(marks)
