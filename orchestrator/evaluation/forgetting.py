"""Did tuning make the model worse at what it was not tuned for? Non-inferiority on tasks beside the held-out ones.

It passes when the one-sided 95 % lower bound of tuned − base lies above −margin (Tango 1998 where answers are right or
wrong). It fails when the loss reaches the margin; between the two, more prompts would tell.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..stats import Estimate, fdr, noninferiority_prompts
from .judged import Guarded, Slice
from .rule import Guardrail, Rule
from .sides import Side, compare

__all__ = ["forgotten", "forgotten_guardrail"]

_TWO_SIDED = 0.90
"""Its lower end is the one-sided 95 % bound."""
_RESAMPLES = 1999


def forgotten(
    name: str, base: Side, tuned: Side, margin: float | None, categories: Sequence[str] | None = None
) -> Guarded:
    """Base and tuned on these prompts. `categories`: of each prompt, where they are of several kinds."""
    found = compare(base, tuned, _TWO_SIDED)
    held = margin is not None and found.low > -margin
    needed = None if margin is None or held else noninferiority_prompts(margin, min(1.0, found.spread**2))
    return Guarded(
        name=name,
        n=found.n,
        base=found.base,
        tuned=found.tuned,
        low=found.low,
        margin=margin,
        missing_base=base.missing,
        missing_tuned=tuned.missing,
        prompts_needed=needed if needed is None or needed > found.n else None,
        parts=() if categories is None else _parts(base, tuned, categories),
    )


def _parts(base: Side, tuned: Side, categories: Sequence[str]) -> tuple[Slice, ...]:
    named = list(dict.fromkeys(categories))
    found = []
    for name in named:
        places = [place for place, category in enumerate(categories) if category == name]
        found.append((name, compare(base, tuned, 0.95, places=places, resamples=_RESAMPLES)))
    adjusted = fdr([one.p_value for _, one in found])
    return tuple(
        Slice(
            label=name,
            kind="category",
            n=one.n,
            base=one.base,
            tuned=one.tuned,
            difference=Estimate(one.difference, one.low, one.high),
            p_value=one.p_value,
            p_adjusted=p_value,
        )
        for (name, one), p_value in zip(found, adjusted, strict=True)
    )


def forgotten_guardrail(found: Guarded, rule: Rule) -> Guardrail:
    """As the rule judges it; without a margin in the rule it is shown and never decides."""
    return Guardrail(
        name=found.name,
        passed=_passed(found, rule),
        detail=_detail(found, rule),
        gates=found.margin is not None,
        value=found.low,
        limit=None if found.margin is None else -found.margin,
    )


def _void(found: Guarded, rule: Rule) -> bool:
    missing = max(found.missing_base, found.missing_tuned)
    return found.n == 0 or missing / found.n > rule.max_missing


def _passed(found: Guarded, rule: Rule) -> bool | None:
    if found.margin is None or _void(found, rule):
        return None
    if found.low > -found.margin:
        return True
    return False if found.tuned - found.base <= -found.margin else None


def _detail(found: Guarded, rule: Rule) -> str:
    if _void(found, rule):
        return f"{found.missing_base} and {found.missing_tuned} of {found.n} prompts got no answer: nothing is shown"
    figures = (
        f"{found.tuned:.1%} against the base's {found.base:.1%} on {found.n:,} prompts; at worst "
        f"{100 * found.low:+.1f} points (one-sided 95% bound)"
    )
    if found.margin is None:
        return f"{figures}; no margin is set, so this does not decide"
    more = f"; about {found.prompts_needed:,} prompts would tell" if found.prompts_needed else ""
    return f"{figures}, allowed {-100 * found.margin:+.1f}{more}"
