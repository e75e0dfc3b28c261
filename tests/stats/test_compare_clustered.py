"""Prompts in groups: agreement with statsmodels, whole groups changing sign, and what few groups can show."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from orchestrator.canonical import canonical_json
from orchestrator.stats import compare_binary, compare_clustered, compare_scores, prompts_to_see
from orchestrator.stats.resampling import sign_flip_interval, sign_flip_p

Drawn = tuple[list[float], list[float], list[int]]


def drawn(groups: int, size: int, seed: int = 1, gain: float = 0.05) -> Drawn:
    """Scores whose differences clump by group; group sizes go from 1 to 2 · size − 1."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(groups), rng.integers(1, 2 * size, groups))
    shift = rng.normal(gain, 0.1, groups)[of] + rng.normal(0, 0.05, len(of))
    base = rng.uniform(0.3, 0.6, len(of))
    return base.tolist(), np.clip(base + shift, 0, 1).tolist(), of.tolist()


def test_many_groups_are_compared_as_by_statsmodels_clustered_errors() -> None:
    base, tuned, groups = drawn(60, 5)
    differences = np.subtract(tuned, base)
    fit = sm.OLS(differences, np.ones(len(base))).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(groups)}, use_t=True
    )
    found = compare_clustered(base, tuned, groups)
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[0]), abs=1e-12)
    assert (found.p_value, found.test) == (pytest.approx(fit.pvalues[0], rel=1e-9), "cluster-robust t")


def test_few_groups_are_compared_by_flipping_whole_groups() -> None:
    base, tuned, groups = drawn(12, 5)
    sums = np.bincount(groups, np.subtract(tuned, base))
    exact = permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    found = compare_clustered(base, tuned, groups)
    assert (found.p_value, found.groups) == (pytest.approx(exact), 12)
    assert found.test == "sign-flip permutation of whole groups"


@settings(max_examples=40, deadline=None)
@given(st.integers(6, 12), st.integers(0, 10_000))
def test_the_flipping_interval_holds_what_the_flipping_test_does_not_reject(groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, groups)
    sums = sizes * rng.normal(0.1, 0.2, groups)
    found = sign_flip_interval(sums, sizes)
    width = found.high - found.low
    for inside, outside in ((found.low, found.low - 0.01 * width), (found.high, found.high + 0.01 * width)):
        step = 1e-6 * width * (1 if inside == found.low else -1)
        assert sign_flip_p(sums - (inside + step) * sizes) > 0.05
        assert sign_flip_p(sums - outside * sizes) <= 0.05


def test_groups_of_one_prompt_are_ordinary_prompts() -> None:
    base, tuned, _ = drawn(50, 1)
    one, other = compare_clustered(base, tuned, range(len(base))), compare_scores(base, tuned)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.01)
    assert one.spread == pytest.approx(other.spread)


def test_right_and_wrong_in_groups_stay_a_matter_of_right_and_wrong() -> None:
    base, tuned = [True, False] * 40, [True] * 60 + [False] * 20
    found, alone = compare_clustered(base, tuned, [i // 4 for i in range(80)]), compare_binary(base, tuned)
    assert (found.kind, found.discordant) == ("binary", alone.discordant)
    assert (found.base, found.tuned) == (alone.base, alone.tuned)


def test_a_hundred_copies_of_six_prompts_show_no_more_than_six() -> None:
    found = compare_clustered([0.0] * 600, [1.0, 1.0, 0.0, 1.0, 0.0, 1.0] * 100, [i % 6 for i in range(600)])
    assert found.p_value > 0.05
    assert found.low <= 0
    assert "tell as much as 5 independent ones" in found.notes[0] or "tell as much as 6" in found.notes[0]


def test_fewer_than_six_groups_show_nothing_and_say_so() -> None:
    found = compare_clustered([0.0] * 50, [1.0] * 50, [i % 5 for i in range(50)])
    assert (found.p_value, found.detectable) == (0.0625, 1)
    assert found.low > 0
    assert "takes 6" in found.notes[0]


def test_planning_counts_prompts_that_clump_as_fewer() -> None:
    base, tuned, groups = drawn(60, 5)
    clumped, alone = compare_clustered(base, tuned, groups), compare_scores(base, tuned)
    assert prompts_to_see(clumped, 0.05) > 2 * prompts_to_see(alone, 0.05)
    assert clumped.detectable > 1.4 * alone.detectable


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 8)), max_size=40))
def test_every_interval_holds_its_estimate_and_the_record_is_json(rows: list[tuple[int, int, int]]) -> None:
    base, tuned, groups = ([row[i] for row in rows] for i in range(3))
    found = compare_clustered([b / 4 for b in base], [t / 4 for t in tuned], groups, resamples=199)
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert found.base_interval.low <= found.base <= found.base_interval.high
    assert 0 <= found.p_value <= 1
    canonical_json(found)


def test_no_prompt_leaves_everything_possible_and_plans_as_no_prompt_of_scores_does() -> None:
    found, alone = compare_clustered([], [], []), compare_scores([], [])
    assert (found.low, found.high, found.p_value, found.detectable) == (-1, 1, 1, 1)
    assert prompts_to_see(found, 0.1) == prompts_to_see(alone, 0.1)


def test_every_prompt_needs_a_group() -> None:
    with pytest.raises(ValueError, match="1 groups for 2 prompts"):
        compare_clustered([0.5, 0.5], [0.5, 0.5], ["a"])
