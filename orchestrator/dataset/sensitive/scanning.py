"""Finds secrets and personal data: a fast first look at a whole block, and the close look at one text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .engine import Engine, Expression, expression, which_match
from .personal import PERSONAL, RECORD_HINT
from .secret_rules import SERVICES, read_secret_rules
from .shapes import Extent, Shape, extents
from .spans import PLACEHOLDER, Detector, Span, fingerprint, mask, without_overlaps

__all__ = ["Patterns", "describe", "find", "find_with", "may_hold", "suspects"]

_MOST_SHOWN_OF_A_PERSON = 2
_PLACEHOLDER = re.compile(PLACEHOLDER.pattern.encode())


class Patterns:
    """The `Detector` that is used unless another is given: services' key shapes and forms of personal data.

    `rules`: a file of secret shapes in gitleaks' format, ours by default. Raises `UsageError` for one that cannot be
    read. Pickles as its arguments, so that a worker process compiles for itself.
    """

    name = "patterns"

    def __init__(self, rules: Path = SERVICES, engine: Engine | None = None) -> None:
        self._rules, self._engine = rules, engine
        secrets = sorted(read_secret_rules(rules), key=lambda shape: shape.rule == "possible-secret")
        self._shapes: Sequence[Shape] = (*secrets, *PERSONAL)
        self._hints = tuple(dict.fromkeys(shape.hint for shape in self._shapes))
        self._which = which_match(self._hints, engine)
        self._any = _either((*self._hints, RECORD_HINT), engine)

    def __reduce__(self) -> tuple[type[Patterns], tuple[Path, Engine | None]]:
        return Patterns, (self._rules, self._engine)

    def suspects(self, block: bytes) -> list[int]:
        """One byte offset in each line of a block of raw JSON Lines in which something may be found.

        No line is missed whose texts hold a find, unless letters or digits of it are written as JSON escapes
        (`\\u0040`): a line with such escapes must be looked at closely whatever this says.
        """
        offsets = []
        found = self._any.search(block)
        while found:
            offsets.append(found.start())
            next_line = block.find(b"\n", max(found.end() - 1, found.start()))
            found = self._any.search(block, next_line + 1) if next_line >= 0 else None
        return offsets

    def may_hold(self, text: str) -> bool:
        """False where `find` finds nothing and nothing reads like a patient's record; cheap enough for every text."""
        return self._any.search(text.encode("utf-8", "surrogatepass")) is not None

    def describe(self, kind: str) -> str:
        """What a kind is, as words for a message: `an e-mail address`."""
        return next((shape.description for shape in self._shapes if shape.kind == kind), kind)

    def find(self, text: str) -> list[Span]:
        """Every secret and personal datum of the text, in order of place; where two overlap, secrets go first."""
        data = text.encode("utf-8", "surrogatepass")
        if not self._any.search(data):
            return []
        hinted = {self._hints[place] for place in self._which(data)}
        spans = [
            _span(shape, data, at)
            for shape in self._shapes
            if shape.hint in hinted
            for at in extents(shape, data, self._engine)
        ]
        kept = without_overlaps(_no_placeholders(spans, data))
        return kept if len(data) == len(text) else _in_characters(kept, data)


def _either(hints: Sequence[bytes], engine: Engine | None) -> Expression:
    return expression(b"|".join(b"(?:" + hint + b")" for hint in hints), engine)


def _span(shape: Shape, data: bytes, at: Extent) -> Span:
    value = data[at.start : at.end].decode("utf-8", "replace")
    if shape.rule.startswith("personal-"):
        return Span(at.start, at.end, shape.kind, shape.rule, mask(value, _MOST_SHOWN_OF_A_PERSON))
    return Span(at.start, at.end, shape.kind, shape.rule, mask(value), fingerprint(value))


def _no_placeholders(spans: Sequence[Span], data: bytes) -> Iterator[Span]:
    """What stands within a placeholder of `redacting` was replaced already."""
    taken = [found.span() for found in _PLACEHOLDER.finditer(data)] if b"[" in data else []
    return (span for span in spans if not any(start <= span.start and span.end <= end for start, end in taken))


def _in_characters(spans: Sequence[Span], data: bytes) -> list[Span]:
    """The same spans, their offsets in characters instead of bytes."""
    converted, before, at = [], 0, 0
    for span in spans:
        before, at = before + _length(data[at : span.start]), span.start
        end = before + _length(data[at : span.end])
        converted.append(span._replace(start=before, end=end))
    return converted


def _length(data: bytes) -> int:
    return len(data.decode("utf-8", "surrogatepass"))


@cache
def _patterns() -> Patterns:
    return Patterns()


def suspects(block: bytes) -> list[int]:
    """`Patterns.suspects` with our rules."""
    return _patterns().suspects(block)


def may_hold(text: str) -> bool:
    """`Patterns.may_hold` with our rules."""
    return _patterns().may_hold(text)


def find(text: str) -> list[Span]:
    """`Patterns.find` with our rules."""
    return _patterns().find(text)


def describe(kind: str) -> str:
    """`Patterns.describe` with our rules."""
    return _patterns().describe(kind)


@dataclass(frozen=True, slots=True)
class _Together:
    detectors: tuple[Detector, ...]

    def __call__(self, text: str) -> list[Span]:
        return without_overlaps(span for detector in self.detectors for span in detector.find(text))


def find_with(detectors: Sequence[Detector]) -> Callable[[str], list[Span]]:
    """One way of finding out of several; where two find the same place, the earlier one is believed.

    It pickles where the detectors do, so that worker processes can be given it.
    """
    return _Together(tuple(detectors))
