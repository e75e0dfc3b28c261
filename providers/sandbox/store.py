"""Where the sandbox keeps its files and records, so that a killed and restarted one still has them.

Records are JSON documents in one SQLite table, each written in its own transaction; file contents lie beside it,
written under another name and renamed. Several processes may share a directory: each sees what the others have
written. Without a directory it uses a temporary one that disappears when it is closed.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

__all__ = ["Records", "Store"]

T = TypeVar("T")

_SCHEMA = "create table if not exists record (kind text, id text, body text not null, primary key (kind, id))"
_PUT = "insert into record values (?, ?, ?) on conflict (kind, id) do update set body = excluded.body"
_WAIT_S = 30.0


class Store:
    """Blobs by id, and the database under `Records`. Safe to use from several threads and processes."""

    def __init__(self, directory: Path | None) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="sandbox-") if directory is None else None
        self._directory = Path(self._temporary.name) if self._temporary else Path(directory or ".")
        self._blobs = self._directory / "files"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._database = sqlite3.connect(
            self._directory / "sandbox.sqlite", timeout=_WAIT_S, isolation_level=None, check_same_thread=False
        )
        self._database.execute("pragma journal_mode=wal")
        self._database.execute(_SCHEMA)

    # ── blobs ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def write(self, id: str, data: bytes) -> None:
        part = self._blobs / f"{id}.part"
        part.write_bytes(data)
        part.replace(self._blobs / id)

    def read(self, id: str) -> bytes:
        return (self._blobs / id).read_bytes()

    def path(self, id: str) -> Path:
        return self._blobs / id

    def erase_all(self, prefix: str) -> None:
        for blob in self._blobs.glob(f"{prefix}*"):
            blob.unlink()

    def erase(self, id: str) -> None:
        (self._blobs / id).unlink(missing_ok=True)

    # ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def version(self) -> int:
        """A number that changes when another process has written."""
        return int(self.rows("pragma data_version")[0][0])

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Alone among threads and processes: what is read inside cannot change before what is written."""
        with self._lock:
            self._database.execute("begin immediate")
            try:
                yield self._database
            except BaseException:
                self._database.execute("rollback")
                raise
            self._database.execute("commit")

    @contextmanager
    def training(self, stopped: Callable[[], bool]) -> Iterator[bool]:
        """One process trains at a time. Yields False when `stopped` said so while waiting; a killed one lets go."""
        lock = sqlite3.connect(self._directory / "training.lock", timeout=0.1, isolation_level=None)
        try:
            yield _locked(lock, stopped)
        finally:
            lock.close()

    def close(self) -> None:
        """Let go of the database. Closing twice is fine."""
        with self._lock:
            self._database.close()
        if self._temporary:
            self._temporary.cleanup()


def _locked(lock: sqlite3.Connection, stopped: Callable[[], bool]) -> bool:
    while not stopped():
        try:
            lock.execute("begin exclusive")
        except sqlite3.OperationalError:  # somebody else trains
            continue
        return True
    return False


class Records(Generic[T]):
    """The records of one kind by id, in the order they were first written; always as the last writer left them."""

    def __init__(
        self,
        store: Store,
        kind: str,
        load: Callable[[dict[str, Any]], T],
        dump: Callable[[T], Mapping[str, Any]],
    ) -> None:
        self._store, self._kind, self._load, self._dump = store, kind, load, dump
        self._version = -1
        self._held: dict[str, T] = {}

    def get(self, id: str) -> T | None:
        return self._fresh().get(id)

    def all(self) -> list[T]:
        return list(self._fresh().values())

    def put(self, id: str, record: T) -> T:
        """Write, whatever was there."""
        with self._store.transaction() as database:
            self._write(database, id, record)
        return record

    def update(self, id: str, change: Callable[[T], T]) -> T:
        """Change what is there now. Raises `KeyError` when it is gone."""
        with self._store.transaction() as database:
            found = database.execute("select body from record where kind = ? and id = ?", (self._kind, id)).fetchone()
            if found is None:
                raise KeyError(id)
            return self._write(database, id, change(self._load(json.loads(found[0]))))

    def drop(self, id: str) -> None:
        with self._store.transaction() as database:
            database.execute("delete from record where kind = ? and id = ?", (self._kind, id))
            self._held.pop(id, None)

    def _write(self, database: sqlite3.Connection, id: str, record: T) -> T:
        database.execute(_PUT, (self._kind, id, json.dumps(self._dump(record))))
        self._held[id] = record
        return record

    def _fresh(self) -> dict[str, T]:
        version = self._store.version()
        if version != self._version:
            rows = self._store.rows("select id, body from record where kind = ? order by rowid", self._kind)
            self._held = {id: self._load(json.loads(body)) for id, body in rows}
            self._version = version
        return self._held
