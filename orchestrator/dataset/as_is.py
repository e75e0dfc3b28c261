"""Judges a file's bytes as they would be uploaded: no sniffing, no conversion. What can be converted is `loading`'s."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from providers.contract import Dialect
from providers.dialects import BadLine
from providers.errors import InvalidData
from providers.records import Example, Message

from ..errors import UsageError
from .answers import label_counts, task_of
from .collecting import Collector, Place
from .comparing import count_rows, drop_leaks, settle_repeats
from .files import byte_order_mark, must_be_a_file, not_text, wide_encoding
from .json_lines import not_an_object, parse_line
from .label_rules import label_problems
from .normal import answer_key, input_key
from .reading import Entry
from .records import Finding, Policy, Row
from .row_rules import row_problems
from .rules import Problem, rule_for
from .shapes import shape_name

__all__ = ["Judged", "check_as_is", "judge_line"]

# Nothing is dropped from bytes that are judged as they are: a finding is either blocking or not.
_POLICY = Policy(duplicates="warn", contradictions="warn", leaks="warn", blank="warn")
_HEAD = 1 << 20
_LONGEST_LINE = 64 << 20
_MOST_OF_ONE_RULE = 1000
_MOST_STRANGE_KEYS = 20
_BOM = b"\xef\xbb\xbf"
_PAIR, _PREFERENCE = Example(()), Example((), rejected=(Message("assistant", ""),))


class Judged(NamedTuple):
    """One line: its example where it is one, and everything wrong with it."""

    example: Example | None
    problems: tuple[Problem, ...]


def check_as_is(path: Path, dialect: Dialect, *, validation: Path | None = None) -> tuple[Finding, ...]:
    """Every finding on these bytes as a file in this dialect; severity "error" is what a platform would refuse.

    `validation`: the second file of the same upload, judged likewise, and against the first for shared rows.
    Raises `UsageError` when a file cannot be opened at all.
    """
    collector = Collector(_POLICY)
    train = _judge_file(Path(path), dialect, collector)
    if train:
        answers = [entry.answer for entry in train]
        count_rows(len(train), len(train), answers, collector)
        if task_of(answers) == "labels":
            for problem in label_problems(label_counts(answers)):
                collector.whole(problem.rule, problem.message)
    if validation is not None:
        drop_leaks(train, _judge_file(Path(validation), dialect, collector), collector, "the validation file")
    return tuple(collector.findings)


def judge_line(line: bytes, dialect: Dialect) -> Judged:
    """One line with its line end, as an upload would hold it. Pure."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and not line.endswith(b"\n"):
            return Judged(None, (Problem("truncated", "the last line ends in the middle of a character"),))
        at = f"byte 0x{line[error.start]:02X} at position {error.start + 1}"
        return Judged(None, (Problem("undecodable", f"is not UTF-8: {at}"),))
    value = parse_line(text)
    if isinstance(value, Problem):
        return Judged(None, (value,))
    if not isinstance(value, dict):
        return Judged(None, (not_an_object(value),))
    return _judge_object(value, dialect)


def _judge_object(value: dict[str, Any], dialect: Dialect) -> Judged:
    """Keys that the dialect does not know are noted and left out, so that they hide nothing behind them."""
    strange: list[Problem] = []
    try:
        while True:
            try:
                example = dialect.decode(value)
            except BadLine as error:
                problem = _problem(error, value, dialect)
                if problem.rule != "unknown-key" or len(strange) == _MOST_STRANGE_KEYS:
                    return Judged(None, (*strange, problem))
                strange.append(problem)
                value = _without(value, error.field)
                continue
            return Judged(example, (*strange, *row_problems(example)))
    except InvalidData as error:
        return Judged(None, (*strange, Problem("shape", error.message)))
    except RecursionError:
        return Judged(None, (*strange, Problem("shape", "is nested too deeply")))


def _problem(error: BadLine, value: dict[str, Any], dialect: Dialect) -> Problem:
    """A row of another shape is named for what it is, not for the first field that it lacks."""
    lacks = error.field.isidentifier() and error.field not in value
    strange = error.reason == "unknown" and value.keys() == {error.field}
    shape = shape_name(value) if lacks or strange else None
    if shape:
        return Problem("mixed-shape", f"has the shape {shape}, which is not what {dialect.name} holds", error.field)
    if lacks:
        return Problem("missing-field", f"has no {error.field!r}; it has: {', '.join(value) or 'nothing'}"[:200])
    return Problem(rule_for(error.reason), error.message, error.field)


def _without(value: Any, path: str) -> Any:
    """A copy without what stands at a path such as `messages[3].mood`; a key may itself hold dots and brackets."""
    if isinstance(value, list):
        index, _, rest = path.removeprefix("[").partition("]")
        rest = rest.removeprefix(".")
        return [_without(item, rest) if str(place) == index else item for place, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if path in value:
        return {name: item for name, item in value.items() if name != path}
    inner = (name for name in value if path.startswith((f"{name}.", f"{name}[")))
    head = next(inner, None)
    return value if head is None else {**value, head: _without(value[head], path[len(head) :].removeprefix("."))}


def _judge_file(path: Path, dialect: Dialect, collector: Collector) -> list[Entry]:
    must_be_a_file(path)
    name = str(path)
    if path.suffix.lower() != ".jsonl":
        collector.whole("file-name", f"is named {path.name}, not .jsonl", name)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
        if not _is_text(head, name, collector):
            return []
        return _judge_lines(path, dialect, collector)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=name, fix="check the permissions") from error


def _is_text(head: bytes, name: str, collector: Collector) -> bool:
    mark = byte_order_mark(head)
    wide = mark if mark and mark != "utf-8-sig" else wide_encoding(head)
    if wide:
        collector.whole("undecodable", f"is {wide}, not UTF-8", name, "error")
    binary = None if wide else not_text(head)
    if binary:
        collector.whole("not-text", binary.what, name)
    return not wide and not binary


def _judge_lines(path: Path, dialect: Dialect, collector: Collector) -> list[Entry]:
    entries: list[Entry] = []
    counts: dict[str, int] = {}
    rows = 0
    for number, line in _lines(path):
        place = Place(str(path), number, "line")
        if number == 1 and line.startswith(_BOM):
            collector.whole("byte-order-mark", "starts with a byte order mark", place.file)
            line = line[len(_BOM) :]
        if line.isspace() or not line:
            _note(Problem("blank-line", "is blank"), place, counts, collector)
            continue
        rows += 1
        example, problems = _too_long() if len(line) > _LONGEST_LINE else judge_line(line, dialect)
        for problem in problems:
            _note(problem, place, counts, collector)
        if example is not None:
            entries.append(_entry(example, place))
    for rule, count in counts.items():
        if count > _MOST_OF_ONE_RULE:
            collector.whole(rule, f"{count - _MOST_OF_ONE_RULE:,} more lines like these", str(path))
    if not rows:
        collector.whole("empty-file", "is empty", str(path))
    return settle_repeats(entries, collector)


def _too_long() -> Judged:
    return Judged(None, (Problem("row-too-long", f"is longer than {_LONGEST_LINE >> 20} MB"),))


def _note(problem: Problem, place: Place, counts: dict[str, int], collector: Collector) -> None:
    counts[problem.rule] = counts.get(problem.rule, 0) + 1
    if counts[problem.rule] <= _MOST_OF_ONE_RULE:
        collector.row(problem, place)


def _entry(example: Example, place: Place) -> Entry:
    """Only what rows are compared by: the example itself is not kept, so that a large file stays small in memory."""
    answer = answer_key(example) if example.messages[-1].role == "assistant" else ""
    kind = _PREFERENCE if example.rejected else _PAIR
    return Entry(Row(place.row or 0, place.file, kind), input_key(example), answer, place.unit)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines, split at LF alone; of a longer line than any row only the beginning, the rest is skipped."""
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(_LONGEST_LINE + 1):
            number += 1
            yield number, line
            while len(line) > _LONGEST_LINE and not line.endswith(b"\n"):
                line = stream.readline(_LONGEST_LINE + 1)
