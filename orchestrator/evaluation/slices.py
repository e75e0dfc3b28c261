"""Where the tuned model gains and where it loses: by label, by length of the prompt, by group. Exploratory only.

Each slice has its own interval; its p-value is adjusted for having looked at all of them, and decides nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from ..stats import Estimate, fdr
from .judged import Slice
from .questions import Question
from .sides import Side, compare

__all__ = ["slices"]

_FEWEST = 5
_FEWEST_FOR_QUARTERS = 40
_MOST_GROUPS = 50
_RESAMPLES = 1999
_QUARTERS = ("shortest quarter", "second quarter", "third quarter", "longest quarter")


class _Part(NamedTuple):
    kind: Literal["label", "length", "group"]
    label: str
    places: Sequence[int]


def slices(
    questions: Sequence[Question], base: Side, tuned: Side, confidence: float, *, labels: bool
) -> tuple[Slice, ...]:
    """Slices of five prompts or more: every label (where answers are labels), quarters by length, up to 50 groups."""
    parts = [*(_by_label(questions) if labels else ()), *_by_length(questions), *_by_group(questions)]
    found = [_slice(part, base, tuned, confidence) for part in parts]
    adjusted = fdr([one.p_value or 0.0 for one in found])
    return tuple(replace(one, p_adjusted=p_value) for one, p_value in zip(found, adjusted, strict=True))


def _slice(part: _Part, base: Side, tuned: Side, confidence: float) -> Slice:
    found = compare(base, tuned, confidence, places=part.places, resamples=_RESAMPLES)
    return Slice(
        label=part.label,
        kind=part.kind,
        n=found.n,
        base=found.base,
        tuned=found.tuned,
        difference=Estimate(found.difference, found.low, found.high),
        p_value=found.p_value,
    )


def _by_label(questions: Sequence[Question]) -> Iterator[_Part]:
    places = _places([question.row.example.answer for question in questions])
    for label, found in sorted(places.items(), key=lambda item: (-len(item[1]), item[0] or "")):
        if len(found) >= _FEWEST:
            yield _Part("label", label or "", found)


def _by_length(questions: Sequence[Question]) -> Iterator[_Part]:
    """By characters of the last user turn, equal counts a quarter; equal lengths may fall on either side of a bound."""
    if len(questions) < _FEWEST_FOR_QUARTERS:
        return
    lengths = [_length(question) for question in questions]
    order = sorted(range(len(lengths)), key=lambda place: (lengths[place], place))
    bounds = [len(order) * quarter // 4 for quarter in range(5)]
    for name, start, end in zip(_QUARTERS, bounds, bounds[1:], strict=False):
        inside = order[start:end]
        ends = f"{lengths[inside[0]]:,} to {lengths[inside[-1]]:,} characters"
        yield _Part("length", f"{name} ({ends})", sorted(inside))


def _length(question: Question) -> int:
    users = [message.text for message in question.row.example.prompt if message.role == "user"]
    return len(users[-1]) if users else 0


def _by_group(questions: Sequence[Question]) -> Iterator[_Part]:
    places = _places([question.row.group for question in questions])
    named = [(group, found) for group, found in places.items() if group is not None and len(found) >= _FEWEST]
    for group, found in sorted(named, key=lambda item: (-len(item[1]), item[0] or ""))[:_MOST_GROUPS]:
        yield _Part("group", group or "", found)


def _places(keys: Sequence[str | None]) -> Mapping[str | None, list[int]]:
    places: dict[str | None, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        places[key].append(place)
    return places
