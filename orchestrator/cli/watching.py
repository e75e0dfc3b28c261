"""Showing what is watched: a live table with curves on a terminal, elsewhere one line a change."""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .live import curve_text
from .shell import Shell

if TYPE_CHECKING:
    from ..jobs.watch import Reading
    from .watch_table import Watched

__all__ = ["Watcher"]

_A_SECOND = 2


class Watcher:
    """Shows each reading. Use as a context manager; call it with every `Reading`, and the run's name where several.

    The table is drawn afresh twice a second, for ages and times left to move between two looks.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._live: Any = None
        self._rows: dict[str, Watched] = {}
        self._said: set[tuple[str, str]] = set()
        self._states: dict[str, str] = {}

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def __call__(self, reading: Reading, name: str = "") -> None:
        self._shell.job_ended = reading.ended
        self._draw(reading, name)
        prefix = f"{name}  " if name else ""
        job, key = reading.job, reading.claim.intent_id
        if self._states.get(key) != job.label:
            self._states[key] = job.label
            self._shell.err.print(f"{prefix}{_state_text(reading)}")
        # In the table of several the newest stands in its row; one run alone has room for all.
        for event in reading.new_events if not name else ():
            if event.type != "metrics":
                self._shell.err.print(f"  {event.message}", style="dim")
        for diagnosis in reading.diagnoses:
            style = "yellow" if diagnosis.severity == "warning" else "dim"
            self._once(key, f"{prefix}{diagnosis.text}", diagnosis.name, style=style)
        if reading.stuck is None:
            self._said.discard((key, "stuck"))
        else:
            self._once(key, f"{prefix}{reading.stuck.text}", "stuck", style="yellow")
        if reading.ended and not name:
            self._end(reading)

    def _draw(self, reading: Reading, name: str) -> None:
        if not self._shell.err.is_terminal:
            return
        from .watch_table import Watched

        key = reading.claim.intent_id
        row = self._rows.setdefault(key, Watched(name or self._shell.run_id or "", reading))
        row.reading = reading
        row.said = next((e.message for e in reversed(reading.new_events) if e.type != "metrics"), row.said)
        if self._live is None:
            # Started with the first reading: it would fight with the question that comes before it.
            from rich.live import Live

            self._live = Live(
                console=self._shell.err, get_renderable=self._table, refresh_per_second=_A_SECOND, transient=True
            )
            self._live.start()

    def _table(self) -> Any:
        from .watch_table import watch_table

        return watch_table(tuple(self._rows.values()), datetime.now(UTC))

    def _end(self, reading: Reading) -> None:
        self._stop()
        if reading.metrics:
            self._shell.err.print(f"  {curve_text(reading.metrics)}")

    def _stop(self) -> None:
        """The table stays on the screen as it was last: it is printed once more, for good."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()
            self._shell.err.print(self._table())

    def _once(self, key: str, text: str, what: str, style: str = "") -> None:
        if (key, what) not in self._said:
            self._said.add((key, what))
            self._shell.err.print(text, style=style)


def _state_text(reading: Reading) -> str:
    job = reading.job
    until = job.estimated_finish
    expected = f", expected to finish {until:%H:%M} UTC" if until and not reading.ended else ""
    return f"job {job.id}: {job.label}{expected}" + (f": {job.error}" if job.error and not reading.ended else "")
