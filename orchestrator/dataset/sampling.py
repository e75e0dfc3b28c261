"""Draws rows at random places of files of lines that are too large to read. Estimating from them is left to others.

The unit that is drawn is a window of bytes: all windows are equally long, every line starts in exactly one of them, and
each is as likely as any other, so that long lines are not preferred, as they are by whoever picks a byte and takes the
line around it. A drawn window's lines go through the same rules as a whole file's.
"""

from __future__ import annotations

import codecs
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import UsageError
from .files import TextFile, byte_order_mark, must_be_a_file, not_text, wide_encoding
from .gathering import files_of
from .lengths import Lengths
from .loading import PairsRefused
from .making import Treatment
from .opening import open_source
from .reading import readable
from .records import Columns, Finding, Policy
from .samples import Sample, Windows
from .scanning import Scan, Scanner, Stretch, Work
from .shapes import recognise

__all__ = ["LEAST_ROWS", "SEED", "draw"]

SEED = 7
LEAST_ROWS = 200
"""Fewer would leave fewer than 100 windows with a few lines each, and an interval that does not hold what it says."""

_ROWS_A_WINDOW = 20
"""Neighbours are alike, so a row more from another place says more; but a place costs about 1 ms to reach and set up,
and a row about 25 µs to read and count. The best number is √(cost of a place / cost of a row × (1 − ρ) / ρ), which for
neighbours of likeness ρ = 0.1 is 19 (Cochran, Sampling Techniques, 3rd ed., chapter 10)."""
_LEAST_WINDOWS, _MOST_WINDOWS = 100, 2000
_READ_WHOLE = 0.8  # a sample of more than this share saves little, and reading everything is exact
_HEAD_BYTES, _LAYOUT_ROWS = 1 << 18, 200
_PEEKS, _PEEK_BYTES = 64, 1 << 14
_ONLY = "only plain UTF-8 JSON Lines can be sampled"
_OTHERWISE = "leave --sample out, or write the rows as JSON Lines"


def draw(
    path: Path, rows: int, *, columns: Columns, policy: Policy, tokenizers: Sequence[str], seed: int = SEED
) -> Sample | None:
    """About `rows` rows of the files in `path`, counted; None where these are most of what there is: read it whole.

    Raises `UsageError` for files that cannot be sampled, `PairsRefused` where a drawn row would be refused.
    """
    if rows < LEAST_ROWS:
        raise UsageError(f"{rows} rows are too few for an estimate", where="--sample", fix=f"{LEAST_ROWS} or more")
    works = [_work(file, columns, policy, tuple(tokenizers)) for file in files_of(path)]
    row_bytes = _bytes_a_row(works, seed)
    if rows >= _READ_WHOLE * _size(works) / row_bytes:
        return None
    wanted = min(_MOST_WINDOWS, max(_LEAST_WINDOWS, rows // _ROWS_A_WINDOW))
    cut = _Cut(works, max(1, round(rows / wanted * row_bytes)))
    return _sample(cut.drawn(wanted, seed), Windows(cut.count, _size(works), (), seed), str(path))


class _Window(NamedTuple):
    """Bytes `start` to `end` of a file: where its lines start."""

    work: Work
    start: int
    end: int

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its file; no more than one is open at a time, for there may be thousands."""
        with readable(self.work.file), self.work.file.open_bytes() as stream:
            yield stream

    def scan(self) -> tuple[Stretch, Scan]:
        """The whole lines that start here, and what they hold. How many stand before them is not known: from 1."""
        with self.open() as stream:
            first = _next_line(stream, self.start)
            last = _next_line(stream, self.end) if first < self.end else first
            stretch = Stretch(first, last, 1)
            stream.seek(first)
            return stretch, Scanner(self.work).lines(stream, stretch)


def _next_line(stream: BinaryIO, at: int) -> int:
    """Where the first line starts that starts at `at` or after it; the file's end where none does."""
    if at == 0:
        return 0
    stream.seek(at - 1)
    while piece := stream.readline(_PEEK_BYTES):
        if piece.endswith(b"\n"):
            break
    return stream.tell()


def _size(works: Sequence[Work]) -> int:
    return sum(work.file.size for work in works)


@dataclass(frozen=True, slots=True)
class _Cut:
    """All files cut into windows of `width` bytes; the last of a file may be shorter."""

    works: Sequence[Work]
    width: int

    @property
    def count(self) -> int:
        return sum(self._windows_of(work) for work in self.works)

    def drawn(self, wanted: int, seed: int) -> list[_Window]:
        """So many windows, or all of them, as they stand; all are equally likely."""
        numbers = random.Random(seed).sample(range(self.count), min(wanted, self.count))
        return [self._window(number) for number in sorted(numbers)]

    def _windows_of(self, work: Work) -> int:
        return -(-work.file.size // self.width)

    def _window(self, number: int) -> _Window:
        """The window of that number, from 0, the files in their order."""
        for work in self.works:
            if number < self._windows_of(work):
                start = number * self.width
                return _Window(work, start, min(start + self.width, work.file.size))
            number -= self._windows_of(work)
        raise IndexError(number)


def _sample(drawn: Sequence[_Window], windows: Windows, where: str) -> Sample:
    measured: dict[str, list[Lengths]] = {}
    sizes, dropped, refused = [], Counter[str](), list[Finding]()
    rows_read, preference = 0, False
    for window in drawn:
        stretch, scan = window.scan()
        sizes.append(stretch.end - stretch.start)
        rows_read += scan.rows
        dropped.update(one.rule for one in scan.collector.dropped)
        refused += _refused(window, stretch, scan)
        for name, lengths in scan.table.lengths.items():
            measured.setdefault(name, []).append(lengths)
            preference = preference or bool((lengths.odd["rejected"] > 0).any())
    _must_be_usable(refused, rows_read, rows_read - dropped.total(), where)
    return Sample(replace(windows, sizes=sizes), measured, rows_read, dropped, preference, where)


def _refused(window: _Window, stretch: Stretch, scan: Scan) -> Iterator[Finding]:
    """The findings for which the whole file would be refused, by their place in bytes: lines were not counted."""
    errors = [finding for finding in scan.collector.findings if finding.severity == "error"]
    if not errors:
        return
    starts = [stretch.start]
    with window.open() as stream:
        stream.seek(stretch.start)
        while starts[-1] < stretch.end and (line := stream.readline()):
            starts.append(starts[-1] + len(line))
    for finding in errors:
        yield replace(finding, row=starts[(finding.row or 1) - 1], unit="line at byte")


def _must_be_usable(refused: Sequence[Finding], read: int, usable: int, where: str) -> None:
    if refused:
        first, more = refused[0], f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        what = f"{first.message} (this{more} in a sample of {read:,} rows)"
        raise PairsRefused(what, where=first.where, fix=first.fix, findings=tuple(refused))
    if not usable:
        raise PairsRefused(f"none of {read:,} sampled rows can be used", where=where, fix="`tunewright check` says why")


def _bytes_a_row(works: Sequence[Work], seed: int) -> float:
    """Bytes a line, by the line ends at some random places; of small files by all of them."""
    ends = seen = 0
    for window in _Cut(works, _PEEK_BYTES).drawn(_PEEKS, seed):
        with window.open() as stream:
            stream.seek(window.start)
            piece = stream.read(window.end - window.start)
            ends, seen = ends + piece.count(b"\n"), seen + len(piece)
    return max(1.0, seen / max(1, ends))


def _work(path: Path, columns: Columns, policy: Policy, tokenizers: tuple[str, ...]) -> Work:
    """How the rows of a file are read, told by its beginning: `look_at` would read all of it for its encoding."""
    must_be_a_file(path)
    file = TextFile(path, "utf-8", path.stat().st_size)
    with readable(file):
        with path.open("rb") as stream:
            _must_be_plain(stream.read(_HEAD_BYTES), path)
        source = open_source(file)
        if source.format != "JSON Lines":
            raise UsageError(f"is {source.format}; {_ONLY}", where=str(path), fix=_OTHERWISE)
        fields = (list(record.fields) for record in source.records if record.fields is not None)
        layout = recognise(list(islice(fields, _LAYOUT_ROWS)), columns, file.name)
    return Work(file, source.unit, layout, policy, tokenizers, Treatment(policy.fix))


def _must_be_plain(head: bytes, path: Path) -> None:
    binary = not_text(head)
    if binary:
        fix = binary.fix.replace("FILE", str(path))
        raise UsageError(f"{binary.what}; {_ONLY}", where=str(path), fix=f"{fix}; or leave --sample out")
    what = _coding(head)
    if what:
        raise UsageError(f"{what}; {_ONLY}", where=str(path), fix=_OTHERWISE)


def _coding(head: bytes) -> str:
    """What else than plain UTF-8 the beginning is; nothing where it is that."""
    marked, wide = byte_order_mark(head), wide_encoding(head)
    if marked:
        return f"starts with a byte order mark ({marked})"
    if wide:
        return f"looks like {wide}"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "is not UTF-8"
    return ""
