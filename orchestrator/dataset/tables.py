"""Reads CSV and TSV. The separator is the one that gives every row of the sample the same number of cells."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any

from ..errors import UsageError
from .files import TextFile
from .json_lines import holds_escaped_bytes
from .rules import Problem
from .source import Record, Source

__all__ = ["read"]

_SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_SAMPLE_ROWS = 200
_ALONE = ("messages", "conversations", "text")
"""What may be the only column of a table: whole rows of turns, or plain texts."""
# The module's own limit of 131,072 characters is shorter than some answers; it is process-wide, so it is only raised.
csv.field_size_limit(max(csv.field_size_limit(), 16 * 2**20))


def read(file: TextFile) -> Source:
    """The table's data rows as records. Raises `UsageError` when it is no table or its header is unusable."""
    with file.open("") as stream:
        sample = list(islice(stream, _SAMPLE_ROWS))
    if not any(line.strip() for line in sample):
        return Source("CSV", "row", iter(()))
    if sample[0].lower().startswith("sep="):
        what = f"its first line is {sample[0].strip()[:20]!r}, which only Excel understands"
        raise UsageError(what, where=file.name, fix="remove that line")
    separator = _separator(sample)
    if separator is None:
        raise _no_table(file.name, sample)
    quoting = _quoting(sample, separator)
    header = _header(file, separator, quoting)
    name = "TSV" if separator == "\t" else "CSV"
    notes = [f"separated by {_SEPARATORS[separator]}"] if separator not in ",\t" else []
    if quoting == csv.QUOTE_NONE:
        notes.append("quotes are ordinary characters")
    return Source(name, "row", _records(file, separator, quoting, header), header, tuple(notes))


def _no_table(where: str, sample: list[str]) -> UsageError:
    if any(_agreement(sample[1:], separator) > 1 for separator in _SEPARATORS):
        first = sample[0].strip()[:40]
        fix = "the first row must name the columns: remove what stands before it"
        return UsageError(f"its first line, {first!r}, is no row of the table below it", where=where, fix=fix)
    return UsageError(
        "is no table: no comma, tab, semicolon or bar separates its first row into the same cells as the others",
        where=where,
        fix="give a CSV with a header row, JSON or JSON Lines",
    )


def _separator(sample: list[str]) -> str | None:
    """The separator under which most rows have as many cells as the first, and more than one."""
    best = max(_SEPARATORS, key=lambda separator: _agreement(sample, separator))
    if _agreement(sample, best) > 0:
        return best
    alone = sample[0].strip().strip('"').lower() in _ALONE and all(len(row) == 1 for row in _cells(sample, ","))
    return "," if alone else None


def _agreement(sample: list[str], separator: str) -> float:
    rows = _cells(sample, separator)
    width = len(rows[0]) if rows else 0
    if width < 2:
        return 0.0
    same = sum(len(row) == width for row in rows)
    return same / len(rows) + min(width, 50) / 1000


def _cells(sample: Iterable[str], separator: str, quoting: int = csv.QUOTE_MINIMAL) -> list[list[str]]:
    try:
        return [row for row in csv.reader(sample, delimiter=separator, quoting=quoting) if row]  # type: ignore[arg-type]
    except csv.Error:
        return []


def _quoting(sample: list[str], separator: str) -> int:
    """TSV is often written without quoting: then a cell may begin with a quote that nothing closes."""
    if separator != "\t":
        return csv.QUOTE_MINIMAL
    widths = Counter(line.count(separator) for line in sample if line.strip())
    lines_are_rows = len(widths) == 1
    quoted = any(
        cell.startswith('"') and cell.endswith('"') for line in sample for cell in line.rstrip("\r\n").split("\t")
    )
    return csv.QUOTE_NONE if lines_are_rows and not quoted else csv.QUOTE_MINIMAL


def _reader(stream: IO[str], separator: str, quoting: int) -> Iterator[list[str]]:
    return csv.reader(stream, delimiter=separator, quoting=quoting, strict=True)  # type: ignore[arg-type]


def _header(file: TextFile, separator: str, quoting: int) -> tuple[str, ...]:
    with file.open("") as stream:
        try:
            rows = (row for row in _reader(stream, separator, quoting) if any(cell.strip() for cell in row))
            header = next(rows, [])
        except csv.Error as error:
            raise UsageError(f"its header cannot be read: {error}", where=file.name, fix="mend the quotes") from error
    names = tuple(cell.strip() for cell in header)
    if len(names) > 2 and sum(map(bool, names)) * 2 < len(names):
        what = f"its first row names only {sum(map(bool, names))} of {len(names)} columns"
        raise UsageError(what, where=file.name, fix="remove what stands before the row that names the columns")
    if not names:
        raise UsageError("no row names its columns", where=file.name, fix="name the columns in the first row")
    for name, count in Counter(name for name in names if name).items():
        if count > 1:
            raise UsageError(f"two columns are named {name!r}", where=file.name, fix="rename one of them")
    return names


def _records(file: TextFile, separator: str, quoting: int, header: tuple[str, ...]) -> Iterator[Record]:
    with file.open("") as stream:
        reader, number, seen_header = _reader(stream, separator, quoting), 0, False
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                number += 1
                yield Record(number, None, Problem("broken-quote", f"its cells cannot be told apart: {error}"))
                continue
            if not seen_header:
                seen_header = any(cell.strip() for cell in cells)
                continue
            number += 1
            if any(cells):
                yield _record(number, cells, header, file.mixed)


def _record(number: int, cells: list[str], header: tuple[str, ...], mixed: bool) -> Record:
    while len(cells) > len(header) and not cells[-1].strip():
        cells.pop()
    if len(cells) != len(header):
        message = f"has {len(cells)} cells, the header has {len(header)}"
        return Record(number, None, Problem("ragged", message))
    if mixed and any(map(holds_escaped_bytes, cells)):
        return Record(number, None, Problem("undecodable", "holds bytes that are not UTF-8"))
    fields: dict[str, Any] = {name: cell for name, cell in zip(header, cells, strict=True) if name}
    return Record(number, fields)
