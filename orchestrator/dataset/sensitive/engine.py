"""The expression engine: google-re2 where it is installed, which searches in linear time, else Python's `re`.

Both see bytes as single characters, so a search costs no decoding and offsets are byte offsets. An expression must
be one that both understand: no lookaround, no back-references, flags only as `(?i:…)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Literal, Protocol, cast

__all__ = ["Engine", "Expression", "Found", "InvalidExpression", "expression", "installed", "which_match"]

Engine = Literal["re2", "re"]
_MAX_MEMORY = 256 << 20  # bytes; re2 falls back to slower searches when its automaton outgrows this


class InvalidExpression(ValueError):
    """The engine does not understand an expression."""


class Found(Protocol):
    """What the matches of both engines offer, as `re.Match` does; offsets in bytes."""

    def start(self, group: int = 0) -> int: ...
    def end(self, group: int = 0) -> int: ...


class Expression(Protocol):
    """What the compiled expressions of both engines offer, as `re.Pattern` does."""

    groups: int

    def search(self, data: bytes, pos: int = 0) -> Found | None: ...
    def finditer(self, data: bytes) -> Iterator[Found]: ...


@cache
def _re2() -> Any:
    try:
        return import_module("re2")
    except ImportError:
        return None


def installed() -> Engine:
    """Which engine is used here."""
    return "re" if _re2() is None else "re2"


@cache
def expression(pattern: bytes, engine: Engine | None = None) -> Expression:
    """`pattern`, compiled. Raises `InvalidExpression`."""
    if (engine or installed()) == "re":
        return _with_re(pattern)
    try:
        compiled: Expression = _re2().compile(pattern, _options())
    except _re2().error as error:
        raise InvalidExpression(str(error)) from error
    return compiled


def _with_re(pattern: bytes) -> Expression:
    try:
        return cast(Expression, re.compile(pattern))
    except (re.error, OverflowError) as error:
        raise InvalidExpression(str(error)) from error


def which_match(patterns: Sequence[bytes], engine: Engine | None = None) -> Callable[[bytes], Sequence[int]]:
    """A function that says which of the patterns occur in some bytes, by their places, in no certain order."""
    if (engine or installed()) == "re":
        tried = [(place, expression(pattern, "re")) for place, pattern in enumerate(patterns)]
        return lambda data: [place for place, compiled in tried if compiled.search(data)]
    together = _re2().Set.SearchSet(_options())
    for pattern in patterns:
        if together.Add(pattern) < 0:
            raise InvalidExpression(repr(pattern))
    together.Compile()
    return lambda data: together.Match(data) or ()


def _options() -> Any:
    options = _re2().Options()
    options.max_mem = _MAX_MEMORY
    options.encoding = _re2().Options.Encoding.LATIN1
    options.log_errors = False
    return options
