"""Bytes going by: a bar on a terminal, elsewhere a line at each tenth of what takes long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .text import plain_text

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Transfers", "bytes_text"]

_WORTH_WORDS = 10 * 1000**2
"""Bytes below which a transfer is over before a line about it is read."""

_STEPS = 10


def bytes_text(count: int) -> str:
    """`1,234 bytes`, `12.3 MB`: decimal units, as platforms count them."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{count:,} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


class Transfers:
    """Shows what the library tells of each transfer. `stop` takes a bar away that will not be finished."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Any = None
        self._task: Any = None
        self._step = 0
        self._what = ""

    def __call__(self, data: Mapping[str, Any]) -> None:
        what, done, total = str(data["what"]), int(data["done"]), int(data["total"])
        if self._console.is_terminal:
            self._draw(what, done, total)
        else:
            self._say(what, done, total)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, what: str, done: int, total: int) -> None:
        step = done * _STEPS // total if total else _STEPS
        if what != self._what or step < self._step:
            self._what, self._step = what, 0
        if total >= _WORTH_WORDS and step > self._step:
            self._step = step
            self._console.print(f"{what}: {bytes_text(done)} of {bytes_text(total)}, {100 * done // total}%")

    def _draw(self, what: str, done: int, total: int) -> None:
        if self._bar is None:
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
            from rich.progress import TransferSpeedColumn as Speed

            shown = TextColumn("{task.description}", markup=False)
            columns = (shown, BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task(plain_text(what), total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total, description=plain_text(what))
        if done >= total:
            self.stop()
