"""Secrets and personal data of one example: every text of it is looked at, and each kind is told once a field."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from providers.records import Example, Message

from ..rules import Problem
from .personal import reads_like_a_record
from .scanning import describe, find, may_hold
from .spans import Span, is_allowed

__all__ = ["Leaf", "Text", "context_of", "in_leaf", "is_picture", "leaves", "sensitive_problems", "texts"]

# Of people who are on file somewhere; beside these stand names, which no pattern sees.
_RECORD_KINDS = frozenset({"birth-date", "record", "passport", "licence", "ssn"})
# Keys that say nothing about the text behind them. Ids stand under two keys and must be read alike.
_UNNAMED = frozenset({"text", "content", "arguments", "description", "type", "role", "id", "tool_call_id"})
_LONGEST_MEDIA_TYPE = 100


class Leaf(NamedTuple):
    """A text within JSON, and what its key adds to it: `mrn: ` makes a record number of `12345678`."""

    context: str
    text: str


class Text(NamedTuple):
    """One text of an example and the field it stands in."""

    field: str
    leaf: Leaf


def leaves(value: Any, key: str = "") -> Iterator[Leaf]:
    """Every text and number within a JSON value. Pictures written into it (`data:` addresses) are left out."""
    if isinstance(value, str):
        if not is_picture(value):
            yield Leaf(context_of(key), value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield Leaf(context_of(key), str(value))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, str(name))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from leaves(inner, key)


def is_picture(value: str) -> bool:
    """Whether a text is a `data:` address that holds bytes, in which anything would be found by chance."""
    return value.startswith("data:") and ";base64," in value[:_LONGEST_MEDIA_TYPE]


def context_of(key: str) -> str:
    """What a key adds to the text behind it."""
    return f"{key}: " if key and key not in _UNNAMED else ""


def texts(example: Example) -> Iterator[Text]:
    """Every text of an example: what turns say, their names, parts, reasoning and calls, and the tools."""
    for index, turn in enumerate((*example.messages, *example.rejected)):
        at = f"messages[{index}]" if index < len(example.messages) else "rejected"
        for field, value in _fields(turn):
            name = at if at == "rejected" else f"{at}.{field}"
            if type(value) is str and not is_picture(value):
                yield Text(name, Leaf(context_of(field), value))
            else:
                yield from (Text(name, leaf) for leaf in leaves(value, field))
    if example.tools:
        yield from (Text("tools", leaf) for leaf in leaves(example.tools))


def _fields(turn: Message) -> Iterator[tuple[str, Any]]:
    for field in ("content", "reasoning", "name", "tool_calls"):
        value = getattr(turn, field)
        if value:
            yield field, value


def sensitive_problems(
    example: Example, finder: Callable[[str], Iterable[Span]] = find, allowed: Collection[str] = ()
) -> Iterator[Problem]:
    """One problem for each kind in each field, and for each key that is not among the `allowed`."""
    every = list(texts(example))
    if finder is find and not may_hold("\n".join([leaf.context + leaf.text for _, leaf in every])):
        return  # one search instead of many for nearly every row
    on_file = False
    for field, group in groupby(every, key=lambda text: text.field):
        spans: dict[tuple[str, str], list[Span]] = {}
        for _, leaf in group:
            on_file = on_file or reads_like_a_record(leaf.text)
            for span in in_leaf(leaf, finder):
                spans.setdefault((span.kind, span.fingerprint), []).append(span)
        for (kind, _), found in spans.items():
            on_file = on_file or kind in _RECORD_KINDS
            if not is_allowed(found[0], allowed):
                yield Problem(found[0].rule, _words(found), field)
    if on_file:
        yield Problem("personal-names", "reads like a record of a person; names, addresses and descriptions go unseen")


def in_leaf(leaf: Leaf, finder: Callable[[str], Iterable[Span]] = find) -> list[Span]:
    """What is found in a leaf's own text, with its context before it."""
    skip = len(leaf.context)
    found = finder(leaf.context + leaf.text)
    return [span._replace(start=span.start - skip, end=span.end - skip) for span in found if span.start >= skip]


def _words(found: list[Span]) -> str:
    first = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    name = f"; its name is {first.kind}, or {first.fingerprint}" if first.fingerprint else ""
    return f"holds {describe(first.kind)}: {first.masked}{more}{name}"
