"""What a run's journal says of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

__all__ = ["OVER", "Standing", "attempts", "deaths_in_a_row", "hours_used", "moment", "standing", "why_it_ended"]

Standing = Literal["created", "running", "succeeded", "failed", "cancelled", "paused", "died", "idle"]
Journal = Sequence[Mapping[str, Any]]

OVER: frozenset[Standing] = frozenset({"succeeded", "failed", "cancelled", "idle"})
"""Nothing is done any more, unless a person resumes it."""


def standing(journal: Journal) -> Standing:
    """Where it stands by its last word. "running" may be an old word: whether a process lives is another question."""
    found: Standing = "created"
    for entry in journal:
        if entry.get("what") == "started":
            found = "running"
        elif entry.get("what") == "ended":
            found = entry["outcome"]
        elif entry.get("what") == "resumed" and found in OVER:
            found = "paused"
    return found


def attempts(journal: Journal) -> int:
    """How often its program was started."""
    return sum(entry.get("what") == "started" for entry in journal)


def deaths_in_a_row(journal: Journal) -> int:
    """How often it died since it last got as far as a new checkpoint, or since a person resumed it."""
    deaths, furthest = 0, 0
    for entry in journal:
        if entry.get("what") == "resumed":
            deaths = 0
        if entry.get("what") == "ended" and entry.get("outcome") == "died":
            step = int(entry.get("step") or 0)
            deaths = 1 if step > furthest else deaths + 1
            furthest = max(furthest, step)
    return deaths


def why_it_ended(journal: Journal) -> str | None:
    """The error of its last end; None where there was none."""
    ends = [entry for entry in journal if entry.get("what") == "ended"]
    return str(ends[-1]["error"]) if ends and ends[-1].get("error") else None


def hours_used(journal: Journal, until: datetime | None) -> Decimal:
    """Hours in which its program ran, all attempts together. `until`: for one that runs, or that ended unseen."""
    seconds, since = Decimal(0), None
    for entry in journal:
        if entry.get("what") == "started":
            since = moment(entry.get("at"))
        elif entry.get("what") == "ended" and since is not None:
            seconds += _between(since, moment(entry.get("until")) or moment(entry.get("at")))
            since = None
    return (seconds + _between(since, until)) / 3600


def _between(since: datetime | None, until: datetime | None) -> Decimal:
    if since is None or until is None or until <= since:
        return Decimal(0)
    return Decimal(str((until - since).total_seconds()))


def moment(text: object) -> datetime | None:
    """A time as the journal writes it; None for anything else."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
