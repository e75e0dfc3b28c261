"""Curves as text, and counting answered questions: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isfinite
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .shell import Shell

if TYPE_CHECKING:
    from providers.records import MetricPoint

__all__ = ["Counter", "curve_text", "sparkline"]

_LATELY = 20  # steps: a batch may be a single pair
_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """The values, averaged into at most `width` bars from ▁ to █."""
    if not values:
        return ""
    count = min(width, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(_BARS[round((mean - low) / span * (len(_BARS) - 1))] for mean in means)


def curve_text(points: Sequence[MetricPoint]) -> str:
    """Training and validation loss as bars with their last values; in preference training what the rewards say too.

    A loss that is no number has no bar, and is said where it is the last.
    """
    parts = []
    for name, losses in (
        ("train loss", [p.train_loss for p in points if p.train_loss is not None]),
        ("valid loss", [p.valid_loss for p in points if p.valid_loss is not None]),
        ("reward margin", [p.reward_margin for p in points if p.reward_margin is not None]),
    ):
        if losses:
            parts.append(f"{name} {sparkline([loss for loss in losses if isfinite(loss)])} {losses[-1]:.3f}")
    return "  ".join([*parts, *_preferred(points)])


def _preferred(points: Sequence[MetricPoint]) -> list[str]:
    """How often the preferred answer has the higher reward: lately in training, and of the validation rows."""
    lately = [p.reward_accuracy for p in points if p.reward_accuracy is not None][-_LATELY:]
    held_out = [p.valid_reward_accuracy for p in points if p.valid_reward_accuracy is not None][-1:]
    told = [("preferred answer ahead in", lately), ("in validation", held_out)]
    return [f"{name} {sum(shares) / len(shares):.0%}" for name, shares in told if shares]


_SAY_EVERY_S = 30.0


class Counter:
    """Counts answered questions: a bar on a terminal, elsewhere a line now and then."""

    def __init__(self, shell: Shell, elapsed_s: Callable[[], float] = time.monotonic) -> None:
        self._shell = shell
        self._elapsed_s = elapsed_s
        self._bar: Any = None
        self._task: Any = None
        self._said_at = -_SAY_EVERY_S
        self._done = -1

    def __enter__(self) -> Counter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        if self._shell.err.is_terminal:
            self._draw(done, total)
        else:
            self._say(done, total)

    def _say(self, done: int, total: int) -> None:
        first, last = self._done < 0, done == total
        if done == self._done or not (first or last or self._elapsed_s() - self._said_at >= _SAY_EVERY_S):
            return
        self._done, self._said_at = done, self._elapsed_s()
        self._shell.err.print(f"asking the models: {done} of {total} answers")

    def _draw(self, done: int, total: int) -> None:
        if self._bar is None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("asking the models"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self._shell.err, transient=True)
            self._task = self._bar.add_task("", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done)
