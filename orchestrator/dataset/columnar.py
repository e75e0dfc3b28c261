"""Reads Parquet and Arrow files batch by batch, through pyarrow, which is imported only here."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import ExitStack
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from math import isfinite
from typing import Any, NamedTuple

from ..errors import MissingExtra, UsageError
from .files import TextFile
from .rules import Problem
from .source import Record, Source
from .unpacking import Allowance

__all__ = ["raw_rows", "read"]

_BATCH_ROWS = 1000
_PLAIN = (str, int, bool, type(None))


class _BytesError(ValueError):
    """A value holds bytes that are no text."""


class _Table(NamedTuple):
    header: tuple[str, ...]
    batches: Iterator[Any]


def read(file: TextFile) -> Source:
    """The table's rows as records. Raises `UsageError` for a damaged file, `MissingExtra` without pyarrow."""
    try:
        pyarrow = import_module("pyarrow")
    except ImportError as error:
        what = f"reading {file.table} needs pyarrow"
        raise MissingExtra(what, where=file.name, fix="pip install 'tunewright[formats]'") from error
    with ExitStack() as opened:
        try:
            header, batches = _parquet(file, opened) if file.table == "Parquet" else _arrow(file, opened)
        except (pyarrow.ArrowException, OSError) as error:
            raise _damaged(file, error) from error
        closing = opened.pop_all()
    for name in header:
        if header.count(name) > 1:
            raise UsageError(f"two columns are named {name!r}", where=file.name, fix="rename one of them")
    return Source(file.table or "", "row", _records(file, batches, closing), header)


def raw_rows(file: TextFile, wanted: Container[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The wanted rows of a table that was read before, numbered, as Arrow holds them: bytes, dates and all."""
    with ExitStack() as opened:
        _, batches = _parquet(file, opened) if file.table == "Parquet" else _arrow(file, opened)
        before = 0
        for whole in batches:
            for at in range(whole.num_rows):
                if before + at + 1 in wanted:
                    yield before + at + 1, whole.slice(at, 1).to_pylist()[0]
            before += whole.num_rows


def _parquet(file: TextFile, opened: ExitStack) -> _Table:
    table = opened.enter_context(import_module("pyarrow.parquet").ParquetFile(file.path))
    return _Table(tuple(table.schema_arrow.names), table.iter_batches(batch_size=_BATCH_ROWS))


def _arrow(file: TextFile, opened: ExitStack) -> _Table:
    """The file format, or the stream format, which the `datasets` library writes."""
    ipc = import_module("pyarrow.ipc")
    mapped = opened.enter_context(import_module("pyarrow").memory_map(str(file.path)))
    if mapped.read(6) != b"ARROW1":
        mapped.seek(0)
        stream = opened.enter_context(ipc.open_stream(mapped))
        return _Table(tuple(stream.schema.names), iter(stream))
    reader = opened.enter_context(ipc.open_file(mapped))
    batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
    return _Table(tuple(reader.schema.names), batches)


def _records(file: TextFile, batches: Iterator[Any], closing: ExitStack) -> Iterator[Record]:
    pyarrow = import_module("pyarrow")
    number, allowance = 0, Allowance(file.name, file.size)
    with closing:
        try:
            for whole in batches:
                allowance.spend(whole.nbytes)
                for start in range(0, whole.num_rows, _BATCH_ROWS):
                    for fields in whole.slice(start, _BATCH_ROWS).to_pylist():
                        number += 1
                        yield _record(number, fields)
        except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
            raise _damaged(file, error) from error


def _record(number: int, fields: dict[str, Any]) -> Record:
    try:
        return Record(number, {name: _json_like(value) for name, value in fields.items()})
    except _BytesError:
        return Record(number, None, Problem("undecodable", "holds bytes that are no text"))


def _json_like(value: Any) -> Any:
    """A value as JSON would hold it. A struct's empty fields are left out: Arrow cannot leave any out itself."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _json_like(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_json_like(item) for item in value]
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    return _text(value)


def _text(value: Any) -> str:
    try:
        return bytes(value).decode()
    except (UnicodeDecodeError, TypeError) as error:
        raise _BytesError(str(error)) from error


def _damaged(file: TextFile, error: Exception) -> UsageError:
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return UsageError(f"is no readable {file.table} file: {reason}", where=file.name, fix="write or download it again")
