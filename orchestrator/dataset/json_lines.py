"""Reads JSON Lines: one object a line, blank lines skipped, every defect named by its line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from math import isinf
from typing import Any

from .files import TextFile
from .rules import Problem
from .source import Record, Source

__all__ = ["holds_escaped_bytes", "json_problem", "loads", "not_an_object", "parse", "parse_line", "read", "record_of"]


_CUT = "ends in the middle of a value"


class _DuplicateKeyError(ValueError):
    """Two members of one object have the same name."""


class _NotANumberError(ValueError):
    """NaN, Infinity, or a number too large to be told from it."""


def read(file: TextFile, notes: tuple[str, ...] = ()) -> Source:
    """The file's lines as records, numbered by line."""
    return Source("JSON Lines", "line", _records(file), notes=notes)


def _records(file: TextFile) -> Iterator[Record]:
    with file.open("\n") as stream:
        for number, line in enumerate(stream, 1):
            record = record_of(number, line)
            if record is not None:
                yield record


def record_of(number: int, line: str) -> Record | None:
    """The record that a line is, with its line end; None for a blank line."""
    value = _whole_object(line)
    if value is None:
        if line.isspace() or not line:
            return None
        value = parse_line(line.removeprefix("\ufeff"))  # within a file that was joined of several
    if holds_escaped_bytes(line):
        return Record(number, None, Problem("undecodable", "holds bytes that are not UTF-8"))
    if type(value) is dict:
        return Record(number, value)
    return Record(number, None, value if isinstance(value, Problem) else not_an_object(value))


def _whole_object(line: str) -> dict[str, Any] | None:
    """The object that fills the line from its first character to its last: the usual case, at half the cost of `parse`.

    None: look more closely.
    """
    if not line.startswith("{"):
        return None
    try:
        value, end = _scan(line, 0)
    except (ValueError, RecursionError, StopIteration):
        return None
    return value if line[end:] in ("\n", "", "\r\n") else None


def parse_line(line: str) -> Any:
    """The value of one line with its line end, or the `Problem`. Only a file's last line may have none."""
    value = parse(line)
    if isinstance(value, Problem) and value.rule == "not-json" and not line.endswith("\n"):
        text = line.strip()
        if value.message == _CUT or (text.startswith("{") and not text.endswith("}")):
            return Problem("truncated", "the last line ends in the middle of a value")
    return value


def not_an_object(value: Any) -> Problem:
    """A line that is JSON, but no row."""
    kind = "a list" if isinstance(value, list) else f"the {type(value).__name__} {value!r}"[:60]
    return Problem("not-an-object", f"is {kind}, not an object")


def parse(text: str) -> Any:
    """The JSON value, or the `Problem` that it is not one."""
    try:
        return loads(text)
    except (ValueError, RecursionError) as error:
        return json_problem(error)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise _DuplicateKeyError(next(name for name, count in counts.items() if count > 1))
    return value


def _constant(name: str) -> None:
    raise _NotANumberError(name)


def _float(digits: str) -> float:
    value = float(digits)
    if isinf(value):
        raise _NotANumberError(digits[:40])
    return value


_decoder = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float)
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]  # typeshed lacks it
loads = _decoder.decode
"""Strict JSON: duplicate keys and NaN refused. Raises ValueError or RecursionError."""


def json_problem(error: Exception) -> Problem:
    """What is wrong, said for people."""
    if isinstance(error, _DuplicateKeyError):
        return Problem("duplicate-key", "has this key twice in one object", str(error)[:80])
    if isinstance(error, _NotANumberError):
        return Problem("not-a-number", f"holds {error}, which is no JSON number that can be kept")
    if isinstance(error, RecursionError):
        return Problem("nesting", "is nested too deeply to be read")
    if isinstance(error, json.JSONDecodeError):
        return _decode_problem(error)
    return Problem("not-json", f"is not JSON: {error}"[:200])


def _decode_problem(error: json.JSONDecodeError) -> Problem:
    text = error.doc.strip()
    if error.msg == "Extra data":
        return _extra(error.doc[error.pos :].strip(), error.pos + 1)
    if text.startswith(("#", "//")):
        return Problem("not-json", "is a comment, which JSON does not have")
    if text.startswith("{'"):
        return Problem("not-json", "has single quotes, as Python prints a dict; JSON needs double quotes")
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
        return Problem("not-json", _CUT)
    return Problem("not-json", f"is not JSON: {error.msg} at column {error.pos + 1}")


def _extra(rest: str, column: int) -> Problem:
    """What stands after the first value of a line."""
    if rest == ",":
        return Problem("not-json", "ends with a comma, as items of a list do; in JSON Lines none stands between rows")
    if rest.startswith(("{", "[", '"')):
        return Problem("two-objects", f"a second value begins at column {column}")
    return Problem("not-json", f"is not JSON: {rest[:1]!r} stands after the object, at column {column}")


def holds_escaped_bytes(text: str) -> bool:
    """True when undecodable bytes came through as U+DC80-U+DCFF."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
