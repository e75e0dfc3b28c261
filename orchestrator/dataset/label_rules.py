"""What shows in labels as a whole: few rows of some, and two spellings of one. Pure functions of answer counts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from .rules import Problem

__all__ = ["label_problems"]

_LEAST_ROWS = 5
_MOST_TIMES = 20
_SHOWN = 10
_MOST_LABELS = 500
_SHORTEST = 6
_ID = re.compile(r"\d{1,4}", re.ASCII)
_NOT_LETTERS = re.compile(r"[\W_]+")


def label_problems(labels: Mapping[str, int]) -> Iterator[Problem]:
    """`labels`: label → rows, most common first."""
    if len(labels) < 2:
        return
    rare = [label for label, count in labels.items() if count < _LEAST_ROWS]
    if rare:
        yield Problem("rare-label", f"fewer than {_LEAST_ROWS} rows for {len(rare)} label(s): {_shown(rare)}")
    counts = list(labels.values())
    if counts[0] > _MOST_TIMES * counts[-1]:
        first, last = next(iter(labels)), list(labels)[-1]
        message = f"“{first[:40]}” has {counts[0]:,} rows, “{last[:40]}” has {counts[-1]:,}"
        yield Problem("label-imbalance", message)
    if "0" in labels and len(labels) > 1 and all(map(_ID.fullmatch, labels)):
        yield Problem("label-ids", f"the labels are the numbers {_shown(sorted(labels, key=int))}")
    for pair in _alike(list(labels)):
        yield Problem("near-labels", " and ".join(f"“{label[:60]}” ({labels[label]:,})" for label in pair))


def _alike(labels: Sequence[str]) -> Iterator[Sequence[str]]:
    """Labels that differ in case, spaces and signs alone, then those that a slip of the pen makes of each other."""
    same: defaultdict[str, list[str]] = defaultdict(list)
    for label in labels:
        same[_letters(label)].append(label)
    yield from (group for letters, group in same.items() if letters and len(group) > 1)
    if len(same) <= _MOST_LABELS:
        for one, other in combinations(same, 2):
            if _one_slip(one, other):
                yield (same[one][0], same[other][0])


def _letters(label: str) -> str:
    return _NOT_LETTERS.sub("", label.casefold())


def _one_slip(one: str, other: str) -> bool:
    """One letter other, more or less, past the first: `refund` and `refunds`. Digits are told apart on purpose."""
    short, long = sorted((one, other), key=len)
    if len(short) < _SHORTEST or len(long) - len(short) > 1:
        return False
    at = next((index for index, letter in enumerate(short) if letter != long[index]), len(short))
    rest = short[at + 1 :] if len(short) == len(long) else short[at:]
    involved = short[at : at + 1] + long[at : at + 1]
    return at > 0 and rest == long[at + 1 :] and not any(map(str.isdigit, involved))


def _shown(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return ", ".join(label[:40] for label in labels[:_SHOWN]) + more
