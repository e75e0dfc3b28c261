"""One file to entries: read, recognise, build and judge each row by itself. Comparing rows is left to `comparing`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from providers.records import Example

from ..errors import UsageError
from .building import Builder, RowProblem
from .collecting import Collector, Place
from .files import TextFile, look_at
from .normal import answer_key, input_key
from .opening import open_source
from .records import Columns, Row, SourceInfo
from .row_rules import row_problems
from .rules import Problem
from .shapes import Layout, recognise
from .source import Record, Source

__all__ = ["Entry", "Loaded", "read_file"]

_SAMPLE_ROWS = 200
_UNKNOWN = Layout("unknown", "pairs")


class Entry(NamedTuple):
    """A row with the names by which it is compared."""

    row: Row
    input: bytes
    answer: str
    unit: str

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.row.file, self.row.number, self.unit)


class Loaded(NamedTuple):
    """What one file gave."""

    entries: list[Entry]
    info: SourceInfo
    layout: Layout | None


def read_file(path: Path, columns: Columns, collector: Collector) -> Loaded:
    """The usable rows of one file. Raises `UsageError` for a file that cannot be taken as rows at all."""
    file = look_at(path)
    try:
        return _read(file, columns, collector)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"is not valid {file.encoding}: {error.reason}", where=file.name, fix="save it as UTF-8"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=file.name, fix="check the file") from error


def _read(file: TextFile, columns: Columns, collector: Collector) -> Loaded:
    if file.guessed:
        collector.whole("not-utf8", f"was read as {file.encoding}", file.name)
    source = open_source(file)
    sample = _sample(source)
    layout = _layout(sample, source, columns, file.name)
    judge = _Judge(Builder(layout or _UNKNOWN), file.name, source.unit, collector)
    names = dict.fromkeys(source.header or ())
    entries = []
    for record in chain(sample, source.records):
        entry = judge.entry(record)
        if entry is not None:
            entries.append(entry)
        if record.fields is not None and not record.fields.keys() <= names.keys():
            names.update(dict.fromkeys(record.fields))
    if judge.rows == 0:
        what = "has a header and no rows" if source.header else "is empty"
        collector.whole("empty-file", what, file.name)
    return Loaded(entries, _info(file, source, layout, judge, [name for name in names if name]), layout)


def _sample(source: Source) -> list[Record]:
    """The first records, as many as it takes to have some that could be read."""
    sample, readable = [], 0
    for record in source.records:
        sample.append(record)
        readable += bool(record.fields)
        if readable == _SAMPLE_ROWS:
            break
    return sample


def _layout(sample: list[Record], source: Source, columns: Columns, where: str) -> Layout | None:
    rows = [list(record.fields) for record in sample if record.fields is not None]
    if not rows and source.header:
        rows = [[name for name in source.header if name]]
    return recognise(rows, columns, where)


class _Judge:
    """Makes each record of one file an entry, or notes why it is none."""

    def __init__(self, builder: Builder, file: str, unit: str, collector: Collector) -> None:
        self.builder, self.file, self.unit, self.collector = builder, file, unit, collector
        self.rows = 0

    def entry(self, record: Record) -> Entry | None:
        """The row, when it may stay; else it has been noted as dropped."""
        self.rows += 1
        number, fields, problem = record
        if fields is not None:
            try:
                example, accept, group, problems = self.builder.build(fields)
                problems = (*problems, *row_problems(example))
                entry = Entry(
                    Row(number, self.file, example, group, accept), input_key(example), _answer(example), self.unit
                )
            except RowProblem as error:
                problem = error.problem
            except RecursionError:
                problem = Problem("shape", "is nested too deeply")
            else:
                return entry if not problems or self._may_stay(problems, example, number) else None
        assert problem is not None
        place = Place(self.file, number, self.unit)
        self.collector.row(problem, place)
        self.collector.drop(problem, place)
        return None

    def _may_stay(self, problems: Iterable[Problem], example: Example, number: int) -> bool:
        place, reason = Place(self.file, number, self.unit), None
        for problem in problems:
            named = problem._replace(field=self.builder.column_of(problem.field, example))
            if not self.collector.row(named, place) and reason is None:
                reason = named
        if reason is not None:
            self.collector.drop(reason, place)
        return reason is None


def _answer(example: Example) -> str:
    return answer_key(example) if example.messages[-1].role == "assistant" else ""


def _info(file: TextFile, source: Source, layout: Layout | None, judge: _Judge, names: list[str]) -> SourceInfo:
    notes = [*file.notes, *source.notes, *judge.builder.notes()]
    unused = [name for name in names if layout and name not in layout.used()]
    if unused:
        notes.append(f"not used: {', '.join(unused[:20])}")
    shape, columns = (layout.name, layout.columns) if layout else ("unknown", {})
    return SourceInfo(file.name, source.format, file.encoding, shape, judge.rows, columns, tuple(notes))
