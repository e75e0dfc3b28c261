"""What shows only when rows are compared: duplicates, contradictions, leaks, near duplicates, too few rows, one label.

Rows are compared by their names (`table.KEYS`); the texts of the few that a message quotes are read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .collecting import Collector, Place
from .normal import answer_key, collapse
from .records import Row
from .rules import Problem

__all__ = ["Compared", "Comparison", "Indices", "count_rows", "distinct", "without"]

Indices = NDArray[np.intp]
_FEW, _ENOUGH, _MANY = 100, 500, 5_000
"""Under 100 it memorises; 500 to 5,000 are asked for; above, cost grows: the rules of DESIGN 9."""
_GROUPS_AT_ONCE = 500


class Compared(Protocol):
    """All rows, by their indices."""

    def place(self, index: int) -> Place:
        """Where a row stands."""
        ...

    def texts(self, indices: Sequence[int]) -> Iterator[Row]:
        """The rows themselves, in order. `indices` ascend."""
        ...


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows by their names, and where to say what was found. Methods take and give indices, ascending."""

    rows: Compared
    keys: NDArray[Any]
    collector: Collector

    def settle_repeats(self, indices: Indices) -> Indices:
        """The rows without exact duplicates, and without contradictions if the policy drops them."""
        groups = list(_repeated(self.keys["input"], indices))
        out: set[int] = set()
        different = []
        for group in groups:
            kept = self._settle_duplicates(group, out)
            if len({self._answer(index) for index in kept}) > 1:
                different.append(kept)
        self._settle_contradictions(different, out)
        return without(indices, out)

    def drop_leaks(self, indices: Indices, held_out: Indices, held_in: str) -> Indices:
        """The rows whose input is not in the held-out ones."""
        inputs, held = self.keys["input"], self.keys["input"][held_out]
        order = np.argsort(held, kind="stable")
        place = np.searchsorted(held[order], inputs[indices])
        place[place == len(order)] = 0
        leaking = held[order[place]] == inputs[indices] if len(order) else np.zeros(len(indices), bool)
        twins = held_out[order[place[leaking]]].tolist() if len(order) else []
        stays = ~leaking
        for at, index, twin in zip(np.flatnonzero(leaking).tolist(), indices[leaking].tolist(), twins, strict=True):
            problem = Problem("held-out-overlap", f"its input is also in {held_in}: {self._named(twin, index)}")
            stays[at] = self._may_stay(problem, index, twin)
        left: Indices = indices[stays]
        return left

    def settle_near(self, clusters: Iterable[Sequence[int]]) -> set[int]:
        """Say which rows nearly repeat another; the indices of those that the policy drops. First ones stay."""
        out: set[int] = set()
        for first, *others in clusters:
            for index in others:
                if self.keys["input"][index] == self.keys["input"][first]:
                    continue  # the very same: duplicates and contradictions have been settled
                problem = Problem("near-duplicate", f"asks nearly the same as {self._named(first, index)}")
                if not self._may_stay(problem, index, first):
                    out.add(index)
        return out

    def _answer(self, index: int) -> int:
        return int(self.keys["answer"][index])

    def _settle_duplicates(self, group: Sequence[int], out: set[int]) -> list[int]:
        seen: dict[int, int] = {}
        kept = []
        for index in group:
            known = seen.setdefault(self._answer(index), index)
            problem = Problem("exact-duplicate", f"repeats {self._named(known, index)}") if known != index else None
            if problem is None or self._may_stay(problem, index, known):
                kept.append(index)
            else:
                out.add(index)
        return kept

    def _settle_contradictions(self, groups: Iterable[Sequence[int]], out: set[int]) -> None:
        """In portions, for the rows of each are in memory at once."""
        stream = iter(groups)
        while portion := list(islice(stream, _GROUPS_AT_ONCE)):
            indices = sorted(index for group in portion for index in group)
            rows = dict(zip(indices, self.rows.texts(indices), strict=True))
            for group in portion:
                self._settle_contradiction([(index, rows[index]) for index in group], out)

    def _settle_contradiction(self, group: Sequence[tuple[int, Row]], out: set[int]) -> None:
        first = group[0][1]
        if first.example.rejected:
            self._settle_preferences(group, out)
            return
        said = _answer(first)
        accepted = {said, *first.accept}
        others = [(i, row) for i, row in group[1:] if _answer(row) not in accepted and said not in row.accept]
        if not others:
            return
        contradicting = [group[0], *others]
        problem = Problem("contradiction", f"one input has several answers: {self._shown(contradicting)}")
        if not self.collector.row(problem, self.rows.place(group[0][0]), [row.number for _, row in others]):
            for index, _ in contradicting:
                self.collector.drop(problem, self.rows.place(index))
                out.add(index)

    def _settle_preferences(self, group: Sequence[tuple[int, Row]], out: set[int]) -> None:
        """A prompt may have several preferences, but not one and its opposite."""
        seen: dict[tuple[str, str], int] = {}
        for index, row in group:
            better, worse = collapse(row.example.answer), collapse(row.example.rejected[0].text)
            opposite = seen.get((worse, better))
            seen.setdefault((better, worse), index)
            if opposite is None:
                continue
            problem = Problem("contradiction", f"prefers what {self._named(opposite, index)} rejects, and the reverse")
            if not self._may_stay(problem, index, opposite):
                out.add(index)

    def _shown(self, rows: Sequence[tuple[int, Row]]) -> str:
        shown = [f"“{_answer(row)[:40]}” ({self.rows.place(index).unit} {row.number})" for index, row in rows[:3]]
        return ", ".join([*shown, f"and {len(rows) - 3} more"] if len(rows) > 3 else shown)

    def _may_stay(self, problem: Problem, index: int, other: int) -> bool:
        place, there = self.rows.place(index), self.rows.place(other)
        if self.collector.row(problem, place, (there.row or 0,) if there.file == place.file else ()):
            return True
        self.collector.drop(problem, place)
        return False

    def _named(self, other: int, index: int) -> str:
        """One row as it is called beside another."""
        there = self.rows.place(other)
        named = f"{there.unit} {there.row}"
        return named if there.file == self.rows.place(index).file else f"{there.file}, {named}"


def without(indices: Indices, out: set[int]) -> Indices:
    """The indices that are not out."""
    return indices[~np.isin(indices, np.fromiter(out, np.intp, len(out)))] if out else indices


def distinct(keys: NDArray[Any]) -> int:
    """How many different keys there are. `np.unique` would put millions of them into a hash table."""
    ordered = np.sort(keys.astype(np.uint64))
    return int((ordered[1:] != ordered[:-1]).sum()) + bool(len(ordered))


def count_rows(rows: int, train_rows: int, one_answer: bool, collector: Collector) -> None:
    """What the number of rows says, and that all of them have `one_answer`."""
    least = collector.policy.minimum_rows
    if train_rows < least:
        usable = (
            f"{rows} usable row(s)" if rows == train_rows else f"{train_rows} of {rows} usable rows are for training"
        )
        collector.whole("too-few-rows", f"{usable}; at least {least} are needed for training")
    if rows < _FEW:
        collector.whole("few-rows-warning", f"{rows} rows: under {_FEW} a model memorises them")
    elif rows < _ENOUGH:
        collector.whole("few-rows-warning", f"{rows} rows: tuning asks for {_ENOUGH:,} to {_MANY:,} good ones")
    elif rows > _MANY:
        collector.whole("many-rows", f"{rows:,} rows: over {_MANY:,} cost and time grow; try a part of them first")
    if rows > 1 and one_answer:
        collector.whole("one-label", "every row has the same answer")


def _repeated(keys: NDArray[Any], indices: Indices) -> Iterator[list[int]]:
    """Rows that share a key, in groups, each ascending, in the order of their first rows."""
    chosen = keys[indices].astype(np.uint64)
    order = np.argsort(chosen, kind="stable")
    ordered = chosen[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1 if len(ordered) else np.zeros(0, np.intp)
    starts = np.concatenate([np.zeros(1, np.intp), ends[:-1]]) if len(ends) else ends
    several = ends - starts > 1
    groups = [indices[order[start:end]] for start, end in zip(starts[several], ends[several], strict=True)]
    yield from (group.tolist() for group in sorted(groups, key=_first))


def _first(group: Indices) -> int:
    return int(group[0])


def _answer(row: Row) -> str:
    return answer_key(row.example) if row.example.messages[-1].role == "assistant" else ""
