"""Opening the ledger: how SQLite is made durable, its schema brought up to date, its failures in words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, IntegrityError, ProgrammingError

from ..errors import MissingExtra, TunewrightError, UsageError
from .schema import METADATA

__all__ = ["LATEST", "ahead_s", "insert_new", "open_engine", "put_all", "writing"]

LATEST = "0004"
_BUSY_TIMEOUT_MS = 30_000
_WRITES = "tunewright_writes"
_ALEMBIC_VERSION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own, as it makes it."""


def open_engine(url: str | sa.URL) -> sa.Engine:
    """An engine on `url`, migrated to the newest schema. Raises `TunewrightError` when it cannot be used."""
    engine = _engine(url)
    sa.event.listen(engine, "handle_error", partial(_in_our_words, _place(engine.url)))
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _durable)
        sa.event.listen(engine, "begin", _begin)
    try:
        version = _version(engine)
        if version is None and engine.dialect.name == "sqlite":
            version = _make(engine)
        if version != LATEST:
            _migrate(engine)
    except BaseException:
        engine.dispose()  # nobody else will: a server would keep the connection open
        raise
    return engine


def _engine(url: str | sa.URL) -> sa.Engine:
    try:
        return sa.create_engine(url)
    except ImportError as error:
        raise MissingExtra(
            f"the driver for this database is not installed ({error.name})",
            fix="pip install 'psycopg[binary]' for postgresql+psycopg://…, or unset TUNEWRIGHT_DATABASE_URL",
        ) from error
    except ArgumentError:
        # Not chained: the error repeats the URL, and with it perhaps a password.
        raise UsageError(
            "this is not a database URL that can be used",
            where="TUNEWRIGHT_DATABASE_URL",
            fix="sqlite:////absolute/path.sqlite3, or postgresql+psycopg://user@host/database",
        ) from None


def _durable(connection: Any, _record: Any) -> None:
    # synchronous=FULL: NORMAL may lose the last commits at power loss, and an intent must never be lost.
    # The time-out comes first, for switching to WAL takes a lock too.
    connection.isolation_level = None
    for pragma in (f"busy_timeout={_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    # A writer takes the lock at the start, so read-then-write (the budget) cannot interleave; a reader takes none.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One write transaction, committed at the end."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


def ahead_s(engine: sa.Engine, now: Callable[[], datetime]) -> float | None:
    """Seconds by which the server's clock is ahead of `now`; None on SQLite, whose clock is this host's.

    Half of the time the question took counts as the way there.
    """
    if engine.dialect.name == "sqlite":
        return None
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))  # the connection is made before the time is taken
        asked = now()
        there: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        answered = now()
    return (there - (asked + (answered - asked) / 2)).total_seconds()


def _version(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _make(engine: sa.Engine) -> str | None:
    """Gives a blank file the newest schema at once; None where another process has been quicker.

    Replaying every migration would cost the first command of a fresh checkout a quarter of a second.
    """
    with writing(engine) as connection:
        if sa.inspect(connection).get_table_names():
            return None
        METADATA.create_all(connection, checkfirst=False)
        _ALEMBIC_VERSION.create(connection, checkfirst=False)
        connection.execute(_ALEMBIC_VERSION.insert().values(version_num=LATEST))
    return LATEST


def _migrate(engine: sa.Engine) -> None:
    # Alembic is imported only when there is something to migrate: it costs 0.3 s.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    # The option is a template in which a percent sign must be doubled.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise TunewrightError(
                "the ledger was written by a newer tunewright",
                where=_place(engine.url),
                fix="upgrade tunewright: pip install --upgrade tunewright",
            ) from error


def _place(url: sa.URL) -> str:
    return url.database or "" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


def _in_our_words(where: str, context: sa.engine.ExceptionContext) -> TunewrightError | None:
    """What the database refuses becomes what, where and how to fix it; mistakes of our own stay as they are."""
    ours = (IntegrityError, ProgrammingError)
    if context.sqlalchemy_exception is None or isinstance(context.sqlalchemy_exception, ours):
        return None
    return _said(where, str(context.original_exception))


def _said(where: str, cause: str) -> TunewrightError:
    if "not a database" in cause:
        return UsageError("the ledger file is not a database", where=where, fix="move it away, or restore a backup")
    unopened = "unable to open" in cause  # SQLite says no more: neither whose fault it is, nor whether it will pass
    if "readonly" in cause or (unopened and not _is_writable(Path(where))):
        return UsageError(f"the ledger cannot be written: {cause}", where=where, fix="check the folder's permissions")
    if unopened or "full" in cause or "disk I/O" in cause:
        return TunewrightError(
            f"the ledger cannot be written: no space left on the disk, or it fails ({cause})",
            where=where,
            fix="free some space, then do the same again: what was recorded before stands",
        )
    if "locked" in cause:
        return TunewrightError(
            f"another process has held the ledger for {_BUSY_TIMEOUT_MS // 1000} s", where=where, fix="try again"
        )
    if "locking protocol" in cause:  # SQLITE_PROTOCOL: the race for the lock was lost many times over
        return TunewrightError("too many processes want the ledger at once", where=where, fix="try again")
    return TunewrightError(
        f"the ledger cannot be used: {cause}",
        where=where,
        fix="do the same again; where it says so once more, tunewright doctor tells which ledger it is",
    )


def _is_writable(file: Path) -> bool:
    """Whether this user may write the file, and beside it, as SQLite must."""
    if file.exists() and not (file.is_file() and os.access(file, os.R_OK | os.W_OK)):
        return False
    return os.access(file.parent, os.W_OK | os.X_OK)


def insert_new(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Write a row unless one of that key is there, or is just being written by another; True when it was written."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # Counted by what comes back: PostgreSQL's driver tells no count of an INSERT.
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(sa.literal(1))
    return connection.execute(statement).first() is not None


def put_all(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows by one statement; one of a key that is there already takes its place."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    others = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    key = [column.name for column in table.primary_key]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=others), list(rows))
