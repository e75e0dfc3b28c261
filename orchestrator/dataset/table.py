"""What is known of every usable row without its text: a few numbers a row, in columns, for millions of rows.

Rows are compared, split and counted by these columns alone; their texts are read again only where they are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .lengths import Lengths

__all__ = ["COLUMNS", "KEYS", "Gathering", "Recorder", "RowTable"]

KEYS = np.dtype([("input", ">u8"), ("answer", ">u8"), ("question", ">u8"), ("content", "V16")])
"""A row's names, as `normal` makes them, cut to 64 bits: among 2,000,000 rows two differ with the same name once in
ten million files. `content` names the exact row and has 128 bits, for plans are named by it."""


@dataclass(slots=True)
class RowTable:
    """One entry a usable row, in the order of reading. Columns that a file does not have are empty.

    number: what a person sees. offset: of the row's line in the file, in bytes. keys: `KEYS`. group: 0 for none.
    time: seconds since 1970. bands: `near.sketch`. held: marked as held out before. lengths: tokenizer → tokens.
    """

    number: NDArray[np.uint32]
    offset: NDArray[np.uint64]
    keys: NDArray[Any]
    group: NDArray[np.uint64]
    time: NDArray[np.float64]
    bands: NDArray[np.uint32]
    held: NDArray[np.bool_]
    lengths: dict[str, Lengths]

    def __len__(self) -> int:
        return len(self.number)

    @classmethod
    def join(cls, tables: Sequence[Self]) -> Self:
        """The tables one after the other. A column that one of them lacks is dropped, but for group, time and held:
        rows of a held-out file have none, and there the group is 0, the time no number, and nothing is marked."""
        if len(tables) == 1:
            return tables[0]
        rows = [len(table) for table in tables]
        columns = {name: _joined([getattr(table, name) for table in tables], rows) for name in _PLAIN}
        names = tables[0].lengths if tables else {}
        lengths = {name: Lengths.join([table.lengths[name] for table in tables]) for name in names}
        group = _filled([table.group for table in tables], rows, np.zeros(1, np.uint64))
        time = _filled([table.time for table in tables], rows, np.full(1, np.nan))
        held = _filled([table.held for table in tables], rows, np.zeros(1, np.bool_))
        return cls(**columns, group=group, time=time, held=held, lengths=lengths)


COLUMNS = tuple(column.name for column in fields(RowTable) if column.name != "lengths")
_PLAIN = tuple(name for name in COLUMNS if name not in ("group", "time", "held"))


def _filled(columns: Sequence[NDArray[Any]], rows: Sequence[int], none: NDArray[Any]) -> NDArray[Any]:
    """The column of all tables; `none` where a table lacks it, and nothing where all do."""
    if not any(map(len, columns)):
        return none[:0]
    return np.concatenate(
        [column if len(column) else none.repeat(count) for column, count in zip(columns, rows, strict=True)]
    )


def _joined(columns: Sequence[NDArray[Any]], rows: Sequence[int]) -> NDArray[Any]:
    full = [column for column, count in zip(columns, rows, strict=True) if count]
    if not full:
        return columns[0]
    complete = all(len(column) for column in full)
    return np.concatenate(full) if complete else full[0][:0]


class Gathering:
    """Tables of one file, one after the other, into columns of their final size: joining would need twice the memory.

    `most`: rows that there may be in all.
    """

    def __init__(self, most: int) -> None:
        self._most, self._rows = most, 0
        self._columns: dict[str, NDArray[Any]] = {}
        self._usual: dict[str, NDArray[Any]] = {}
        self._odd: dict[str, list[NDArray[Any]]] = {}
        self._roles: dict[str, int] = {}

    def add(self, table: RowTable) -> None:
        """The next rows."""
        end = self._rows + len(table)
        for name in COLUMNS:
            self._fill(self._columns, name, getattr(table, name), end)
        for name, lengths in table.lengths.items():
            self._fill(self._usual, name, lengths.usual, end)
            odd = lengths.odd.copy()
            odd["row"] += self._rows
            self._odd.setdefault(name, []).append(odd)
            self._roles[name] = lengths.answer_role
        self._rows = end

    def table(self) -> RowTable:
        """All of them."""
        columns = {name: column[: self._rows] for name, column in self._columns.items()}
        lengths = {
            name: Lengths(usual[: self._rows], np.concatenate(self._odd[name]), self._roles[name])
            for name, usual in self._usual.items()
        }
        return RowTable(**columns, lengths=lengths)

    def _fill(self, columns: dict[str, NDArray[Any]], name: str, part: NDArray[Any], end: int) -> None:
        if name not in columns or (len(part) and not len(columns[name])):
            columns[name] = np.empty((self._most if len(part) else 0, *part.shape[1:]), part.dtype)
        if len(part):
            columns[name][self._rows : end] = part


@dataclass(slots=True)
class Recorder:
    """Grows a table row by row. Plain lists while a stretch is read: a NumPy array has no cheap append."""

    numbers: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)

    def table(self, bands: NDArray[np.uint32], lengths: dict[str, Lengths]) -> RowTable:
        """The columns so far."""
        return RowTable(
            np.array(self.numbers, np.uint32),
            np.array(self.offsets, np.uint64),
            np.frombuffer(b"".join(self.keys), KEYS),
            np.array(self.groups, np.uint64),
            np.array(self.times, np.float64),
            bands,
            np.array(self.held, np.bool_),
            lengths,
        )
