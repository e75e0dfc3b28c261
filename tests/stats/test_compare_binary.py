"""Pass/fail comparisons: what the record says, and how empty or extreme input behaves."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.canonical import canonical_json
from orchestrator.stats import Comparison, compare_binary

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=80)


def compare(both: int, base_only: int, tuned_only: int, neither: int) -> Comparison:
    base = [True] * (both + base_only) + [False] * (tuned_only + neither)
    tuned = [True] * both + [False] * base_only + [True] * tuned_only + [False] * neither
    return compare_binary(base, tuned)


def test_counts_rates_and_discordant_prompts() -> None:
    found = compare(59, 16, 6, 80)
    assert (found.n, found.base, found.tuned, found.discordant) == (161, 75 / 161, 65 / 161, (16, 6))


def test_error_share_is_the_share_of_the_bases_errors_removed() -> None:
    found = compare(350, 10, 40, 100)
    assert found.error_share.value == pytest.approx(30 / 140)


def test_error_share_and_difference_agree_in_sign_at_every_end() -> None:
    for tuned_only in range(30):
        found = compare(60, 9, tuned_only, 40)
        assert found.error_share.low is not None
        assert (found.low > 0) == (found.error_share.low > 0)


@settings(deadline=None)
@given(pairs)
def test_swapping_the_models_turns_every_sign(rows: list[tuple[bool, bool]]) -> None:
    base, tuned = [b for b, _ in rows], [t for _, t in rows]
    one, other = compare_binary(base, tuned), compare_binary(tuned, base)
    assert one.difference == -other.difference
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)
    assert (one.p_value, one.detectable) == (other.p_value, other.detectable)


@settings(deadline=None)
@given(pairs)
def test_every_interval_holds_its_estimate(rows: list[tuple[bool, bool]]) -> None:
    found = compare_binary([b for b, _ in rows], [t for _, t in rows])
    assert found.low - 1e-12 <= found.difference <= found.high + 1e-12
    assert found.base_interval.low - 1e-12 <= found.base <= found.base_interval.high + 1e-12
    for each in (found.error_share, found.relative):
        assert each.value is None or each.low - 1e-9 <= each.value <= each.high + 1e-9  # type: ignore[operator]


@settings(deadline=None)
@given(pairs)
def test_a_comparison_is_always_valid_json(rows: list[tuple[bool, bool]]) -> None:
    found = compare_binary([b for b, _ in rows], [t for _, t in rows])
    assert json.loads(canonical_json(found))["n"] == len(rows)


def test_no_prompt_gives_intervals_of_everything_possible() -> None:
    found = compare_binary([], [])
    assert (found.low, found.high, found.p_value, found.detectable) == (-1, 1, 1, 1)
    assert found.error_share.value is None


def test_one_prompt_shows_nothing() -> None:
    found = compare_binary([False], [True])
    assert found.low < 0 < found.high
    assert found.p_value == 0.5


def test_a_perfect_base_has_no_errors_to_take_a_share_of() -> None:
    found = compare(20, 0, 0, 0)
    assert (found.error_share.value, found.relative.value) == (None, 0)


def test_a_base_with_nothing_right_has_nothing_to_grow_from() -> None:
    found = compare(0, 0, 5, 15)
    assert (found.error_share.value, found.relative.value) == (0.25, None)


def test_few_differing_prompts_are_noted() -> None:
    assert "only 3 of 43 prompts" in compare(20, 1, 2, 20).notes[0]


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 grades of the base against 1"):
        compare_binary([True, False], [True])


def test_a_comparison_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        compare(1, 1, 1, 1).n = 5  # type: ignore[misc]
