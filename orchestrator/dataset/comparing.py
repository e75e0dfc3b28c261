"""What shows only when rows are compared: duplicates, contradictions, leaks, too few rows, one label. One pass each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from .collecting import Collector
from .reading import Entry
from .rules import Problem

__all__ = ["count_rows", "drop_leaks", "settle_repeats"]

_FEW, _ENOUGH, _MANY = 100, 500, 5_000
"""Under 100 it memorises; 500 to 5,000 are asked for; above, cost grows: the rules of DESIGN 9."""


def settle_repeats(entries: Sequence[Entry], collector: Collector) -> list[Entry]:
    """The entries without exact duplicates, and without contradictions if the policy drops them."""
    repeated = _repeated(entries)
    if not repeated:
        return list(entries)
    out: set[int] = set()
    for group in repeated:
        kept = _settle_duplicates(group, collector, out)
        _settle_contradiction(kept, collector, out)
    return [entry for entry in entries if id(entry) not in out]


def drop_leaks(entries: Sequence[Entry], held_out: Iterable[Entry], collector: Collector, held_in: str) -> list[Entry]:
    """The entries whose input is not in the held-out ones."""
    held = {entry.input: entry for entry in held_out}
    kept = []
    for entry in entries:
        twin = held.get(entry.input)
        if twin is None or _may_stay(entry, twin, collector, held_in):
            kept.append(entry)
    return kept


def count_rows(rows: int, train_rows: int, answers: Iterable[str], collector: Collector) -> None:
    """What the number of rows, and of different answers, says."""
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
    if rows > 1 and len(set(answers)) == 1:
        collector.whole("one-label", "every row has the same answer")


def _repeated(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries that share an input, in groups; made only for those, so that a large file stays small in memory."""
    first: dict[bytes, Entry] = {}
    groups: defaultdict[bytes, list[Entry]] = defaultdict(list)
    for entry in entries:
        known = first.setdefault(entry.input, entry)
        if known is not entry:
            group = groups[entry.input]
            if not group:
                group.append(known)
            group.append(entry)
    return list(groups.values())


def _settle_duplicates(group: list[Entry], collector: Collector, out: set[int]) -> list[Entry]:
    seen: dict[str, Entry] = {}
    kept = []
    for entry in group:
        known = seen.setdefault(entry.answer, entry)
        if known is entry:
            kept.append(entry)
            continue
        problem = Problem("exact-duplicate", f"repeats {_place_of(known, entry)}")
        if collector.row(problem, entry.place, _related(known, entry)):
            kept.append(entry)
        else:
            collector.drop(problem, entry.place)
            out.add(id(entry))
    return kept


def _settle_contradiction(group: list[Entry], collector: Collector, out: set[int]) -> None:
    first = group[0]
    if first.row.example.rejected:
        return  # a prompt may have several preferences
    accepted = {first.answer, *first.row.accept}
    others = [entry for entry in group[1:] if entry.answer not in accepted and first.answer not in entry.row.accept]
    if not others:
        return
    problem = Problem("contradiction", f"one input has several answers: {_shown([first, *others])}")
    numbers = [entry.row.number for entry in others]
    if not collector.row(problem, first.place, numbers):
        for entry in (first, *others):
            collector.drop(problem, entry.place)
            out.add(id(entry))


def _shown(entries: Sequence[Entry]) -> str:
    shown = [f"“{entry.answer[:40]}” ({entry.unit} {entry.row.number})" for entry in entries[:3]]
    return ", ".join([*shown, f"and {len(entries) - 3} more"] if len(entries) > 3 else shown)


def _may_stay(entry: Entry, twin: Entry, collector: Collector, held_in: str) -> bool:
    problem = Problem("held-out-overlap", f"its input is also in {held_in}: {_place_of(twin, entry)}")
    if collector.row(problem, entry.place, _related(twin, entry)):
        return True
    collector.drop(problem, entry.place)
    return False


def _place_of(other: Entry, entry: Entry) -> str:
    place = f"{other.unit} {other.row.number}"
    return place if other.row.file == entry.row.file else f"{other.row.file}, {place}"


def _related(other: Entry, entry: Entry) -> tuple[int, ...]:
    return (other.row.number,) if other.row.file == entry.row.file else ()
