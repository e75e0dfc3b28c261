"""Which rows train, validate and test. A row's side is a hash of its group, so that adding rows moves none.

80 % train; the rest halves into validation, which is uploaded, and test, which never is. Rows are moved from where
their hash puts them only so that a label, or a small file, is not left without a side; each move is reported.
Split by time instead, the latest rows are tested, and those before them validate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from .comparing import Indices
from .records import Side

__all__ = ["SIDES", "Given", "Moved", "Sides", "split", "split_by_time"]

SIDES: tuple[Side, ...] = ("train", "validation", "test")
_TRAIN, _VALIDATION, _TEST = range(3)
_TEST_SHARE, _VALIDATION_SHARE = 0.10, 0.10
_LEAST_ROWS_PER_LABEL = 5


@dataclass(frozen=True, slots=True)
class Given:
    """Which held-out shares the user brings as files of their own."""

    test: bool = False
    validation: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """A row that was put on another side than its hash says, and why."""

    index: int
    origin: Side
    to: Side
    reason: str


@dataclass(frozen=True, slots=True)
class Sides:
    """Indices of the rows on each side, ascending, and the rows moved for a reason."""

    train: Indices
    validation: Indices
    test: Indices
    moved: tuple[Moved, ...] = ()


def split(
    keys: NDArray[np.uint64],
    answers: NDArray[np.uint64] | None,
    together: Iterable[Sequence[int]],
    given: Given,
    least_train: int,
) -> Sides:
    """Each row's side, by its place among `keys`.

    keys: rows of one key never part, and the key decides where they go. answers: names of the labels, where the answers
    are labels. together: groups of rows that never part either. least_train: rows that training gets first.
    """
    rows = len(keys)
    mover = _Mover(*_grouped(keys, together), given)
    if not given.test:
        if answers is not None:
            mover.cover_labels(answers)
        mover.fill(_TEST, rows > least_train)
    if not given.validation:
        mover.fill(_VALIDATION, rows > least_train + (not given.test))
    mover.feed_train(min(least_train, rows), rows)
    side = mover.side[mover.group]
    train, validation, test = (np.flatnonzero(side == number) for number in range(3))
    return Sides(train, validation, test, tuple(mover.moved))


def split_by_time(times: NDArray[np.float64], given: Given) -> Sides:
    """The latest tenth of the rows tests, the tenth before it validates. Rows of one moment stay together."""
    moments, place, sizes = np.unique(times, return_inverse=True, return_counts=True)
    after = len(times) - np.cumsum(sizes)  # rows later than each moment
    test_rows = 0 if given.test else _TEST_SHARE * len(times)
    held_rows = test_rows + (0 if given.validation else _VALIDATION_SHARE * len(times))
    side = np.where(after < test_rows, _TEST, np.where(after < held_rows, _VALIDATION, _TRAIN))
    if len(moments):
        side[0] = _TRAIN  # one moment for all leaves nothing to hold out, and says so elsewhere
    of_row = side[place]
    train, validation, test = (np.flatnonzero(of_row == number) for number in range(3))
    return Sides(train, validation, test)


def _grouped(
    keys: NDArray[np.uint64], together: Iterable[Sequence[int]]
) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
    """The group of each row, and the key of each group, by which it has its fixed place."""
    order = np.argsort(keys, kind="stable")
    begins = np.ones(len(keys), bool)
    begins[1:] = keys[order[1:]] != keys[order[:-1]]
    unique = keys[order[begins]]
    group = np.empty(len(keys), np.int32)
    group[order] = np.cumsum(begins, dtype=np.int32) - 1
    root = np.arange(len(unique), dtype=np.int32)

    def find(one: int) -> int:
        while root[one] != one:
            root[one] = one = root[root[one]]
        return one

    touched: set[int] = set()
    for rows in together:
        touched.update(group[list(rows)].tolist())
        first = find(group[rows[0]])
        for row in rows[1:]:
            other = find(group[row])
            first, other = min(first, other), max(first, other)
            root[other] = first
    if not touched:
        return group, unique
    for one in touched:
        root[one] = find(one)
    left, joined = np.unique(root[group], return_inverse=True)
    return joined.astype(np.int32), unique[left]


def _before(share: float) -> np.uint64:
    """The key that ends this share of all keys: a key's place is its first 56 bits, as in `normal.share_of`."""
    return np.uint64(ceil(share * 2**56) << 8)


class _Mover:
    """Moves whole groups, always the one whose place is nearest to the side it goes to, and remembers each row."""

    def __init__(self, group: NDArray[np.int32], place: NDArray[np.uint64], given: Given) -> None:
        self.group, self._place = group, place
        self.side = np.full(len(place), _TRAIN, np.int8)
        if not given.validation:
            self.side[(place >= _before(_TEST_SHARE)) & (place < _before(_TEST_SHARE + _VALIDATION_SHARE))] = (
                _VALIDATION
            )
        if not given.test:
            self.side[place < _before(_TEST_SHARE)] = _TEST
        self._size = np.bincount(group, minlength=len(place)).astype(np.int32)
        self.moved: list[Moved] = []

    def cover_labels(self, answers: NDArray[np.uint64]) -> None:
        """A label with five rows or more has one in test, unless all its rows are one group."""
        _, first, label, rows = np.unique(answers, return_index=True, return_inverse=True, return_counts=True)
        order = np.argsort(label, kind="stable")
        starts = np.concatenate([[0], np.cumsum(rows)])
        for one in np.argsort(first):
            if rows[one] < _LEAST_ROWS_PER_LABEL:
                continue
            groups = np.unique(self.group[order[starts[one] : starts[one + 1]]])
            if len(groups) > 1 and not (self.side[groups] == _TEST).any():
                self._move(int(groups[np.argmin(self._place[groups])]), _TEST, "its label had no row in test")

    def fill(self, side: int, wanted: bool) -> None:
        """At least one row on this side, when there are enough rows."""
        if wanted and not (self.side == side).any():
            training = np.flatnonzero(self.side == _TRAIN)
            if len(training) > 1:
                self._move(int(training[np.argmin(self._place[training])]), side, f"{SIDES[side]} had no row")

    def feed_train(self, least: int, rows: int) -> None:
        """Training first: a file with hardly more rows than platforms take holds out one or none a side."""
        if self._count(_TRAIN) >= least:
            return
        spare = rows - least
        for side, keep in ((_VALIDATION, min(1, max(spare - 1, 0))), (_TEST, min(1, spare))):
            groups = self._by_place(side)[::-1]
            self._feed(groups[: len(groups) - keep], least)
        self._feed(self._by_place(_VALIDATION), least)
        self._feed(self._by_place(_TEST), least)

    def _by_place(self, side: int) -> list[int]:
        groups = np.flatnonzero(self.side == side)
        ordered: list[int] = groups[np.argsort(self._place[groups])].tolist()
        return ordered

    def _feed(self, groups: Sequence[int], least: int) -> None:
        for group in groups:
            if self._count(_TRAIN) >= least:
                return
            self._move(group, _TRAIN, f"training needs {least} rows")

    def _count(self, side: int) -> int:
        return int(self._size[self.side == side].sum())

    def _move(self, group: int, side: int, reason: str) -> None:
        origin, to = SIDES[self.side[group]], SIDES[side]
        self.moved += [Moved(int(row), origin, to, reason) for row in np.flatnonzero(self.group == group)]
        self.side[group] = side
