"""One shape that is looked for: an expression, a cheap hint that it may be there, and what a match must still pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .engine import Engine, Found, expression

__all__ = ["Extent", "Shape", "Verdict", "extents"]

_WORD = re.compile(rb"[0-9A-Za-z]*")


class Extent(NamedTuple):
    """Byte offsets of a value within a text's UTF-8."""

    start: int
    end: int


# Judges a candidate within its whole text; returns what of it is the value, or None where it is none.
Verdict = Callable[[bytes, Extent], Extent | None]


@dataclass(frozen=True, slots=True)
class Shape:
    """`hint` matches, in raw JSON Lines as well as in plain text, wherever `pattern` matches; group 1 is the value."""

    kind: str
    rule: str
    hint: bytes
    pattern: bytes
    verdict: Verdict = field(compare=False)
    description: str = ""


def extents(shape: Shape, data: bytes, engine: Engine | None = None) -> Iterator[Extent]:
    """Every value of that shape in the text. A candidate that is refused may hide one that begins inside it."""
    compiled = expression(shape.pattern, engine)
    found = compiled.search(data)
    while found:
        value = shape.verdict(data, _candidate(found, compiled.groups))
        if value is not None:
            yield value
        onwards = _end_of_word(data, found.start() + 1) if value is None else max(value.end, found.start() + 1)
        found = compiled.search(data, onwards)


def _end_of_word(data: bytes, at: int) -> int:
    """Nothing begins within a word: skipping it keeps a megabyte of digits from being tried at each of them."""
    rest = _WORD.match(data, at)
    return rest.end() if rest else at


def _candidate(found: Found, groups: int) -> Extent:
    """The first group that took part, else the whole match."""
    group = next((group for group in range(1, groups + 1) if found.start(group) >= 0), 0)
    return Extent(found.start(group), found.end(group))
