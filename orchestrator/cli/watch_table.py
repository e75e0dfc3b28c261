"""The live table of `watch`: one row a run; below, the curve of a single one, or the last words of several. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .live import curve_text, sparkline
from .text import plain_text

if TYPE_CHECKING:
    from ..jobs.watch import Reading

__all__ = ["Watched", "span_text", "watch_table"]

_BARS, _SPEAKING = 12, 6
_STYLES = {"succeeded": "green", "failed": "red", "cancelled": "red", "blocked": "red", "gone": "red"}


@dataclass(slots=True)
class Watched:
    """One run as it was last seen. `said`: the platform's newest words of it."""

    name: str
    reading: Reading
    said: str = ""


def span_text(seconds: float) -> str:
    """A stretch of time with the two figures that matter: 45 s, 12 min, 3 h 05 min, 2 d 4 h."""
    if seconds < 60:
        return f"{max(seconds, 0):.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def watch_table(rows: Sequence[Watched], now: datetime) -> RenderableType:
    """The table as it looks at `now`."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("run", "state", "step", "epoch", "age", "ends in"):
        table.add_column(name, no_wrap=True)
    several = len(rows) > 1
    for name in ("train loss", "valid loss") if several else ():
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row, now, several))
    below = _last_words(rows) if several else [curve_text(row.reading.metrics) for row in rows]
    texts = [Text(plain_text(line), style="dim", overflow="ellipsis", no_wrap=True) for line in below if line]
    return Group(table, *texts)


def _last_words(rows: Sequence[Watched]) -> list[str]:
    """What the platform said last of those that still run; of many, the first few."""
    return [f"{row.name}  {row.said}" for row in rows if row.said and not row.reading.ended][:_SPEAKING]


def _cells(row: Watched, now: datetime, several: bool) -> list[Text]:
    reading, job = row.reading, row.reading.job
    last = reading.metrics[-1] if reading.metrics else None
    label = f"{job.label}, stuck?" if reading.stuck else job.label
    until = job.finished_at if reading.ended and job.finished_at else now
    texts = [
        row.name,
        label,
        str(last.step) if last else "-",
        _epoch_text(reading),
        span_text((until - reading.claim.since).total_seconds()),
        "-"
        if reading.ended or job.estimated_finish is None
        else span_text((job.estimated_finish - now).total_seconds()),
    ]
    if several:
        texts += [_loss_text(p.train_loss for p in reading.metrics), _loss_text(p.valid_loss for p in reading.metrics)]
    cells = [Text(plain_text(text)) for text in texts]
    cells[1].stylize("yellow" if reading.stuck else _STYLES.get(job.state.value, ""))
    return cells


def _ends_in(reading: Reading, now: datetime) -> str:
    """As the platform estimates it; some give no word."""
    finish = reading.job.estimated_finish
    return "-" if finish is None or reading.ended else span_text((finish - now).total_seconds())


def _epoch_text(reading: Reading) -> str:
    epochs = [point.epoch for point in reading.metrics if point.epoch is not None]
    total = reading.job.hyperparameters.get("n_epochs")
    if not epochs:
        return "-"
    return f"{epochs[-1]:.1f}" + (f" of {total}" if isinstance(total, int) else "")


def _loss_text(values: Iterable[float | None]) -> str:
    losses = [value for value in values if value is not None]
    return f"{sparkline(losses, _BARS)} {losses[-1]:.3f}" if losses else "-"
