"""The verdict's picture: the improvement with its interval, against the rule's lines. Pure; the template draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .scales import Scale, known, round_numbers
from .view import Estimate, VerdictView

__all__ = ["Line", "VerdictDrawing", "Zone", "draw_verdict"]

_MOST_BESIDE = 0.75
"""How far past a line or the value an end is drawn; an interval that reaches further gets an arrow."""


class Line(NamedTuple):
    """One of the rule's lines. `anchor`: the side of its words on which they stand free of its neighbours'."""

    at: float
    words: str
    anchor: str


class Zone(NamedTuple):
    """What the rule says of an improvement in this stretch."""

    x: float
    width: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictDrawing:
    """Places in percent. `cut_low`, `cut_high`: the interval goes on beyond the picture. `measure`: what it shows."""

    measure: str
    estimate: Estimate
    low: float
    value: float
    high: float
    cut_low: bool
    cut_high: bool
    lines: tuple[Line, ...]
    zones: tuple[Zone, ...]
    ticks: tuple[Line, ...]


def draw_verdict(verdict: VerdictView | None) -> VerdictDrawing | None:
    """In the measure that decides, else in points, as the rule itself falls back; None unless both ends are known."""
    if verdict is None:
        return None
    for measure in (verdict.rule.improvement, "points"):
        estimate = verdict.improvement.get(measure) or (verdict.difference if measure == "points" else None)
        if estimate is not None and known(estimate.value, estimate.low, estimate.high):
            return _draw(measure, estimate, verdict)
    return None


def _draw(measure: str, estimate: Estimate, verdict: VerdictView) -> VerdictDrawing:
    value, low, high = (end or 0.0 for end in (estimate.value, estimate.low, estimate.high))
    skip, deploy = verdict.rule.skip_below, verdict.rule.deploy_at
    first = max(min(0.0, low), min(0.0, value) - _MOST_BESIDE)
    last = min(max(deploy, high), max(deploy, value) + _MOST_BESIDE)
    room = max((last - first) * 0.04, 0.01)
    scale = Scale(first - room, last + room)
    return VerdictDrawing(
        measure=measure,
        estimate=estimate,
        low=scale.at(low),
        value=scale.at(value),
        high=scale.at(high),
        cut_low=not scale.holds(low),
        cut_high=not scale.holds(high),
        lines=_lines(scale, skip, deploy),
        zones=_zones(scale, skip, deploy),
        ticks=_ticks(scale, deploy),
    )


def _lines(scale: Scale, skip: float, deploy: float) -> tuple[Line, ...]:
    """The words of the middle one stand right over it, those of the outer two lean away from it."""
    return (
        Line(scale.at(0.0), "0", "end"),
        Line(scale.at(skip), _percent(skip), "middle"),
        Line(scale.at(deploy), _percent(deploy), "start"),
    )


def _zones(scale: Scale, skip: float, deploy: float) -> tuple[Zone, ...]:
    edges = (0.0, scale.at(skip), scale.at(deploy), 100.0)
    names = ("stop", "iterate", "deploy")
    return tuple(Zone(a, round(b - a, 2), name) for a, b, name in zip(edges, edges[1:], names, strict=False) if b > a)


def _ticks(scale: Scale, deploy: float) -> tuple[Line, ...]:
    """Round numbers where the rule's own lines leave room."""
    lines = (scale.at(0.0), scale.at(deploy))
    free = (
        (scale.at(number), number)
        for number in round_numbers(scale.first, scale.last)
        if not lines[0] - 12 < scale.at(number) < lines[1] + 12
    )
    return tuple(
        Line(at, _percent(number), "end" if at > 95 else "start" if at < 5 else "middle") for at, number in free
    )


def _percent(number: float) -> str:
    return f"{round(number * 100, 1):g}%".replace("-", "−")
