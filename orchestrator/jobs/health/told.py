"""What the platform's own events say of a job's health: stopped early, started over. Pure.

Events are the platform's words, each platform's its own: they are matched, never obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from providers.records import JobEvent

from .diagnosis import Diagnosis

__all__ = ["told"]

_EARLY = re.compile(r"\bearly[ _-]?stopped\b|\bstopped (training )?early\b", re.I)
_RESTARTED = re.compile(
    r"\b(job|training)[ _-](was |has been |is being )?restart(ed|ing)\b|\brestart(ed|ing) (the )?(job|training)\b", re.I
)


def told(events: Sequence[JobEvent]) -> list[Diagnosis]:
    """At most one of each, the last that was told."""
    found = [_early(_last(events, _EARLY)), _restarted([event for event in events if _says(event, _RESTARTED)])]
    return [item for item in found if item is not None]


def _says(event: JobEvent, words: re.Pattern[str]) -> bool:
    return bool(words.search(event.type) or words.search(event.message))


def _last(events: Sequence[JobEvent], words: re.Pattern[str]) -> JobEvent | None:
    return next((event for event in reversed(events) if _says(event, words)), None)


def _early(event: JobEvent | None) -> Diagnosis | None:
    if event is None:
        return None
    step, loss = event.data.get("early_stopping_best_step"), event.data.get("early_stopping_best_metric_value")
    best = f"; its best step is {step}" if isinstance(step, int) else ""
    value = f" with validation loss {loss:.3f}" if best and isinstance(loss, int | float) else ""
    return Diagnosis(
        "early_stopped",
        f"the platform itself stopped training early{best}{value}",
        "nothing to do: it kept what it held to be the best",
        step if isinstance(step, int) else None,
        "info",
    )


def _restarted(events: Sequence[JobEvent]) -> Diagnosis | None:
    if not events:
        return None
    times = "once" if len(events) == 1 else f"{len(events)} times"
    return Diagnosis(
        "restarted",
        f"the platform started the job over {times}",
        "only the last attempt is judged; look at the bill, which may count steps that were trained again",
        None,
        "info",
    )
