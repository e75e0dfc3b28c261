"""A judge's choices between two answers, asked in both orders: win rate, its test, and what the judge's order does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .paired import sign_test_p
from .rates import wilson
from .records import Comparison, Estimate, Interval
from .scores import compare_scores

__all__ = ["Choice", "Pairwise", "compare_pairwise"]

Choice = Literal["base", "tuned", "tie"]

_OFTEN_FLIPPED = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairwise:
    """What the judge said of `n` prompts; `wins` + `losses` + `ties` + `flips` = n, seen from the tuned model.

    A win or a loss is one in both orders. A flip names the other model when the order is turned; a tie is all else.
    `win_rate` counts ties and flips as half. `p_value`: exact sign test of wins against losses. `first_chosen`: flips
    in which the answer shown first was chosen twice; `position_p`: are these half of the flips? `missing`: prompts
    without a choice in one order or the other, counted among the ties. `comparison` says the same as a difference:
    share of prompts won (half of ties and flips) by tuned minus by base, for the verdict, measured in points.
    """

    n: int
    wins: int
    losses: int
    ties: int
    flips: int
    missing: int
    win_rate: Estimate
    p_value: float
    tie_rate: float
    tie_interval: Interval
    flip_rate: float
    flip_interval: Interval
    first_chosen: int
    position_p: float
    comparison: Comparison


def compare_pairwise(
    base_first: Sequence[Choice | None],
    tuned_first: Sequence[Choice | None],
    *,
    confidence: float = 0.95,
    seed: int = 7,
    resamples: int = 9999,
) -> Pairwise:
    """Compare by a judge that saw each prompt's two answers in both orders: base's first, then tuned's first.

    Each prompt scores 1 (tuned chosen in both orders), 0 (base in both) or ½, as in Zheng et al. 2023 (arXiv
    2306.05685, section 3.4), which takes out a preference for a place. The win rate has a BCa interval over prompts,
    with the safeguards of `compare_scores` where few are won or lost. None: the judge gave no choice. Raises
    ValueError on unequal lengths or an unknown choice, MissingExtra without scipy.
    """
    if len(base_first) != len(tuned_first):
        raise ValueError(f"{len(base_first)} choices with the base first against {len(tuned_first)} the other way")
    for choice in (*base_first, *tuned_first):
        if choice not in ("base", "tuned", "tie", None):
            raise ValueError(f"a choice is 'base', 'tuned', 'tie' or None, not {choice!r}")
    both = list(zip(base_first, tuned_first, strict=True))
    n, wins, losses = len(both), both.count(("tuned", "tuned")), both.count(("base", "base"))
    first_chosen, second_chosen = both.count(("base", "tuned")), both.count(("tuned", "base"))
    flips = first_chosen + second_chosen
    ties = n - wins - losses - flips
    comparison = _comparison(both, losses, wins, confidence, seed, resamples)
    return Pairwise(
        n=n,
        wins=wins,
        losses=losses,
        ties=ties,
        flips=flips,
        missing=sum(None in pair for pair in both),
        win_rate=Estimate(comparison.tuned, comparison.tuned_interval.low, comparison.tuned_interval.high),
        p_value=comparison.p_value,
        tie_rate=ties / n if n else 0.0,
        tie_interval=wilson(ties, n, confidence=confidence),
        flip_rate=flips / n if n else 0.0,
        flip_interval=wilson(flips, n, confidence=confidence),
        first_chosen=first_chosen,
        position_p=sign_test_p(second_chosen, first_chosen),
        comparison=replace(comparison, notes=(*comparison.notes, *_notes(n, first_chosen, second_chosen))),
    )


def _comparison(
    both: Sequence[tuple[Choice | None, Choice | None]],
    losses: int,
    wins: int,
    confidence: float,
    seed: int,
    resamples: int,
) -> Comparison:
    won = [1.0 if pair == ("tuned", "tuned") else 0.0 if pair == ("base", "base") else 0.5 for pair in both]
    found = compare_scores([1 - each for each in won], won, confidence=confidence, seed=seed, resamples=resamples)
    return replace(
        found,
        p_value=sign_test_p(losses, wins),
        test="sign test on prompts won in both orders",
        error_share=Estimate(None),
        relative=Estimate(None),
    )


def _notes(n: int, first_chosen: int, second_chosen: int) -> tuple[str, ...]:
    flips, notes = first_chosen + second_chosen, []
    if flips and sign_test_p(second_chosen, first_chosen) < 0.05:
        place = "first" if first_chosen > second_chosen else "second"
        notes.append(
            f"The judge prefers what it is shown {place}: of {flips} choices that turned with the order, "
            f"{max(first_chosen, second_chosen)} went to that place. Asking in both orders takes this out."
        )
    if n and flips / n > _OFTEN_FLIPPED:
        notes.append(f"The judge changed its mind with the order on {flips} of {n} prompts; it tells little there.")
    return tuple(notes)
