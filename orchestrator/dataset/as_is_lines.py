"""One line of a file as an upload would hold it: its example where it is one, and everything wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from providers.contract import Dialect
from providers.dialects import BadLine
from providers.errors import InvalidData
from providers.records import Example

from .json_lines import not_an_object, parse_line
from .row_rules import Sensitive, row_problems
from .rules import Problem, rule_for
from .sensitive import describe, find, sensitive_problems, suspects
from .shapes import shape_name

__all__ = ["Judged", "judge_line"]

_MOST_STRANGE_KEYS = 20
_ALONE = Problem("no-user-turn", "has no user turn", "messages")


class Judged(NamedTuple):
    """One line: its example where it is one, and everything wrong with it."""

    example: Example | None
    problems: tuple[Problem, ...]


def judge_line(line: bytes, dialect: Dialect) -> Judged:
    """One line with its line end, as an upload would hold it. Pure."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return Judged(None, (_undecodable(line, error),))
    value = parse_line(text)
    if isinstance(value, Problem):
        judged = Judged(None, (value,))
    elif isinstance(value, dict):
        looked_at = b"\\u" in line or bool(suspects(line))
        judged = _judge_object(value, dialect, sensitive_problems if looked_at else _nothing)
    else:
        judged = Judged(None, (not_an_object(value),))
    return judged if _is_whole(judged) else judged._replace(problems=(*judged.problems, *_sensitive(text, judged)))


def _undecodable(line: bytes, error: UnicodeDecodeError) -> Problem:
    if error.reason == "unexpected end of data" and not line.endswith(b"\n"):
        return Problem("truncated", "the last line ends in the middle of a character")
    return Problem("undecodable", f"is not UTF-8: byte 0x{line[error.start]:02X} at position {error.start + 1}")


def _is_whole(judged: Judged) -> bool:
    """Everything that the line holds is in its example, and has been searched there."""
    return judged.example is not None and all(problem.rule != "unknown-key" for problem in judged.problems)


def _sensitive(text: str, judged: Judged) -> Iterator[Problem]:
    """A key of a service leaves the machine wherever it stands, in a broken line or beside the turns too."""
    known = {problem.rule for problem in judged.problems}
    for span in find(text):
        if span.rule not in known:
            known.add(span.rule)
            yield Problem(span.rule, f"holds {describe(span.kind)}: {span.masked}")


def _nothing(example: Example) -> tuple[Problem, ...]:
    """What is sensitive in a line whose bytes show that nothing is."""
    return ()


def _judge_object(value: dict[str, Any], dialect: Dialect, sensitive: Sensitive) -> Judged:
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
            alone = (
                (_ALONE,) if "messages" in value and [turn.role for turn in example.messages] == ["assistant"] else ()
            )
            return Judged(example, (*strange, *alone, *row_problems(example, sensitive)))
    except InvalidData as error:
        return Judged(None, (*strange, Problem("shape", error.message)))
    except RecursionError:
        return Judged(None, (*strange, Problem("nesting", "is nested too deeply")))


def _problem(error: BadLine, value: dict[str, Any], dialect: Dialect) -> Problem:
    """A row of another shape is named for what it is, not for the first field that it lacks."""
    lacks = error.field.isidentifier() and error.field not in value
    strange = error.reason == "unknown" and (value.keys() == {error.field} or not value.keys() & {"messages", "input"})
    alike = next((name for name in value if name.strip().casefold() == error.field), None) if lacks else None
    if alike is not None:
        return Problem("missing-field", f"has {alike!r}, which is not {error.field!r}: names are taken as they stand")
    shape = shape_name(value) if lacks or strange else None
    if shape:
        held = dialect.name.replace("_", "-")
        return Problem("mixed-shape", f"has the shape {shape}, which is not what {held} holds", error.field)
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
