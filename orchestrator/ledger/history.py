"""The append-only history: every change of state adds an event in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from . import schema
from .codec import dump, load_json

__all__ = ["Entry", "append", "entries", "iso", "moment"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to `subject` ('intent:…', 'run:…', 'lease:…')."""

    at: datetime
    subject: str
    kind: str
    data: Mapping[str, Any]


def iso(at: datetime) -> str:
    """ISO 8601 UTC with microseconds: sorts as text."""
    return at.isoformat(timespec="microseconds")


def moment(text: str | None) -> datetime | None:
    """What `iso` wrote; None where nothing is written."""
    return None if text is None else datetime.fromisoformat(text)


def append(
    connection: sa.Connection, at: datetime, subject: str, kind: str, data: Mapping[str, Any] | None = None
) -> None:
    """Add one event inside the caller's transaction."""
    values = {"at": iso(at), "subject": subject, "kind": kind, "data": dump(dict(data or {}))}
    connection.execute(schema.event.insert().values(**values))


def entries(connection: sa.Connection, subject: str) -> tuple[Entry, ...]:
    """The subject's history, oldest first."""
    query = sa.select(schema.event).where(schema.event.c.subject == subject).order_by(schema.event.c.id)
    return tuple(
        Entry(datetime.fromisoformat(row.at), row.subject, row.kind, load_json(row.data))
        for row in connection.execute(query)
    )
