"""Gathers findings and dropped rows while a dataset is made; the policy decides here, and only here, who stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .records import Action, Dropped, Finding, Policy, Severity
from .rules import RULES, Problem

__all__ = ["Collector", "Place"]

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
        self.findings.append(
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
