"""Rows that stay in their files: read again whenever they are asked for, so that millions of them fit anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self, overload

import numpy as np
from numpy.typing import NDArray

from providers.records import Example, Message

from ..errors import UsageError
from .collecting import Place
from .files import TextFile
from .json_lines import record_of
from .making import Maker, Treatment
from .opening import open_source
from .records import Row
from .shapes import Layout
from .usual import usual_again

__all__ = ["Part", "Rows", "Stamp", "held"]

_KEPT_ROWS = 10_000
_BLOCK_LINES = 1000
_SKIPPED_BYTES = 1 << 20


class Stamp(NamedTuple):
    """By what a changed file is known."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """The file as it is now."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)

    def must_hold(self, path: Path, name: str) -> None:
        """Raises `UsageError` where the file is another now: what was read may be of both."""
        try:
            now = Stamp.of(path)
        except OSError as error:
            raise UsageError(f"cannot be read again: {error.strerror}", where=name, fix="start again") from error
        if now != self:
            sizes = f": it had {self.size:,} bytes, and now {now.size:,}" if now.size != self.size else ""
            what = f"was changed while it was being used{sizes}"
            raise UsageError(what, where=name, fix="start again when nothing writes to it, or on a copy")


@contextmanager
def held(path: Path, name: str, stamp: Stamp | None = None) -> Iterator[None]:
    """The file must stay as it is, as `stamp` says it was. That it did not is said before anything it led to."""
    stamp = stamp or Stamp.of(path)
    try:
        yield
    except Exception:
        stamp.must_hold(path, name)
        raise
    stamp.must_hold(path, name)


@dataclass(frozen=True, slots=True)
class Part:
    """One file and how its rows are read. `by_line`: it is UTF-8 lines of JSON, whose offsets are known."""

    file: TextFile
    unit: str
    layout: Layout | None
    by_line: bool
    stamp: Stamp
    treatment: Treatment = Treatment()

    def rows(self, numbers: Sequence[int], offsets: Sequence[int]) -> Iterator[Row]:
        """The rows of these numbers, ascending. Raises `UsageError` where the file was changed since it was read."""
        self.stamp.must_hold(self.file.path, self.file.name)
        reader = _Reader(self)
        yield from reader.by_offset(numbers, offsets) if self.by_line else reader.by_number(numbers)


class _Reader:
    def __init__(self, part: Part) -> None:
        self._part = part
        self._maker = Maker(part.layout, part.treatment)
        self._usual = usual_again(part.layout, part.treatment)

    def by_number(self, numbers: Sequence[int]) -> Iterator[Row]:
        """Every record is read again; the wanted ones are built."""
        wanted = iter(numbers)
        next_number = next(wanted, None)
        for record in open_source(self._part.file).records:
            if next_number is None:
                return
            if record.number == next_number:
                yield self._row(record.number, record.fields)
                next_number = next(wanted, None)

    def by_offset(self, numbers: Sequence[int], offsets: Sequence[int]) -> Iterator[Row]:
        """Lines are read where they stand; those of a packed file one after the other."""
        pairs = iter(zip(numbers, offsets, strict=True))
        with self._part.file.open_bytes() as stream:
            at = 0
            while block := list(islice(pairs, _BLOCK_LINES)):
                lines = []
                for _, offset in block:
                    self._move(stream, at, offset)
                    line = stream.readline()
                    at = offset + len(line)
                    lines.append(line if line.endswith(b"\n") else line + b"\n")
                yield from self._lines([number for number, _ in block], lines)

    def _move(self, stream: BinaryIO, at: int, offset: int) -> None:
        if self._part.file.packing is None:
            if offset != at:
                stream.seek(offset)
            return
        while at < offset and (piece := stream.read(min(_SKIPPED_BYTES, offset - at))):
            at += len(piece)

    def _lines(self, numbers: Sequence[int], lines: list[bytes]) -> Iterator[Row]:
        for number, line, texts in zip(numbers, lines, self._usual(lines), strict=True):
            if texts is None:
                record = record_of(number, line.decode("utf-8", "surrogateescape"))
                yield self._row(number, record.fields if record else None)
            else:
                yield Row(number, self._part.file.name, _example(*texts))

    def _row(self, number: int, fields: dict[str, Any] | None) -> Row:
        assert fields is not None  # only rows that could be built are read again
        built = self._maker.make(fields).built
        return Row(number, self._part.file.name, built.example, built.group, built.accept)


def _example(system: str | None, user: str, answer: str) -> Example:
    asked, answered = Message("user", user), Message("assistant", answer)
    return Example((asked, answered) if system is None else (Message("system", system), asked, answered))


@dataclass(slots=True, eq=False)
class Rows(Sequence[Row]):
    """Some rows of some files, in order. Up to 10,000 are kept once they were read; more are read again each time.

    `starts`: the index of each part's first row among all rows of the data set; `chosen`: the indices of these rows,
    ascending; `number` and `offset`: of all rows.
    """

    parts: tuple[Part, ...]
    starts: NDArray[np.intp]
    chosen: NDArray[np.intp]
    number: NDArray[np.uint32]
    offset: NDArray[np.uint64]
    _kept: tuple[Row, ...] | None = field(default=None, init=False)

    def __len__(self) -> int:
        return len(self.chosen)

    def __iter__(self) -> Iterator[Row]:
        if self._kept is None and len(self) <= _KEPT_ROWS:
            self._kept = tuple(self._read())
        return iter(self._kept) if self._kept is not None else self._read()

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return self.of(self.chosen[index]) if (index.step or 1) > 0 else tuple(self)[index]
        if self._kept is not None:
            return self._kept[index]
        return next(self.of(self.chosen[[index]])._read())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as any sequence whose content is compared

    def place(self, index: int) -> Place:
        """Where the row of that index stands."""
        part = self.parts[int(np.searchsorted(self.starts, index, side="right")) - 1]
        return Place(part.file.name, int(self.number[index]), part.unit)

    def place_at(self, position: int) -> Place:
        """Where the row at that position among these stands. Reads no file."""
        return self.place(int(self.chosen[position]))

    def texts(self, indices: Sequence[int]) -> Iterator[Row]:
        """The rows of these indices, ascending."""
        return self.of(np.asarray(indices, np.intp))._read()

    def of(self, chosen: NDArray[np.intp]) -> Rows:
        """Others of the same files, by their indices, ascending."""
        return Rows(self.parts, self.starts, chosen, self.number, self.offset)

    def _read(self) -> Iterator[Row]:
        bounds = np.searchsorted(self.chosen, [*self.starts, len(self.number)])
        for part, first, last in zip(self.parts, bounds, bounds[1:], strict=False):
            inside = self.chosen[first:last]
            offsets = self.offset[inside].tolist() if len(self.offset) else [0] * len(inside)
            yield from part.rows(self.number[inside].tolist(), offsets)
