"""A judge's choices in both orders: wins, ties and flips, their tests, and a judge who prefers a place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from orchestrator.canonical import canonical_json
from orchestrator.stats import Choice, Pairwise, compare_pairwise, sign_test_p, wilson

choice = st.sampled_from(["base", "tuned", "tie", None])


def judged(won: int = 0, lost: int = 0, tied: int = 0, first: int = 0, second: int = 0) -> Pairwise:
    """`first`: prompts on which what was shown first was chosen in both orders; `second`: what was shown second."""
    base_first: list[Choice | None] = ["tuned"] * won + ["base"] * lost + ["tie"] * tied
    base_first += ["base"] * first + ["tuned"] * second
    tuned_first: list[Choice | None] = ["tuned"] * won + ["base"] * lost + ["tie"] * tied
    tuned_first += ["tuned"] * first + ["base"] * second
    return compare_pairwise(base_first, tuned_first, resamples=999)


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_the_sign_test_is_scipys(losses: int, wins: int) -> None:
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1
    assert sign_test_p(losses, wins) == pytest.approx(expected, rel=1e-9)


def test_wins_losses_ties_and_flips_are_told_apart() -> None:
    found = judged(won=30, lost=12, tied=5, first=8, second=3)
    assert (found.n, found.wins, found.losses, found.ties, found.flips) == (58, 30, 12, 5, 11)
    assert found.win_rate.value == pytest.approx((30 + 16 / 2) / 58)
    assert (found.tie_rate, found.flip_interval) == (5 / 58, wilson(11, 58))


def test_the_p_value_is_of_wins_against_losses_alone() -> None:
    assert judged(won=20, lost=6, tied=40, first=30).p_value == pytest.approx(binomtest(20, 26).pvalue)


def test_a_tie_in_one_order_only_is_a_tie() -> None:
    found = compare_pairwise(["tuned", "tie", "base"], ["tie", "base", "base"], resamples=99)
    assert (found.wins, found.losses, found.ties, found.flips) == (0, 1, 2, 0)


def test_a_judge_who_only_looks_at_the_place_shows_no_winner() -> None:
    found = judged(first=60)
    assert (found.win_rate.value, found.p_value, found.flip_rate) == (0.5, 1, 1)
    assert (found.first_chosen, found.position_p) == (60, pytest.approx(binomtest(60, 60).pvalue))
    assert "prefers what it is shown first" in " ".join(found.comparison.notes)


def test_a_preference_for_the_second_place_is_named_as_such() -> None:
    assert "shown second" in " ".join(judged(won=50, lost=50, second=20).comparison.notes)


def test_flips_to_either_side_alike_are_no_preference_for_a_place() -> None:
    found = judged(won=40, lost=38, first=10, second=11)
    assert found.position_p > 0.5
    assert found.comparison.notes == ()


def test_it_turns_into_a_comparison_of_shares_won() -> None:
    found = judged(won=45, lost=15, tied=20)
    assert found.comparison.difference == pytest.approx((45 - 15) / 80)
    assert found.comparison.tuned == pytest.approx(55 / 80)
    assert found.comparison.p_value == found.p_value
    assert found.comparison.low == pytest.approx(2 * (found.win_rate.low or 0) - 1, abs=0.02)


def test_a_missing_choice_is_counted_and_decides_nothing() -> None:
    found = compare_pairwise([None, "tuned"] * 10, ["tuned", "tuned"] * 10, resamples=99)
    assert (found.missing, found.ties, found.wins) == (10, 10, 10)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(choice, choice), max_size=40))
def test_any_choices_add_up_and_give_json(rows: list[tuple[Choice | None, Choice | None]]) -> None:
    found = compare_pairwise([row[0] for row in rows], [row[1] for row in rows], resamples=99)
    assert found.wins + found.losses + found.ties + found.flips == found.n == len(rows)
    assert found.win_rate.low <= found.win_rate.value <= found.win_rate.high  # type: ignore[operator]
    canonical_json(found)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="not 'A'"):
        compare_pairwise(["A"], ["tie"])  # type: ignore[list-item]


def test_both_orders_are_needed_for_each_prompt() -> None:
    with pytest.raises(ValueError, match="2 choices with the base first against 1"):
        compare_pairwise(["tie", "tie"], ["tie"])
