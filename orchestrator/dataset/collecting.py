"""Gathers findings and dropped rows while a dataset is made; the policy decides here, and only here, who stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .fix_records import FixedRow
from .records import Action, Dropped, Finding, Policy, Severity
from .rules import RULES, Problem

__all__ = ["MOST_OF_A_RULE", "Collector", "Place"]

MOST_OF_A_RULE = 10_000
"""Findings of one rule that are kept one by one: enough for anybody to read, few enough for any memory."""

_SEVERITIES: dict[Action, Severity] = {"drop": "warning", "warn": "warning", "refuse": "error"}


class Place(NamedTuple):
    """Where a row stands."""

    file: str
    row: int | None = None
    unit: str = "row"


@dataclass(slots=True)
class Collector:
    """The findings so far, in the order in which they were met."""

    policy: Policy
    findings: list[Finding] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Rule → how often it was met; only the first `MOST_OF_A_RULE` are kept as findings."""
    fixed: list[FixedRow] = field(default_factory=list)
    fix_counts: Counter[str] = field(default_factory=Counter)

    def fix(self, fixed: FixedRow) -> None:
        """Note what was mended in a row that stays; of one kind of fix only the first `MOST_OF_A_RULE` one by one."""
        self.fix_counts[fixed.fixed.rule] += 1
        if self.fix_counts[fixed.fixed.rule] <= MOST_OF_A_RULE:
            self.fixed.append(fixed)

    def extend(self, other: Collector) -> None:
        """What was gathered of the rows that follow."""
        for finding in other.findings:
            self._keep(finding)
        for fixed in other.fixed:
            self.fix(fixed)
        self.counts.update(_beyond(other.counts))
        self.fix_counts.update(_beyond(other.fix_counts))
        self.dropped += other.dropped

    def _keep(self, finding: Finding) -> None:
        self.counts[finding.rule] += 1
        if self.counts[finding.rule] <= MOST_OF_A_RULE:
            self.findings.append(finding)

    def row(self, problem: Problem, place: Place, related: Sequence[int] = ()) -> bool:
        """Note a problem of one row. True when the row may stay."""
        action = self._action(problem.rule)
        self._find(problem, place, related, _SEVERITIES[action] if action else RULES[problem.rule].severity)
        return action in (None, "warn")

    def whole(self, rule: str, message: str, file: str = "", severity: Severity | None = None, fix: str = "") -> None:
        """Note something about the data as a whole."""
        self._find(Problem(rule, message), Place(file), (), severity or RULES[rule].severity, fix)

    def drop(self, problem: Problem, place: Place) -> None:
        """Note that a row is not used. Called once for each such row."""
        self.dropped.append(Dropped(place.row or 0, place.file, problem.rule, problem.message))

    def _action(self, rule: str) -> Action | None:
        governed = RULES[rule].policy
        return getattr(self.policy, governed) if governed else None

    def _find(self, problem: Problem, place: Place, related: Sequence[int], severity: Severity, fix: str = "") -> None:
        rule = RULES[problem.rule]
        self._keep(
            Finding(
                problem.rule,
                severity,
                problem.message,
                fix or rule.fix,
                place.file,
                place.row,
                problem.field,
                tuple(related),
                place.unit,
            )
        )


def _beyond(counts: Counter[str]) -> dict[str, int]:
    """How many of each were met beyond those that are kept one by one."""
    return {rule: max(0, count - MOST_OF_A_RULE) for rule, count in counts.items()}
