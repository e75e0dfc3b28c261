"""Which numbers the page's two charts draw. Drawing them is left to the charting library inside the page."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from .view import CurvePoint, Estimate, ReportView, TrainingView, VerdictView

__all__ = ["charts"]

# Beyond this many training points the curve is drawn as a running mean over as many steps as it exceeds it.
_DRAWN_POINTS = 60


def charts(view: ReportView) -> dict[str, Any]:
    """Data for `verdict` (the interval against the rule's lines), `loss` and `accuracy`; None where there is none."""
    return {
        "verdict": _verdict(view.verdict) if view.verdict else None,
        "loss": _curves(view.training, "loss") if view.training else None,
        "accuracy": _curves(view.training, "accuracy") if view.training else None,
    }


def _verdict(verdict: VerdictView) -> dict[str, Any] | None:
    rule = verdict.rule
    improvement = _interval(verdict.improvement.get(rule.improvement), [0.0, rule.skip_below, rule.deploy_at])
    return improvement or _interval(verdict.difference, [0.0])


def _interval(estimate: Estimate | None, lines: list[float]) -> dict[str, Any] | None:
    """None unless both ends are known: half an interval is not drawn."""
    if estimate is None or not all(_known(end) for end in (estimate.value, estimate.low, estimate.high)):
        return None
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high, "lines": lines}


def _known(number: float | None) -> bool:
    return number is not None and math.isfinite(number)


def _curves(training: TrainingView, metric: str) -> dict[str, Any] | None:
    points = _by_step(training.points)
    train, valid = (_series(points, f"{part}_{metric}") for part in ("train", "valid"))
    if not any(_known(number) for number in (*train, *valid)):
        return None
    window = max(1, sum(map(_known, train)) // _DRAWN_POINTS)
    train = _running_mean(train, window)
    steps = [point.step for point in points]
    marks = [{"step": one.step, "name": one.name} for one in training.diagnoses if one.step is not None]
    return {
        "steps": steps,
        "train": train,
        "valid": valid,
        "epochs": epoch_marks(points),
        "marks": marks,
        "window": window,
    }


def _by_step(points: Iterable[CurvePoint]) -> list[CurvePoint]:
    """One point a step, in order: platforms that report training and validation apart give two for the same step."""
    merged: dict[int, CurvePoint] = {}
    for point in points:
        known = {one.name: getattr(point, one.name) for one in fields(point) if getattr(point, one.name) is not None}
        merged[point.step] = replace(merged.get(point.step, point), **known)
    return [merged[step] for step in sorted(merged)]


def _series(points: list[CurvePoint], name: str) -> list[float | None]:
    return [getattr(point, name) for point in points]


def _running_mean(series: list[float | None], window: int) -> list[float | None]:
    """Each known number as the mean of itself and the known ones before it, `window` in all.

    The loss of a single step jumps with the rows in its batch; with a batch of one row nothing else could be read.
    """
    if window == 1:
        return series
    last: deque[float] = deque(maxlen=window)
    means: list[float | None] = []
    for number in series:
        if number is None or not math.isfinite(number):
            means.append(None)
            continue
        last.append(number)
        means.append(sum(last) / len(last))
    return means


def epoch_marks(points: list[CurvePoint]) -> list[dict[str, int]]:
    """The first step at or past the end of each whole epoch, as far as the platform says which epoch a step is in."""
    marks: list[dict[str, int]] = []
    for point in points:
        ended = int(point.epoch) if point.epoch is not None else 0
        if ended > (marks[-1]["epoch"] if marks else 0):
            marks.append({"step": point.step, "epoch": ended})
    return marks
