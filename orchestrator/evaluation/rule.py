"""The decision rule and its guardrails: fixed, hashed and recorded before the first question is asked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from ..canonical import sha256_of
from ..errors import UsageError

__all__ = ["NOISE", "PROMPTED", "USUAL_MARGIN", "Guardrail", "Improvement", "Rule", "not_measured", "ratio_guardrail"]

_CANDIDATE = re.compile(r"prompt|also[1-9][0-9]*")

Improvement = Literal["error_share", "relative", "points"]

NOISE = 1e-9
"""A fifth computed in floats is still a fifth."""

USUAL_MARGIN = 0.05
"""Of a guard against forgetting that was asked for without one: five points."""

PROMPTED = "prompt"
"""In `must_beat`: every candidate that is the base with another prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What decides. Shares, not per cents; ratios are tuned / base.

    `deploy_at` and `skip_below` are the lines (20 % and 10 %) in the measure that `improvement` names. `max_missing`:
    largest share of prompts left unanswered on either side. `max_latency_ratio` and `max_cost_ratio` ask for a
    guardrail named "latency" or "cost"; None: no limit. Raises `UsageError` for values that make no sense.

    `min_prompts`: with fewer the verdict is inconclusive, however clear they seem. `metric`: the grader that decides,
    by name; None: the one that the expected answers call for. `metrics`: further ones, beside it. `must_beat`:
    candidates ("also1", or "prompt" for the base with another prompt) than which the tuned model must be shown better.
    `general_margin`, `similar_margin` and `safety_margin`: by how much less it may score on the general prompts, on the
    user's own similar tasks, and on the general prompts about safety (a share of all prompts); None: no such guardrail.
    """

    confidence: float = 0.95
    improvement: Improvement = "error_share"
    deploy_at: float = 0.20
    skip_below: float = 0.10
    max_missing: float = 0.01
    max_latency_ratio: float | None = None
    max_cost_ratio: float | None = None
    min_prompts: int = 0
    metric: str | None = None
    metrics: tuple[str, ...] = ()
    must_beat: tuple[str, ...] = ()
    general_margin: float | None = None
    similar_margin: float | None = None
    safety_margin: float | None = None

    def __post_init__(self) -> None:
        for name in ("metrics", "must_beat"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # a list, as the ledger keeps it
        measures = ("error_share", "relative", "points")
        _require(0.5 <= self.confidence < 1, "confidence", "from 0.5 to below 1, for example 0.95")
        _require(self.improvement in measures, "improvement", ", ".join(measures))
        _require(0 <= self.deploy_at < math.inf, "deploy_at", "a share, for example 0.2")
        _require(0 <= self.skip_below <= self.deploy_at, "skip_below", f"from 0 to deploy_at ({self.deploy_at:g})")
        _require(0 <= self.max_missing <= 1, "max_missing", "from 0 to 1")
        _require(self.min_prompts >= 0, "min_prompts", "a number of prompts, for example 50")
        beatable = all(_CANDIDATE.fullmatch(name) for name in self.must_beat)
        _require(beatable, "must_beat", f'"{PROMPTED}", or further candidates by their names: "also1", "also2"')
        for name, limit in self.limits.items():
            _require(0 < limit < math.inf, f"max_{name}_ratio", "above 0, for example 1.5")
        for name, margin in self.margins.items():
            _require(0 < margin < 1, f"{name}_margin", "a share between 0 and 1, for example 0.05")

    @property
    def limits(self) -> Mapping[str, float]:
        """The limits set, by the name of the guardrail that must answer for them."""
        limits = {"latency": self.max_latency_ratio, "cost": self.max_cost_ratio}
        return {name: limit for name, limit in limits.items() if limit is not None}

    @property
    def margins(self) -> Mapping[str, float]:
        """The margins set, by the name of the guardrail that must answer for them."""
        margins = {"general": self.general_margin, "similar": self.similar_margin, "safety": self.safety_margin}
        return {name: margin for name, margin in margins.items() if margin is not None}

    @property
    def sha256(self) -> str:
        """'sha256:…' of the canonical JSON; 2 and 2.0 are the same limit and give the same hash.

        What came later counts only where it is set, so that a rule's name stays what it was.
        """
        told = {each.name: _plain(getattr(self, each.name)) for each in fields(self)}
        return sha256_of({name: value for name, value in told.items() if value or name not in _CAME_LATER})


_CAME_LATER = ("min_prompts", "metric", "metrics", "must_beat", "general_margin", "similar_margin", "safety_margin")


def _require(good: bool, name: str, allowed: str) -> None:
    if not good:
        raise UsageError(f"the decision rule's {name} makes no sense", where=name, fix=f"allowed: {allowed}")


def _plain(setting: float | str | Sequence[str] | None) -> float | str | list[str] | None:
    if isinstance(setting, int | float):
        return float(setting)
    return list(setting) if isinstance(setting, tuple) else setting  # type: ignore[return-value]


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


def not_measured(rule: Rule) -> dict[str, Guardrail]:
    """Every guardrail that the rule asks for, by name, as it stands while nobody has measured it."""
    asked = {name: ratio_guardrail(name, None, limit) for name, limit in rule.limits.items()}
    for name, margin in rule.margins.items():
        detail = f"not measured; it may score at most {margin:.1%} less than the base"
        asked[name] = Guardrail(name=name, passed=None, detail=detail, limit=-margin)
    for other in rule.must_beat:
        asked[f"beats {other}"] = Guardrail(name=f"beats {other}", passed=None, detail="it was not asked", limit=0.0)
    return asked


def ratio_guardrail(
    name: str,
    ratio: float | None,
    limit: float,
    *,
    comparable: bool = True,
    most: float | None = None,
    why: str = "",
) -> Guardrail:
    """Tuned / base must be at most `limit`. `ratio` None: not measured, for the reason `why`.

    `comparable` False (latency of serverless against dedicated serving): shown, labelled, and never gates. `most`: the
    upper end that the measurements leave open (one-sided); where it passes the limit and the ratio does not, nothing is
    shown yet. Without it the ratio itself decides.
    """
    if ratio is None or not math.isfinite(ratio):
        told = f"not measured{f' ({why})' if why else ''}; the limit is {limit:.2f}"
        return Guardrail(name=name, passed=None, detail=told, gates=comparable, limit=limit)
    label = "" if comparable else "; the two are served differently, so this is shown and does not decide"
    open_end = ratio <= limit + NOISE and most is not None and most > limit + NOISE
    left = f", and these answers leave open up to {most:.2f}" if open_end else ""
    return Guardrail(
        name=name,
        passed=None if open_end else ratio <= limit + NOISE,
        detail=f"{ratio:.2f} times the base's{left}, limit {limit:.2f}{label}",
        gates=comparable,
        value=ratio,
        limit=limit,
    )
