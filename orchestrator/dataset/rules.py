"""Every rule by its stable id: severity, one sentence of why, and the fix. The table itself is `rules.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..errors import UsageError
from .records import Severity
from .rule_groups import listed, nearest

__all__ = ["RULES", "Problem", "Rule", "explain", "rule_for"]

Governs = Literal["duplicates", "contradictions", "leaks", "blank", "broken", "secrets", "near_duplicates"]


@dataclass(frozen=True, slots=True)
class Rule:
    """`policy`: the field of `Policy` that decides what happens to the row; None: the severity is fixed."""

    id: str
    severity: Severity
    why: str
    fix: str
    policy: Governs | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"id": self.id, "severity": self.severity, "why": self.why, "fix": self.fix, "policy": self.policy}


class Problem(NamedTuple):
    """A rule met in one row, before it is known which file and row."""

    rule: str
    message: str
    field: str | None = None


def _read() -> Mapping[str, Rule]:
    table = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
    return {id: Rule(id, **fields) for id, fields in table.items()}


RULES: Mapping[str, Rule] = _read()


_REASONS = {"image": "image-role", "deprecated": "deprecated-call", "unknown": "unknown-key"}


def rule_for(reason: str) -> str:
    """The rule that a dialect's one-word reason falls under."""
    return _REASONS.get(reason, reason)


def explain(rule: str) -> Rule:
    """The rule of that id. Raises `UsageError` naming the nearest, or all by group where none is near."""
    if rule in RULES:
        return RULES[rule]
    near = nearest(rule, RULES)
    fix = f"did you mean {' or '.join(map(repr, near))}?" if near else f"one of these\n{listed(RULES)}"
    raise UsageError(f"no rule {rule!r}", fix=fix)
