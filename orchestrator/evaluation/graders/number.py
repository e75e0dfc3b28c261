"""Grader for answers that are a number: finds the final one in a text and compares it within a tolerance.

Reads English notation: 1,234.5, $12, 12%, 3e8, a hyphen or minus sign, and "#### 42" or \\boxed{42} as the place of the
final answer; without these, the last number counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal

from .grade import Grade, best, cut
from .text import normalise

__all__ = ["Number", "Quantity", "final_number", "is_marked", "is_number"]

# Possessive quantifiers: no text makes the search go back, so its time is linear in the text.
_NUMBER = re.compile(
    r"(?<![A-Za-z\d])(?P<sign>[-+−]?+)[$€£¥₹]?+(?P<inner>[-−]?+)"
    r"(?P<digits>(?:\d{1,3}(?:,\d{3})++(?!\d)|\d++)(?:\.\d++)?+|\.\d++)"
    r"(?P<power>[eE][-+]?+\d{1,3}+)?+(?P<percent>[ ]?+%)?+"
)
_CODE = re.compile(r"0\d++")
_MARK = "####"
_BOX = "\\boxed{"
_NEAR = 200
_LONGEST = 400
_EXACT = Context(prec=4 * _LONGEST + 2000)
_NOISE = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written: "12%" is 12 with `percent`."""

    value: Decimal
    percent: bool = False


def final_number(text: str) -> Quantity | None:
    """The number after the last "####", else in the last \\boxed{…}, else the last one in the text; or None."""
    tail = cut(text, keep_end=True)
    for mark in (_MARK, _BOX):
        _, found, after = tail.rpartition(mark)
        if found and (first := _quantities(after[:_NEAR])):
            return first[0]
    numbers = _quantities(tail)
    return numbers[-1] if numbers else None


def is_number(text: str) -> bool:
    """Whether the text is one number and nothing else; "007" and "02139" are codes, not numbers."""
    match = _NUMBER.fullmatch(cut(text).strip().removesuffix("."))
    return match is not None and _quantity(match) is not None and not _CODE.match(match["digits"])


def is_marked(text: str) -> bool:
    """Whether the text ends with its number after "####", as worked solutions do."""
    _, found, after = cut(text, keep_end=True).rpartition(_MARK)
    return bool(found) and is_number(after)


def _quantities(text: str) -> list[Quantity]:
    return [quantity for match in _NUMBER.finditer(text) if (quantity := _quantity(match))]


def _quantity(match: re.Match[str]) -> Quantity | None:
    if len(match[0]) > _LONGEST:
        return None
    value = Decimal(match["digits"].replace(",", "") + (match["power"] or ""))
    negative = (match["sign"] in "-−" and match["sign"] != "") != (match["inner"] != "")
    return Quantity(_EXACT.minus(value) if negative else value, match["percent"] is not None)


@dataclass(frozen=True, slots=True)
class Number:
    """Right when the answer's final number is within the tolerance of the expected one.

    `tolerance` is absolute, or a share of the expected number when `relative`. 0 forgives only the noise of floats.
    "12%" equals 12 and 0.12. Where the expected text holds no number, the texts are compared as `normalised` does.
    """

    reason: str = ""
    tolerance: Decimal = Decimal(0)
    relative: bool = False
    measure: Literal["binary", "score"] = "binary"

    @property
    def name(self) -> str:
        """`number`, `number:0.01`, or `number:1%`."""
        if not self.tolerance:
            return "number"
        shown = (self.tolerance * 100 if self.relative else self.tolerance).normalize()
        return f"number:{shown:f}%" if self.relative else f"number:{shown:f}"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`."""
        given = final_number(answer)
        return best(lambda right: self._grade(answer, given, right), expected, accept)

    def _grade(self, answer: str, given: Quantity | None, expected: str) -> Grade:
        right = final_number(expected)
        if right is None:
            same = normalise(cut(answer)) == normalise(cut(expected))
            return Grade(float(same), same, "the expected answer holds no number")
        if given is None:
            return Grade(0.0, False, "no number in the answer")
        passed = any(self._near(value, right.value) for value in _readings(given, right))
        return Grade(float(passed), passed)

    def _near(self, given: Decimal, right: Decimal) -> bool:
        noise = min(_NOISE, abs(right) * Decimal("1e-6"))
        bound = _EXACT.multiply(self.tolerance, abs(right)) if self.relative else self.tolerance
        return abs(_EXACT.subtract(given, right)) <= max(bound, noise)


def _readings(given: Quantity, right: Quantity) -> tuple[Decimal, ...]:
    """What the answer may mean beside the expected number, when only one of them is written in per cent."""
    if given.percent == right.percent:
        return (given.value,)
    factor = Decimal("0.01") if given.percent else Decimal(100)
    return (given.value, _EXACT.multiply(given.value, factor))
