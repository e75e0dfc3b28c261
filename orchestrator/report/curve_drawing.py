"""The training curves' pictures: lines, axes, epochs, what was noticed, and the checkpoint that was evaluated. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .curves import Series, series_of
from .scales import Scale, round_numbers
from .view import TrainingView

__all__ = ["PLOT_PX", "CurveDrawing", "Mark", "draw_curves"]

PLOT_PX = 220
_WIDE = 1000
_FEW = 60
_MOST_EPOCHS = 8
_LONGEST_NAME = 20


class Mark(NamedTuple):
    """A place on the picture with its words: `at` in percent of the width, or pixels from the top on the upright axis.

    `y`: pixels from the top, for a ring on a curve. `anchor`: SVG's `text-anchor`.
    """

    at: float
    words: str
    anchor: str = "middle"
    y: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveDrawing:
    """One metric. Paths are in a box of 1000 × `PLOT_PX`; dots are (percent, pixels), none where there are many."""

    name: str
    series: Series
    train: str
    valid: str
    train_dots: tuple[tuple[float, float], ...]
    valid_dots: tuple[tuple[float, float], ...]
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]
    epochs: tuple[Mark, ...]
    noticed: tuple[Mark, ...]
    chosen: Mark | None
    places: tuple[float, ...]


def draw_curves(training: TrainingView | None) -> dict[str, CurveDrawing]:
    """The pictures of loss and accuracy, as far as the platform reported them."""
    if training is None:
        return {}
    found = {name: series_of(training, name) for name in ("loss", "accuracy")}
    return {name: _draw(name, series, training) for name, series in found.items() if series is not None}


def _draw(name: str, series: Series, training: TrainingView) -> CurveDrawing:
    across = Scale(min(0, series.steps[0]), series.steps[-1])
    numbers = [number for number in (*series.train, *series.valid) if number is not None]
    low, high = min(numbers), max(numbers)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 0.5
    up = Scale(low - room, high + room)
    chosen = next((one for one in training.checkpoints if one.chosen), None)
    return CurveDrawing(
        name=name,
        series=series,
        train=_path(series.steps, series.train, across, up),
        valid=_path(series.steps, series.valid, across, up),
        train_dots=_dots(series.steps, series.train, across, up),
        valid_dots=_dots(series.steps, series.valid, across, up),
        across=tuple(_whole_steps(across)),
        up=tuple(Mark(_y(up, n), _words(n, name), "end") for n in round_numbers(up.first, up.last, 5)),
        epochs=tuple(_epochs(series, across)),
        noticed=tuple(
            _ring(one.step, one.name.replace("_", " ")[:_LONGEST_NAME], series, across, up)
            for one in training.diagnoses
            if one.step is not None
        ),
        chosen=None if chosen is None else _ring(chosen.step, f"evaluated: step {chosen.step:,}", series, across, up),
        places=tuple(map(across.at, series.steps)),
    )


def _y(up: Scale, number: float) -> float:
    return round(PLOT_PX * (1 - up.at(number) / 100), 1)


def _words(number: float, name: str) -> str:
    return f"{number * 100:g}%" if name == "accuracy" else f"{number:g}"


def _path(steps: Sequence[int], numbers: Sequence[float | None], across: Scale, up: Scale) -> str:
    """Straight lines over what was not measured between."""
    places = [(across.at(s) * _WIDE / 100, _y(up, n)) for s, n in zip(steps, numbers, strict=True) if n is not None]
    return " ".join(f"{'L' if i else 'M'}{x:.1f} {y}" for i, (x, y) in enumerate(places))


def _dots(
    steps: Sequence[int], numbers: Sequence[float | None], across: Scale, up: Scale
) -> tuple[tuple[float, float], ...]:
    dots = tuple((across.at(s), _y(up, n)) for s, n in zip(steps, numbers, strict=True) if n is not None)
    return dots if len(dots) <= _FEW else ()


def _whole_steps(across: Scale) -> list[Mark]:
    numbers = sorted({math.floor(n) for n in round_numbers(across.first, across.last, 6)})
    places = [(across.at(n), n) for n in numbers]
    return [Mark(at, f"{n:,}", "start" if at < 3 else "end" if at > 97 else "middle") for at, n in places]


def _epochs(series: Series, across: Scale) -> list[Mark]:
    every = math.ceil(len(series.epochs) / _MOST_EPOCHS) or 1
    return [Mark(across.at(step), f"epoch {epoch}", "end") for epoch, step in series.epochs if epoch % every == 0]


def _ring(step: int, words: str, series: Series, across: Scale, up: Scale) -> Mark:
    """On the validation curve at that step or the last one before it, else on the training curve."""
    at = across.at(step)
    before = [i for i, one in enumerate(series.steps) if one <= step]
    reading = next(
        (numbers[i] for numbers in (series.valid, series.train) for i in reversed(before) if numbers[i] is not None),
        None,
    )
    anchor = "end" if at > 50 else "start"
    return Mark(at, words, anchor, _y(up, reading) if reading is not None else PLOT_PX / 2)
