"""Unfinished uploads in parts, by account and content hash: which parts have arrived, so that a later start goes on.

Row 0 of a file is the upload itself (its `size` is the length of a part); rows from 1 are its parts. What gives a
right to write is never in the ledger.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from providers.parts import BegunUpload, SentPart

from . import schema
from .engine import writing
from .history import iso

__all__ = ["Parts"]

_UPLOAD = 0


class Parts:
    """The table of parts. Every method takes the file's (provider, account, sha256) as `key`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begun(self, key: tuple[str, str, str]) -> BegunUpload | None:
        """The upload to go on with, without its secret."""
        query = sa.select(schema.upload_part).where(*_of(key), schema.upload_part.c.number == _UPLOAD)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else BegunUpload(id=row.upload_id, part_bytes=row.size, note=row.part_id)

    def begin(self, key: tuple[str, str, str], upload: BegunUpload, now: datetime) -> None:
        """A new upload; the parts of an older one are forgotten."""
        with writing(self._engine) as connection:
            connection.execute(schema.upload_part.delete().where(*_of(key)))
            _put(connection, key, _UPLOAD, upload.id, upload.note, upload.part_bytes, now)

    def sent(self, key: tuple[str, str, str], upload_id: str) -> tuple[SentPart, ...]:
        """The parts of this very upload that have arrived, in order."""
        columns = schema.upload_part.c
        query = sa.select(schema.upload_part).where(*_of(key), columns.number > _UPLOAD, columns.upload_id == upload_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(columns.number))
            return tuple(SentPart(row.number, row.part_id, row.size) for row in rows)

    def add(self, key: tuple[str, str, str], upload_id: str, part: SentPart, now: datetime) -> None:
        """One more part has arrived; the same number again replaces it."""
        with writing(self._engine) as connection:
            connection.execute(schema.upload_part.delete().where(*_of(key), schema.upload_part.c.number == part.number))
            _put(connection, key, part.number, upload_id, part.id, part.size, now)

    def close(self, key: tuple[str, str, str]) -> None:
        """Forget the upload and its parts."""
        with writing(self._engine) as connection:
            connection.execute(schema.upload_part.delete().where(*_of(key)))


def _of(key: tuple[str, str, str]) -> tuple[Any, ...]:
    columns = schema.upload_part.c
    return columns.provider == key[0], columns.account == key[1], columns.sha256 == key[2]


def _put(
    connection: sa.Connection,
    key: tuple[str, str, str],
    number: int,
    upload_id: str,
    part_id: str,
    size: int,
    now: datetime,
) -> None:
    provider, account, sha256 = key
    connection.execute(
        schema.upload_part.insert().values(
            provider=provider,
            account=account,
            sha256=sha256,
            number=number,
            upload_id=upload_id,
            part_id=part_id,
            size=size,
            at=iso(now),
        )
    )
