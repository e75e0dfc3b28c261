"""The groups behind the data section's tables: findings and dropped rows by rule, labels by split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .view import DataView, DroppedView, FindingView

__all__ = ["BalanceRow", "DropGroup", "FindingGroup", "grouped_drops", "grouped_findings", "label_balance"]

_GRAVEST_FIRST = {"error": 0, "warning": 1, "info": 2}
_MOST_ROWS_NAMED = 12


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """All findings of one rule; `first` stands for them, `where` names the rows."""

    first: FindingView
    findings: tuple[FindingView, ...]
    where: str


@dataclass(frozen=True, slots=True)
class DropGroup:
    """All rows dropped under one rule, with the reason of the first."""

    rule: str
    reason: str
    rows: int
    where: str


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """A label with its number of rows in each split, in the order of the splits."""

    label: str
    counts: tuple[int, ...]


def grouped_findings(data: DataView | None) -> list[FindingGroup]:
    """One group a rule, the gravest and then the most frequent first."""
    groups: defaultdict[tuple[str, str], list[FindingView]] = defaultdict(list)
    for finding in data.findings if data else ():
        groups[finding.severity, finding.rule].append(finding)
    ordered = sorted(groups.values(), key=lambda group: (_GRAVEST_FIRST[group[0].severity], -len(group)))
    return [FindingGroup(group[0], tuple(group), _where(one.row for one in group)) for group in ordered]


def grouped_drops(data: DataView | None) -> list[DropGroup]:
    """One group a rule, the largest first."""
    groups: defaultdict[str, list[DroppedView]] = defaultdict(list)
    for dropped in data.dropped if data else ():
        groups[dropped.rule].append(dropped)
    ordered = sorted(groups.values(), key=len, reverse=True)
    return [
        DropGroup(group[0].rule, group[0].reason, len(group), _where(one.row for one in group)) for group in ordered
    ]


def label_balance(data: DataView | None) -> list[BalanceRow]:
    """Every label with its counts, the most frequent first; empty where answers are no labels."""
    splits = data.splits if data else ()
    total: Counter[str] = Counter()
    for split in splits:
        total.update(split.labels)
    return [
        BalanceRow(label, tuple(split.labels.get(label, 0) for split in splits))
        for label, _ in sorted(total.items(), key=lambda item: (-item[1], item[0]))
    ]


def _where(rows: Iterable[int | None]) -> str:
    numbers = [row for row in rows if row is not None]
    named = ", ".join(str(row) for row in numbers[:_MOST_ROWS_NAMED])
    more = len(numbers) - _MOST_ROWS_NAMED
    return f"{named} and {more:,} more" if more > 0 else named
