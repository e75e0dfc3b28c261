"""Judges a file's bytes as they would be uploaded: no sniffing, no conversion. What can be converted is `loading`'s.

One line is judged by `as_is_lines`, the platform's limits stand in `as_is_limits`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from providers.contract import Dialect
from providers.dialects import Limits
from providers.dialects.rulings import Ruling, rulings_of
from providers.records import Example, Message, ModelFacts, TokenRules

from ..errors import UsageError
from .answers import label_counts, task_of
from .as_is_limits import Lengths, lengths_for, limits_of
from .as_is_lines import Judged, judge_line
from .collecting import Collector, Place
from .comparing import Comparison, count_rows
from .files import byte_order_mark, must_be_a_file, not_text, wide_encoding
from .label_rules import label_problems
from .normal import names_of, names_of_texts
from .records import Finding, Policy, Row
from .rows import held
from .rules import Problem
from .table import KEYS

__all__ = ["Judged", "check_as_is", "judge_line"]

# Nothing is dropped from bytes that are judged as they are: a finding is either blocking or not.
_POLICY = Policy(duplicates="warn", contradictions="warn", leaks="warn", blank="warn")
_HEAD = 1 << 20
_LONGEST_LINE = 64 << 20
_MOST_OF_ONE_RULE = 1000
_USUAL = (["user", "assistant"], ["system", "user", "assistant"])
_BOM = b"\xef\xbb\xbf"
_BLANK = Problem("blank-line", "is blank")
_MARK_INSIDE = Problem("byte-order-mark", "begins with a byte order mark, as where two files were joined")


def check_as_is(
    path: Path,
    dialect: Dialect,
    *,
    validation: Path | None = None,
    model: ModelFacts | None = None,
    rules: TokenRules | None = None,
) -> tuple[Finding, ...]:
    """Every finding on these bytes as a file in this dialect; severity "error" is what a platform would refuse.

    `validation`: the second file of the same upload, judged likewise, and against the first for shared rows. `model`
    and its `rules`: rows are measured against its context. Raises `UsageError` when a file cannot be opened at all.
    """
    limits = limits_of(dialect)
    collector = Collector(replace(_POLICY, minimum_rows=limits.least_rows or 1))
    lengths = lengths_for(model, rules or TokenRules()) if model else None
    upload = _Upload(dialect, limits, lengths, collector)
    first = upload.judge(Path(path), limits.most_rows)
    if validation is not None:
        upload.judge(Path(validation), limits.most_validation_rows)
    compared = Comparison(upload.lines, np.frombuffer(b"".join(upload.lines.keys), KEYS), collector)
    train = compared.settle_repeats(np.arange(first))
    held_out = compared.settle_repeats(np.arange(first, len(upload.lines.rows)))
    if len(train):
        _judge_whole([upload.lines.rows[index].example.answer for index in train], collector)
    compared.drop_leaks(train, held_out, "the validation file")
    return tuple(_as_ruled(collector.findings, rulings_of(dialect.name)))


def _as_ruled(findings: Iterable[Finding], rulings: Mapping[str, Ruling]) -> Iterator[Finding]:
    """The findings with the severities that they have on this platform."""
    for finding in findings:
        ruling = rulings.get(finding.rule)
        yield finding if ruling is None else replace(finding, severity=ruling.severity)


def _judge_whole(answers: Sequence[str], collector: Collector) -> None:
    count_rows(len(answers), len(answers), len(set(answers)) == 1, collector)
    if task_of(answers) == "labels":
        for problem in label_problems(label_counts(answers)):
            collector.whole(problem.rule, problem.message)


@dataclass(slots=True)
class _Lines:
    """What lines are compared by: their names and answers. The rest of them is not kept."""

    rows: list[Row] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)

    def place(self, index: int) -> Place:
        row = self.rows[index]
        return Place(row.file, row.number, "line")

    def texts(self, indices: Sequence[int]) -> Iterator[Row]:
        return (self.rows[index] for index in indices)

    def add(self, example: Example, place: Place) -> None:
        answer = example.messages[-1:] if example.messages[-1].role == "assistant" else (Message("assistant", ""),)
        self.rows.append(Row(place.row or 0, place.file, Example(answer, rejected=example.rejected)))
        texts = _plain_texts(example)
        self.keys.append((names_of(example) if texts is None else names_of_texts(*texts)).keys)


def _plain_texts(example: Example) -> tuple[str | None, str, str] | None:
    """System, user and answer text of a usual row; None for any other. Most rows are usual, and named faster."""
    messages = example.messages
    if (
        example.tools
        or example.rejected
        or example.parallel_tool_calls is not None
        or not all(map(_is_plain, messages))
    ):
        return None
    roles = [message.role for message in messages]
    if roles not in _USUAL:
        return None
    *system, user, answer = [message.text for message in messages]
    return (system[0] if system else None, user, answer)


def _is_plain(turn: Message) -> bool:
    """A role and a text, and nothing else."""
    bare = turn.name is None and turn.weight is None and turn.reasoning is None and turn.tool_call_id is None
    return bare and type(turn.content) is str and not turn.tool_calls


@dataclass(slots=True)
class _Upload:
    """The files of one upload, judged one after the other."""

    dialect: Dialect
    limits: Limits
    lengths: Lengths | None
    collector: Collector
    lines: _Lines = field(default_factory=_Lines)

    def judge(self, path: Path, most_rows: int | None) -> int:
        """How many examples are known after this file."""
        must_be_a_file(path)
        name = str(path)
        if path.suffix.lower() != ".jsonl":
            self.collector.whole("file-name", f"is named {path.name}, not .jsonl", name)
        try:
            with held(path, name):
                with path.open("rb") as stream:
                    head = stream.read(_HEAD)
                if self._is_small(path) and self._is_text(head, name):
                    self._judge_lines(path, most_rows)
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", where=name, fix="check the permissions") from error
        return len(self.lines.rows)

    def _is_small(self, path: Path) -> bool:
        """A file that would be refused for its size alone is not read."""
        size, most = path.stat().st_size, self.limits.most_bytes
        if most is not None and size > most:
            self.collector.whole("file-too-large", f"has {size:,} bytes; at most {most:,} are taken", str(path))
            return False
        return True

    def _is_text(self, head: bytes, name: str) -> bool:
        mark = byte_order_mark(head)
        wide = mark if mark and mark != "utf-8-sig" else wide_encoding(head)
        if wide:
            self.collector.whole("undecodable", f"is {wide}, not UTF-8", name, "error")
            return False
        binary = not_text(head)
        if binary:
            self.collector.whole("not-text", binary.what, name)
            return False
        if b"}\r" in head and b"\n" not in head:
            self.collector.whole("line-ends", "has no line feed: its lines end with carriage returns alone", name)
            return False
        return True

    def _judge_lines(self, path: Path, most_rows: int | None) -> None:
        counts: Counter[str] = Counter()
        rows = 0
        for number, line in _lines_of(path):
            place = Place(str(path), number, "line")
            if line.startswith(_BOM):
                if number == 1:
                    self.collector.whole("byte-order-mark", "starts with a byte order mark", place.file)
                else:
                    self._note(_MARK_INSIDE, place, counts)
                line = line[len(_BOM) :]
            if line.isspace() or not line:
                self._note(_BLANK, place, counts)
                continue
            rows += 1
            for problem in self._judged(line, place):
                self._note(problem, place, counts)
        for rule, count in counts.items():
            if count > _MOST_OF_ONE_RULE:
                self.collector.whole(rule, f"{count - _MOST_OF_ONE_RULE:,} more lines like these", str(path))
        if not rows:
            self.collector.whole("empty-file", "is empty", str(path))
        if most_rows is not None and rows > most_rows:
            self.collector.whole("too-many-rows", f"has {rows:,} rows; at most {most_rows:,} are taken", str(path))

    def _judged(self, line: bytes, place: Place) -> Iterator[Problem]:
        if len(line) > _LONGEST_LINE:
            yield Problem("row-too-long", f"is longer than {_LONGEST_LINE >> 20} MB")
            return
        example, problems = judge_line(line, self.dialect)
        yield from problems
        if example is not None:
            self.lines.add(example, place)
            if self.lengths is not None:
                yield from self.lengths.problems(example, len(line))

    def _note(self, problem: Problem, place: Place, counts: Counter[str]) -> None:
        counts[problem.rule] += 1
        if counts[problem.rule] <= _MOST_OF_ONE_RULE:
            self.collector.row(problem, place)


def _lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines, split at LF alone; of a longer line than any row only the beginning, the rest is skipped."""
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(_LONGEST_LINE + 1):
            number += 1
            yield number, line
            while len(line) > _LONGEST_LINE and not line.endswith(b"\n"):
                line = stream.readline(_LONGEST_LINE + 1)
