"""One stretch of a file to columns: read, build, judge and measure each row by itself. Pure but for reading the file.

A stretch is a range of bytes of a file of lines, or a whole file of another format. Stretches know nothing of each
other, so that several processes can scan one file; comparing rows is left to `comparing`.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from providers.records import Example
from providers.tokenizers import counter

from . import normal
from .answers import Answers
from .building import RowProblem
from .collecting import Collector, Place
from .files import TextFile
from .fix_records import FixedRow
from .json_lines import record_of
from .lengths import Meter, Texts
from .making import Maker, Treatment
from .records import Policy
from .row_rules import row_problems
from .rules import Problem
from .shapes import Layout
from .source import Record
from .table import Gathering, Recorder, RowTable
from .usual import Block, usual_reader

if TYPE_CHECKING:
    from .sensitive import Span

__all__ = ["Scan", "Scanner", "Stretch", "Work"]

_BLOCK_BYTES = 1 << 20
_BLOCK_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done with the rows of one file. `tokenizers`: names of `providers.tokenizers` to count with."""

    file: TextFile
    unit: str
    layout: Layout | None
    policy: Policy
    tokenizers: tuple[str, ...] = ()
    treatment: Treatment = Treatment()


class Stretch(NamedTuple):
    """Bytes `start` to `end` of a file of lines, whole lines both; `number` is that of the first line."""

    start: int
    end: int
    number: int


@dataclass(slots=True)
class Scan:
    """What one stretch gave. `rows`: records read, usable or not. `names`: fields of rows that are not usual."""

    table: RowTable
    answers: Answers
    collector: Collector
    rows: int = 0
    names: tuple[str, ...] = ()
    tally: Counter[str] = field(default_factory=Counter)

    @classmethod
    def join(cls, scans: Iterable[Scan], most: int) -> Scan:
        """The scans of a file's stretches, in their order, as one. `most`: rows that there may be in all."""
        gathering, whole = Gathering(most), None
        names: dict[str, None] = {}
        for scan in scans:
            gathering.add(scan.table)
            names.update(dict.fromkeys(scan.names))
            if whole is None:
                whole = scan
                continue
            whole.answers.merge(scan.answers)
            whole.collector.extend(scan.collector)
            whole.tally.update(scan.tally)
            whole.rows += scan.rows
        assert whole is not None  # a file that is cut has a stretch
        whole.table, whole.names = gathering.table(), tuple(names)
        return whole


@dataclass(frozen=True, slots=True)
class _Built:
    """A row that may stay."""

    number: int
    example: Example
    whole: Example
    accept: tuple[str, ...]
    group: str | None
    time: float | None
    held: bool


class Scanner:
    """Scans one stretch. Feed it bytes of lines, or records; then take `result`."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._maker = Maker(work.layout, work.treatment)
        self._collector = Collector(work.policy)
        self._sensitive = "sensitive" not in work.policy.skip
        self._usual = usual_reader(work.layout, work.treatment, sensitive=self._sensitive)
        self._sketch = _sketch_of(work)
        self._recorder, self._answers = Recorder(), Answers()
        self._meters = {name: Meter(counter(name)) for name in work.tokenizers}
        self._bands: list[NDArray[np.uint32]] = []
        self._names: dict[str, None] = {}
        self._rows = 0

    def lines(self, stream: BinaryIO, stretch: Stretch) -> Scan:
        """Scan UTF-8 lines of JSON. `stream` stands at its beginning; one that is unpacked cannot be moved."""
        if stretch.start:
            stream.seek(stretch.start)
        number = stretch.number
        with _uncollected():
            for start, content in _blocks(stream, stretch):
                number += self._block(Block(start, number, content))
        return self._scan()

    def records(self, records: Iterable[Record]) -> Scan:
        """Scan what a reader gives."""
        block: list[_Built] = []
        for record in records:
            built = self._built(record)
            if built is not None:
                block.append(built)
            if len(block) == _BLOCK_ROWS:
                self._keep_built(block)
                block = []
        self._keep_built(block)
        return self._scan()

    def _block(self, block: Block) -> int:
        """The rows of a block, usual ones without a detour. Returns how many lines it has."""
        lines, offsets, texts = self._usual(block)
        numbers = list(range(block.number, block.number + len(lines)))
        unusual = [index for index, row in enumerate(texts) if row is None]
        self._rows += len(lines) - len(unusual)
        rows: list[Texts | _Built | None] = [*texts]
        for index in unusual:
            ended = index + 1 < len(lines) or block.content.endswith(b"\n")
            text = lines[index].decode("utf-8", "surrogateescape") + "\n" * ended
            record = record_of(numbers[index], text)
            rows[index] = self._built(record) if record is not None else None
        if unusual:
            numbers = [number for number, row in zip(numbers, rows, strict=True) if row is not None]
            offsets = [offset for offset, row in zip(offsets, rows, strict=True) if row is not None]
        self._keep([row for row in rows if row is not None], numbers, offsets)
        return len(lines)

    def _built(self, record: Record) -> _Built | None:
        """The row, when it may stay; else it has been noted as dropped."""
        self._rows += 1
        number, fields, problem = record
        if fields is not None:
            if not fields.keys() <= self._names.keys():
                self._names.update(dict.fromkeys(fields))
            try:
                built, fixed, whole = self._maker.make(fields)
                problems = (*built.problems, *row_problems(built.example, self._sensitive_problems))
            except RowProblem as error:
                problem = error.problem
            except RecursionError:
                problem = Problem("nesting", "is nested too deeply to be read")
            else:
                if problems and not self._may_stay(problems, built.example, number):
                    return None
                for one in fixed:
                    named = one._replace(field=self._maker.column_of(one.field, built.example) or one.field)
                    self._collector.fix(FixedRow(number, self._work.file.name, named))
                return _Built(number, built.example, whole, built.accept, built.group, built.time, built.held)
        assert problem is not None
        place = Place(self._work.file.name, number, self._work.unit)
        self._collector.row(problem, place)
        self._collector.drop(problem, place)
        return None

    def _sensitive_problems(self, example: Example) -> Iterable[Problem]:
        if not self._sensitive:
            return ()
        from .sensitive import sensitive_problems

        return sensitive_problems(example, self._finder, self._work.policy.allowed_secrets)

    @cached_property
    def _finder(self) -> Callable[[str], Iterable[Span]]:
        """Made once: where detectors stand beside the patterns, making it compiles them all."""
        return self._work.treatment.finder()

    def _may_stay(self, problems: Iterable[Problem], example: Example, number: int) -> bool:
        place, reason = Place(self._work.file.name, number, self._work.unit), None
        for problem in problems:
            named = problem._replace(field=self._maker.column_of(problem.field, example))
            if not self._collector.row(named, place) and reason is None:
                reason = named
        if reason is not None:
            self._collector.drop(reason, place)
        return reason is None

    def _keep(self, rows: Sequence[Texts | _Built], numbers: Sequence[int], offsets: Sequence[int]) -> None:
        if not rows:
            return
        recorder = self._recorder
        named = [normal.names_of_texts(*row) if isinstance(row, tuple) else self._names_of(row) for row in rows]
        recorder.keys += [keys for keys, _ in named]
        recorder.numbers += numbers
        recorder.offsets += offsets
        self._answers.add([row[2] if isinstance(row, tuple) else row.example.answer for row in rows])
        if self._sketch is not None:
            self._bands.append(self._sketch([question for _, question in named]))
        for meter in self._meters.values():
            meter.add([row if isinstance(row, tuple) else row.example for row in rows])

    def _keep_built(self, rows: Sequence[_Built]) -> None:
        """Rows that do not stand at an offset."""
        self._keep(rows, [row.number for row in rows], [0] * len(rows))

    def _names_of(self, row: _Built) -> normal.Names:
        """The names of a row that is not usual; what stands beside it is noted on the way."""
        self._beside(row)
        return normal.names_of(row.whole, _content_beside(row))

    def _beside(self, row: _Built) -> None:
        layout = self._work.layout
        if layout is not None and layout.group is not None:
            self._recorder.groups.append(normal.number_of(normal.group_key(row.group)) if row.group else 0)
        if layout is not None and layout.time is not None:
            self._recorder.times.append(row.time or 0.0)
        if layout is not None and layout.held is not None:
            self._recorder.held.append(row.held)

    def _all_bands(self) -> NDArray[np.uint32]:
        return np.concatenate(self._bands) if self._bands else np.empty((0, 0), np.uint32)

    def _scan(self) -> Scan:
        lengths = {name: meter.lengths() for name, meter in self._meters.items()}
        table = self._recorder.table(self._all_bands(), lengths)
        return Scan(table, self._answers, self._collector, self._rows, tuple(self._names), self._maker.tally)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cycle collector: tuples by the ten thousand that die with their block would be walked again and again
    for nothing, a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _content_beside(row: _Built) -> bytes:
    """What belongs to a row beside its example."""
    return json.dumps([row.group, row.accept]).encode() if row.group is not None or row.accept else b""


def _sketch_of(work: Work) -> Callable[[Sequence[str]], NDArray[np.uint32]] | None:
    if "near-duplicates" in work.policy.skip:
        return None
    from .near import sketch

    return sketch


def _blocks(stream: BinaryIO, stretch: Stretch) -> Iterator[tuple[int, bytes]]:
    """The stretch in pieces of about a megabyte that end where a line does, each with its offset."""
    start, rest = stretch.start, b""
    at = stretch.start
    while at < stretch.end:
        piece = stream.read(min(_BLOCK_BYTES, stretch.end - at))
        if not piece:
            break
        at += len(piece)
        cut = piece.rfind(b"\n") + 1
        if cut == 0:
            rest += piece
            continue
        content, rest = rest + piece[:cut], piece[cut:]
        yield start, content
        start += len(content)
    if rest:
        yield start, rest
