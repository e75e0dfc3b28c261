"""Money beside quality: what a correct answer costs each candidate, and when tuning has paid for itself.

What tuning saves is counted at equal quality: the base's price of a correct answer less the tuned model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from .judged import Economics
from .sides import Side

__all__ = ["Terms", "economics"]

_THOUSAND = Decimal(1000)
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What tuning cost, and how much the model is asked. `bought`: how `training_usd` is known ("billed", "quoted")."""

    training_usd: Decimal | None = None
    bought: str = "billed"
    prompts_per_month: int | None = None
    sandbox: bool = False


def economics(base: Side, tuned: Side, others: Sequence[Side], terms: Terms) -> Economics:
    """Dollars for a thousand correct answers, and the break-even of base against tuned.

    A score counts as that share of a correct answer. A candidate whose answers have no known price, or that gets
    nothing right, has no figure.
    """
    sides = (base, tuned, *others)
    usd = {side.candidate.name: usd_per_1000_correct(side) for side in sides}
    return _break_even(base, tuned, usd, terms)


def usd_per_1000_correct(side: Side) -> Decimal | None:
    """None where a price is not known (as on a machine rented by the hour), or nothing is right."""
    answers = [answer for samples in side.answers for answer in samples if not answer.missing]
    right = Decimal(repr(sum(side.scores))) * len(side.answers[0]) if side.answers else Decimal(0)
    prices = [answer.usd for answer in answers if answer.usd is not None]
    if not right or len(prices) < len(answers) or side.candidate.serving == "dedicated":
        return None
    return sum(prices, Decimal(0)) * _THOUSAND / right


def _break_even(base: Side, tuned: Side, usd: dict[str, Decimal | None], terms: Terms) -> Economics:
    before, after, cost = usd["base"], usd["tuned"], terms.training_usd
    if before is None or after is None:
        return Economics(usd_per_1000_correct=usd, why=_unknown(base, tuned))
    if cost is None:
        return Economics(usd_per_1000_correct=usd, why="what the training cost is not known")
    saved = (before - after) / _THOUSAND
    if saved <= 0:
        why = "a correct answer of the tuned model costs no less than one of the base, so it never pays for itself"
        return Economics(usd_per_1000_correct=usd, why=why + _mark(terms))
    share = Decimal(repr(sum(tuned.scores) / len(tuned.scores)))
    prompts = int((cost / (saved * share)).to_integral_value(ROUND_CEILING))
    return Economics(
        usd_per_1000_correct=usd,
        months_to_break_even=_months(prompts, terms),
        prompts_to_break_even=prompts,
        why=_why(prompts, terms) + _mark(terms),
    )


def _months(prompts: int, terms: Terms) -> Decimal | None:
    if not terms.prompts_per_month:
        return None
    return (Decimal(prompts) / terms.prompts_per_month).quantize(_TENTH, ROUND_CEILING)


def _why(prompts: int, terms: Terms) -> str:
    paid = f"the training as {terms.bought} is paid back after {prompts:,} prompts, at equal numbers of correct answers"
    if terms.prompts_per_month:
        return f"{paid}; you expect {terms.prompts_per_month:,} a month"
    return f"{paid}; --prompts-per-month turns that into months"


def _mark(terms: Terms) -> str:
    return " (sandbox, not money)" if terms.sandbox else ""


def _unknown(base: Side, tuned: Side) -> str:
    for side, name in ((base, "the base"), (tuned, "the tuned model")):
        if side.candidate.serving == "dedicated":
            return f"{name} is served by the hour, so a single answer has no price"
        if not sum(side.scores):
            return f"{name} got nothing right, so a correct answer of it has no price"
    return "the price of an answer is not known"
