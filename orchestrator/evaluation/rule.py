"""The decision rule and its guardrails: fixed, hashed and recorded before the first question is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from ..canonical import sha256_of
from ..errors import UsageError

__all__ = ["NOISE", "Guardrail", "Improvement", "Rule", "ratio_guardrail"]

Improvement = Literal["error_share", "relative", "points"]

NOISE = 1e-9
"""A fifth computed in floats is still a fifth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What decides. Shares, not per cents; ratios are tuned / base.

    `deploy_at` and `skip_below` are the lines (20 % and 10 %) in the measure that `improvement` names. `max_missing`:
    largest share of prompts left unanswered on either side. `max_latency_ratio` and `max_cost_ratio` ask for a
    guardrail named "latency" or "cost"; None: no limit. Raises `UsageError` for values that make no sense.
    """

    confidence: float = 0.95
    improvement: Improvement = "error_share"
    deploy_at: float = 0.20
    skip_below: float = 0.10
    max_missing: float = 0.01
    max_latency_ratio: float | None = None
    max_cost_ratio: float | None = None

    def __post_init__(self) -> None:
        measures = ("error_share", "relative", "points")
        _require(0.5 <= self.confidence < 1, "confidence", "from 0.5 to below 1, for example 0.95")
        _require(self.improvement in measures, "improvement", ", ".join(measures))
        _require(0 <= self.deploy_at < math.inf, "deploy_at", "a share, for example 0.2")
        _require(0 <= self.skip_below <= self.deploy_at, "skip_below", f"from 0 to deploy_at ({self.deploy_at:g})")
        _require(0 <= self.max_missing <= 1, "max_missing", "from 0 to 1")
        for name, limit in self.limits.items():
            _require(0 < limit < math.inf, f"max_{name}_ratio", "above 0, for example 1.5")

    @property
    def limits(self) -> Mapping[str, float]:
        """The limits set, by the name of the guardrail that must answer for them."""
        limits = {"latency": self.max_latency_ratio, "cost": self.max_cost_ratio}
        return {name: limit for name, limit in limits.items() if limit is not None}

    @property
    def sha256(self) -> str:
        """'sha256:…' of the canonical JSON; 2 and 2.0 are the same limit and give the same hash."""
        return sha256_of({each.name: _plain(getattr(self, each.name)) for each in fields(self)})


def _require(good: bool, name: str, allowed: str) -> None:
    if not good:
        raise UsageError(f"the decision rule's {name} makes no sense", where=name, fix=f"allowed: {allowed}")


def _plain(setting: float | str | None) -> float | str | None:
    return float(setting) if isinstance(setting, int | float) else setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """A condition beside the difference, such as latency. `gates` False: it is shown and never decides.

    `passed` None: it could not be measured. `value` and `limit` are in the guardrail's own units; `detail` says both.
    """

    name: str
    passed: bool | None
    detail: str = ""
    gates: bool = True
    value: float | None = None
    limit: float | None = None


def ratio_guardrail(name: str, ratio: float | None, limit: float, *, comparable: bool = True) -> Guardrail:
    """Tuned / base must be at most `limit`. `ratio` None: not measured.

    `comparable` False (latency of serverless against dedicated serving): shown, labelled, and never gates.
    """
    if ratio is None or not math.isfinite(ratio):
        return Guardrail(
            name=name, passed=None, detail=f"not measured; the limit is {limit:.2f}", gates=comparable, limit=limit
        )
    label = "" if comparable else "; the two are served differently, so this is shown and does not decide"
    return Guardrail(
        name=name,
        passed=ratio <= limit + NOISE,
        detail=f"{ratio:.2f} times the base's, limit {limit:.2f}{label}",
        gates=comparable,
        value=ratio,
        limit=limit,
    )
