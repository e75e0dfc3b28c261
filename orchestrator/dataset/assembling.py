"""All scanned rows to a dataset: compared with each other, split, judged as a whole. Works on columns, not on texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import Answers
from .collecting import Collector
from .comparing import Comparison, Indices, count_rows, distinct, without
from .label_rules import label_problems
from .normal import answer_number, question_text
from .reading import Opened
from .records import Dataset, Split
from .rows import Rows
from .scanning import Scan
from .splitting import SIDES, Given, Moved, Sides, split, split_by_time
from .table import RowTable
from .times import iso_of

__all__ = ["Assembly"]

_SIDES: tuple[str, ...] = SIDES


@dataclass(slots=True)
class Assembly:
    """The files in their order, what scanning each gave, and where each role's rows end: pairs, test, validation."""

    opened: Sequence[Opened]
    scans: Sequence[Scan]
    ends: dict[str, int]
    collector: Collector
    _table: RowTable = field(init=False)
    _rows: Rows = field(init=False)
    _compared: Comparison = field(init=False)
    _answers: Answers = field(init=False)

    def dataset(self) -> Dataset:
        """Compare, split, judge, and put together."""
        infos = tuple([one.info(scan) for one, scan in zip(self.opened, self.scans, strict=True)])
        self._join()
        shares, clusters = self._settled()
        labels = self._label_counts(np.concatenate(list(shares.values())))
        sides = self._sides(shares, clusters, labels is not None)
        kept = np.sort(np.concatenate([sides.train, sides.validation, sides.test]))
        labels = self._label_counts(kept) if labels is not None else None
        self._judge_whole(sides, kept, labels)
        rows = self._rows
        return Dataset(
            rows=rows.of(kept),
            dropped=tuple(self.collector.dropped),
            findings=tuple(self.collector.findings),
            sources=infos,
            split=Split(
                rows.of(sides.train), rows.of(sides.validation), rows.of(sides.test), self._balance(sides, labels)
            ),
            sha256=self._sha256(sides),
            task=self._task(labels),
            labels=None if labels is None else {text: count for text, (_, count) in labels.items()},
            counts=dict(self.collector.counts),
            fixed=tuple(self.collector.fixed),
            fix_counts=dict(self.collector.fix_counts),
            measured={side: self._lengths(getattr(sides, side)) for side in SIDES},
        )

    def _join(self) -> None:
        tables = [scan.table for scan in self.scans]
        starts = np.cumsum([0, *map(len, tables)])[:-1]
        self._table = table = RowTable.join(tables)
        self._answers = Answers()
        for scan in self.scans:
            self._answers.merge(scan.answers)
        self.scans = ()  # their columns are in the table now: millions of rows should not stand in memory twice
        parts = tuple([one.part for one in self.opened])
        self._rows = Rows(parts, starts, np.arange(len(table)), table.number, table.offset)
        self._compared = Comparison(self._rows, table.keys, self.collector)

    def _settled(self) -> tuple[dict[str, Indices], list[tuple[int, ...]]]:
        """The rows of each role that stay, and the clusters of near ones among them."""
        shares: dict[str, Indices] = {}
        start = 0
        for role, end in self.ends.items():
            shares[role] = self._compared.settle_repeats(np.arange(start, end))
            start = end
        kept = np.sort(np.concatenate(list(shares.values())))
        if not len(self._table.bands) or self._asked_in_system(kept):
            return shares, []
        clusters = self._clusters(kept)
        out = self._compared.settle_near(clusters)
        stay = [tuple(index for index in cluster if index not in out) for cluster in clusters]
        return {role: without(share, out) for role, share in shares.items()}, stay

    def _clusters(self, kept: Indices) -> list[tuple[int, ...]]:
        """Rows that ask nearly the same, as indices of all rows. Held-out files come last, so the first is a pair."""
        from .near import clusters

        def texts_of(places: Sequence[int]) -> list[str]:
            return [question_text(row.example) for row in self._rows.texts(kept[list(places)].tolist())]

        found = clusters(self._table.bands if len(kept) == len(self._table) else self._table.bands[kept], texts_of)
        return [tuple(kept[list(cluster)].tolist()) for cluster in found]

    def _sides(self, shares: dict[str, Indices], clusters: list[tuple[int, ...]], labelled: bool) -> Sides:
        """Split, add the given files, and take what leaks out of the side that learns from it."""
        compared, held = self._compared, self._held_before(shares)
        shares = {role: without(share, held) for role, share in shares.items()}
        given = Given("test" in shares, "validation" in shares)
        sides = self._split(shares["pairs"], clusters, labelled, given)
        test = shares.get("test", sides.test)
        if held:
            test = np.union1d(test, np.fromiter(held, np.intp, len(held)))
        validation = compared.drop_leaks(shares.get("validation", sides.validation), test, "the test set")
        train = compared.drop_leaks(sides.train, test, "the test set")
        train = compared.drop_leaks(train, validation, "the validation set")
        return Sides(train, validation, test, sides.moved)

    def _held_before(self, shares: dict[str, Indices]) -> set[int]:
        """Rows that were held out in an earlier round, whichever file they stand in: they stay held out."""
        if not self._table.held.any():
            return set()
        kept = np.concatenate(list(shares.values()))
        found = set(kept[self._table.held[kept]].tolist())
        if found:
            told = f"{len(found):,} row(s) were held out in an earlier round, and are again"
            self.collector.whole("held-out-row", told, severity="info")
        return found

    def _split(self, pairs: Indices, clusters: list[tuple[int, ...]], labelled: bool, given: Given) -> Sides:
        table, least = self._table, self.collector.policy.minimum_rows
        if len(table.time):
            places = split_by_time(table.time[pairs], given)
        else:
            place_of = {int(index): place for place, index in enumerate(pairs.tolist())} if clusters else {}
            together = [[place_of[index] for index in cluster if index in place_of] for cluster in clusters]
            if len(table.group):
                together = []  # one common question would make one group of all the user's groups
            answers = table.keys["answer"][pairs].astype(np.uint64) if labelled else None
            places = split(self._split_keys(pairs), answers, filter(None, together), given, least)
        return Sides(pairs[places.train], pairs[places.validation], pairs[places.test], places.moved)

    def _split_keys(self, pairs: Indices) -> NDArray[np.uint64]:
        """What decides a row's side: the user's group, else what is asked."""
        name = "input" if self._asked_in_system(pairs) else "question"
        chosen: NDArray[np.uint64] = self._table.keys[name][pairs].astype(np.uint64)
        if len(self._table.group):
            group = self._table.group[pairs]
            chosen[group != 0] = group[group != 0]
        return chosen

    def _asked_in_system(self, rows: Indices) -> bool:
        """Whether the question itself stands in the system prompt: most rows have one and the same user turn."""
        keys = self._table.keys  # one column at a time: all of them would be a copy of the largest thing in memory
        return 2 * distinct(keys["question"][rows]) < distinct(keys["input"][rows])

    def _judge_whole(self, sides: Sides, kept: Indices, labels: dict[str, tuple[int, int]] | None) -> None:
        collector = self.collector
        if not len(kept) and collector.counts["empty-file"]:
            return
        answers = self._table.keys["answer"]
        one_answer = bool(len(kept)) and bool((answers[kept] == answers[kept[0]]).all())
        count_rows(len(kept), len(sides.train), one_answer, collector)
        if len(kept) and not len(sides.test):
            collector.whole("nothing-held-out", "no row is left to compare base and tuned model on")
        kinds = {one.part.layout.kind for one in self.opened if one.part.layout}
        if "preference" in kinds and len(kept):
            collector.whole("preference-rows", "the rows hold a rejected answer each")
        if "text" in kinds:
            collector.whole("plain-text", "the rows are plain text without an input")
        if labels:
            for problem in label_problems({text: count for text, (_, count) in labels.items()}):
                collector.whole(problem.rule, problem.message)
            tested = set(self._table.keys["answer"][sides.test].tolist())
            missing = sorted(text for text, (number, _) in labels.items() if number not in tested)
            if missing and len(sides.test):
                collector.whole("label-not-in-test", f"no test row for: {', '.join(missing[:10])}"[:300])

    def _task(self, labels: dict[str, tuple[int, int]] | None) -> Any:
        task = self._answers.task
        return "text" if task == "labels" and labels is None else task

    def _label_counts(self, kept: Indices) -> dict[str, tuple[int, int]] | None:
        """Label → its name in the column of answers and its rows, most common first; None: answers are no labels."""
        if self._answers.task != "labels" or self._answers.labels is None:
            return None
        names: dict[int, str] = {}
        for text in self._answers.labels:
            names.setdefault(answer_number(text), text)
        numbers, counts = np.unique(self._table.keys["answer"][kept], return_counts=True)
        if not names.keys() >= set(numbers.tolist()):
            return None  # an answer with more to it than its text, as a preference has
        found = zip(numbers.tolist(), counts.tolist(), strict=True)
        labels = {names[number]: (number, count) for number, count in found}
        return dict(sorted(labels.items(), key=lambda item: (-item[1][1], item[0])))

    def _balance(self, sides: Sides, labels: dict[str, tuple[int, int]] | None) -> dict[str, Any]:
        sizes: dict[str, int] = {side: len(getattr(sides, side)) for side in SIDES}
        total = sum(sizes.values())
        return {
            **sizes,
            "shares": {side: round(size / total, 4) if total else 0.0 for side, size in sizes.items()},
            "by": "time" if len(self._table.time) else "group" if self._table.group.any() else "input",
            "times": self._times(sides) if len(self._table.time) else None,
            "groups": self._groups(sides) if self._table.group.any() else None,
            "moved": [self._moved(moved) for moved in sides.moved],
            "labels": self._label_balance(sides, labels) if labels is not None else None,
        }

    def _times(self, sides: Sides) -> dict[str, list[str] | None]:
        """Side → its first and its last time; None where its rows have none, as those of a file that was given."""
        times = {side: self._table.time[getattr(sides, side)] for side in SIDES}
        return {
            side: [iso_of(column.min()), iso_of(column.max())] if len(column) and not np.isnan(column).any() else None
            for side, column in times.items()
        }

    def _groups(self, sides: Sides) -> dict[str, int]:
        """Side → how many groups its rows are of; "none": rows without a group."""
        groups = {side: self._table.group[getattr(sides, side)] for side in SIDES}
        told: dict[str, int] = {side: int(np.count_nonzero(np.unique(column))) for side, column in groups.items()}
        return {**told, "none": sum(int(np.count_nonzero(column == 0)) for column in groups.values())}

    def _moved(self, moved: Moved) -> dict[str, Any]:
        file, row, _ = self._rows.place(moved.index)
        return {"file": file, "row": row, "from": moved.origin, "to": moved.to, "reason": moved.reason}

    def _label_balance(self, sides: Sides, labels: dict[str, tuple[int, int]]) -> dict[str, dict[str, int]]:
        """Label → rows on each side."""
        balance: dict[str, dict[str, int]] = {text: dict.fromkeys(_SIDES, 0) for text in sorted(labels)}
        text_of = {number: text for text, (number, _) in labels.items()}
        for side in SIDES:
            found = np.unique(self._table.keys["answer"][getattr(sides, side)], return_counts=True)
            for number, count in zip(*map(np.ndarray.tolist, found), strict=True):
                balance[text_of[number]][side] = count
        return balance

    def _lengths(self, side: Indices) -> dict[str, Any]:
        return {name: lengths.of(side) for name, lengths in self._table.lengths.items()}

    def _sha256(self, sides: Sides) -> str:
        """Names the rows and their sides: the names of the exact rows, in order, under each side."""
        digest = sha256(b"tunewright dataset 2\n")
        for side in SIDES:
            chosen = getattr(sides, side)
            digest.update(b"%b %d\n" % (side.encode(), len(chosen)))
            digest.update(self._table.keys["content"][chosen].tobytes())
        return digest.hexdigest()
