"""Which rows train, validate and test. A row's side is a hash of its group, so that adding rows moves none.

80 % train; the rest halves into validation, which is uploaded, and test, which never is. Rows are moved from where
their hash puts them only so that a label, or a small file, is not left without a side; each move is reported.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .normal import group_key, question_key, share_of
from .reading import Entry

__all__ = ["Given", "Sides", "label_balance", "split"]

Side = Literal["train", "validation", "test"]
_TEST_SHARE, _VALIDATION_SHARE = 0.10, 0.10
_LEAST_ROWS_PER_LABEL = 5


@dataclass(frozen=True, slots=True)
class Given:
    """Which held-out shares the user brings as files of their own."""

    test: bool = False
    validation: bool = False


@dataclass(slots=True)
class _Group:
    """Rows that never part, and their fixed place in [0, 1)."""

    place: float
    entries: list[Entry]
    side: Side


@dataclass(frozen=True, slots=True)
class Sides:
    """The split rows, in their order, and the rows moved for a reason."""

    train: list[Entry]
    validation: list[Entry]
    test: list[Entry]
    moved: list[dict[str, Any]]


def split(entries: Sequence[Entry], given: Given, labelled: bool, least_train: int) -> Sides:
    """Each entry's side. `labelled`: the answers are labels. `least_train`: rows that training gets first."""
    groups_of = _groups(entries, given)
    groups = list({id(group): group for group in groups_of}.values())
    mover = _Mover(groups, [])
    if not given.test:
        if labelled:
            mover.cover_labels()
        mover.fill("test", len(entries) > least_train)
    if not given.validation:
        mover.fill("validation", len(entries) > least_train + (not given.test))
    mover.feed_train(min(least_train, len(entries)), len(entries))
    shares: dict[str, list[Entry]] = {"train": [], "validation": [], "test": []}
    for entry, group in zip(entries, groups_of, strict=True):
        shares[group.side].append(entry)
    return Sides(shares["train"], shares["validation"], shares["test"], mover.moved)


def _groups(entries: Sequence[Entry], given: Given) -> list[_Group]:
    """The group of each entry, in the entries' order."""
    by_key: dict[bytes, _Group] = {}
    groups_of = []
    for entry, key in zip(entries, _keys(entries), strict=True):
        group = by_key.get(key)
        if group is None:
            place = share_of(key)
            group = by_key[key] = _Group(place, [], _side(place, given))
        group.entries.append(entry)
        groups_of.append(group)
    return groups_of


def _keys(entries: Sequence[Entry]) -> list[bytes]:
    """What decides a row's side: the user's group, else what is asked.

    Where the question itself stands in the system prompt (the same user turn on most rows), the whole prompt decides.
    """
    asked = [question_key(entry.row.example) for entry in entries]
    whole = [entry.input for entry in entries]
    chosen = asked if 2 * len(set(asked)) >= len(set(whole)) else whole
    return [group_key(entry.row.group) if entry.row.group else key for entry, key in zip(entries, chosen, strict=True)]


def _side(place: float, given: Given) -> Side:
    if place < _TEST_SHARE:
        return "train" if given.test else "test"
    if place < _TEST_SHARE + _VALIDATION_SHARE:
        return "train" if given.validation else "validation"
    return "train"


@dataclass(slots=True)
class _Mover:
    """Moves whole groups, always the one whose place is nearest to the side it goes to, and remembers each."""

    groups: list[_Group]
    moved: list[dict[str, Any]]

    def cover_labels(self) -> None:
        """A label with five rows or more has one in test, unless all its rows are one group."""
        of_label: defaultdict[str, list[_Group]] = defaultdict(list)
        for group in self.groups:
            for answer in {entry.answer for entry in group.entries}:
                of_label[answer].append(group)
        for label, groups in of_label.items():
            rows = sum(entry.answer == label for group in groups for entry in group.entries)
            if rows >= _LEAST_ROWS_PER_LABEL and len(groups) > 1 and all(group.side != "test" for group in groups):
                self._move(min(groups, key=_by_place), "test", f"label {label[:60]!r} had no row in test")

    def fill(self, side: Side, wanted: bool) -> None:
        """At least one row on this side, when there are enough rows."""
        if wanted and not any(group.side == side for group in self.groups):
            training = [group for group in self.groups if group.side == "train"]
            if len(training) > 1:
                self._move(min(training, key=_by_place), side, f"{side} had no row")

    def feed_train(self, least: int, rows: int) -> None:
        """Training first: a file with hardly more rows than platforms take holds out one or none a side."""
        if self._count("train") >= least:
            return
        spare = rows - least
        for side, keep in (("validation", min(1, max(spare - 1, 0))), ("test", min(1, spare))):
            groups = sorted((group for group in self.groups if group.side == side), key=_by_place, reverse=True)
            self._feed(groups[: len(groups) - keep], least)
        self._feed(sorted((group for group in self.groups if group.side == "validation"), key=_by_place), least)
        self._feed(sorted((group for group in self.groups if group.side == "test"), key=_by_place), least)

    def _feed(self, groups: Sequence[_Group], least: int) -> None:
        for group in groups:
            if self._count("train") >= least:
                return
            self._move(group, "train", f"training needs {least} rows")

    def _count(self, side: Side) -> int:
        return sum(len(group.entries) for group in self.groups if group.side == side)

    def _move(self, group: _Group, side: Side, reason: str) -> None:
        for entry in group.entries:
            self.moved.append(
                {"file": entry.row.file, "row": entry.row.number, "from": group.side, "to": side, "reason": reason}
            )
        group.side = side


def _by_place(group: _Group) -> float:
    return group.place


def label_balance(shares: dict[str, list[Entry]]) -> dict[str, dict[str, int]]:
    """Label → rows on each side."""
    counts = {side: Counter(entry.row.example.answer.strip() for entry in entries) for side, entries in shares.items()}
    labels = sorted(set().union(*counts.values()))
    return {label: {side: counts[side][label] for side in shares} for label in labels}
