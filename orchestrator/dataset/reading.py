"""One file, opened and recognised: how its rows are to be read, before all of them are. Reading them is for others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ..errors import UsageError
from .collecting import Collector
from .files import TextFile, look_at
from .making import Treatment
from .opening import open_source
from .records import Columns, SourceInfo
from .rows import Part, Stamp
from .scanning import Scan
from .shapes import Layout, recognise
from .source import Record, Source

__all__ = ["Opened", "open_part", "readable"]

_SAMPLE_ROWS = 200
_NONE = Treatment()


@dataclass(frozen=True, slots=True)
class Opened:
    """A file with its first rows read. `records`: all of them, from the first."""

    part: Part
    source: Source
    records: Iterator[Record]

    def judge(self, scan: Scan, collector: Collector) -> None:
        """Say what its scan shows of the file as a whole."""
        file = self.part.file
        if file.guessed:
            collector.whole("not-utf8", f"was read as {file.encoding}", file.name)
        if scan.rows == 0:
            collector.whole("empty-file", "has a header and no rows" if self.source.header else "is empty", file.name)

    def info(self, scan: Scan) -> SourceInfo:
        """What is announced of the file."""
        file, layout = self.part.file, self.part.layout
        notes = [*file.notes, *self.source.notes, *(f"{rows} {words}" for words, rows in scan.tally.items())]
        names = dict.fromkeys([*(self.source.header or ()), *scan.names])
        unused = [name for name in names if name and layout and name not in layout.used()]
        if unused:
            notes.append(f"not used: {', '.join(unused[:20])}")
        shape, columns = (layout.name, layout.columns) if layout else ("unknown", {})
        return SourceInfo(file.name, self.source.format, file.encoding, shape, scan.rows, columns, tuple(notes))


def open_part(path: Path, columns: Columns, treatment: Treatment = _NONE) -> Opened:
    """The file and its layout. Raises `UsageError` for a file that cannot be taken as rows at all."""
    file = look_at(path)
    with readable(file):
        stamp = Stamp.of(path)
        source = open_source(file)
        sample = _sample(source)
        layout = _layout(sample, source, columns, file.name)
        by_line = source.format == "JSON Lines" and file.encoding == "utf-8"
        part = Part(file, source.unit, layout, by_line, stamp, treatment)
    return Opened(part, source, chain(sample, source.records))


@contextmanager
def readable(file: TextFile) -> Iterator[None]:
    """What goes wrong while the file is read is said of the file."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise UsageError(
            f"is not valid {file.encoding}: {error.reason}", where=file.name, fix="save it as UTF-8"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=file.name, fix="check the file") from error


def _sample(source: Source) -> list[Record]:
    """The first records, as many as it takes to have some that could be read."""
    sample, readable_rows = [], 0
    for record in source.records:
        sample.append(record)
        readable_rows += bool(record.fields)
        if readable_rows == _SAMPLE_ROWS:
            break
    return sample


def _layout(sample: list[Record], source: Source, columns: Columns, where: str) -> Layout | None:
    rows = [list(record.fields) for record in sample if record.fields is not None]
    if not rows and source.header:
        rows = [[name for name in source.header if name]]
    return recognise(rows, columns, where)
