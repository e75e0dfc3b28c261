"""Score comparisons: agreement with scipy, determinism, degenerate input, and the missing extra."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, permutation_test, ttest_1samp

from orchestrator.canonical import canonical_json
from orchestrator.stats import compare_scores
from orchestrator.stats.resampling import sign_flip_p

score = st.integers(0, 10).map(lambda tenths: tenths / 10)
pairs = st.lists(st.tuples(score, score), max_size=40)


def sample(n: int, seed: int = 1) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    base = rng.random(n)
    return base.tolist(), np.clip(base + rng.normal(0.1, 0.2, n), 0, 1).tolist()


def test_difference_interval_is_scipys_bca() -> None:
    base, tuned = sample(200)
    differences = np.subtract(tuned, base)
    expected = bootstrap((differences,), np.mean, method="BCa", rng=np.random.default_rng(7)).confidence_interval
    found = compare_scores(base, tuned)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-3)


def test_sign_flip_p_agrees_with_scipys_permutation_test() -> None:
    differences = np.subtract(*reversed(sample(30)))[:40] - 0.06
    expected = permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(3)
    ).pvalue
    assert sign_flip_p(differences) == pytest.approx(expected, abs=0.02)


def test_exact_and_sampled_sign_flips_agree() -> None:
    differences = np.array([0.1, -0.2, 0.3, 0.4, -0.05, 0.25, 0.15, 0.35, -0.1, 0.2, 0.05, 0.12, -0.3, 0.22, 0.08])
    sampled = sign_flip_p(np.append(differences, 1e-9))
    assert sampled == pytest.approx(sign_flip_p(differences), abs=0.015)


def test_the_same_seed_gives_the_same_record() -> None:
    assert compare_scores(*sample(60), resamples=499) == compare_scores(*sample(60), resamples=499)


def test_very_many_prompts_are_compared_by_t() -> None:
    base, tuned = sample(20_001)
    found = compare_scores(base, tuned)
    assert (found.test, found.interval) == ("paired t", "Student's t")
    assert found.p_value == pytest.approx(float(ttest_1samp(np.subtract(tuned, base), 0).pvalue), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_every_interval_holds_its_estimate(rows: list[tuple[float, float]]) -> None:
    found = compare_scores([b for b, _ in rows], [t for _, t in rows], resamples=199)
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert 0 <= found.p_value <= 1
    for each in (found.error_share, found.relative):
        assert each.value is None or each.low <= each.value <= each.high  # type: ignore[operator]
    canonical_json(found)


@settings(max_examples=30, deadline=None)
@given(pairs)
def test_swapping_the_models_turns_every_sign(rows: list[tuple[float, float]]) -> None:
    base, tuned = [b for b, _ in rows], [t for _, t in rows]
    one, other = compare_scores(base, tuned, resamples=199), compare_scores(tuned, base, resamples=199)
    assert one.difference == pytest.approx(-other.difference, abs=1e-12)
    assert one.p_value == pytest.approx(other.p_value, abs=1e-12)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=0.03)


def test_no_prompt_gives_intervals_of_everything_possible() -> None:
    found = compare_scores([], [])
    assert (found.low, found.high, found.p_value, found.detectable) == (-1, 1, 1, 1)


def test_equal_scores_leave_open_what_n_prompts_leave_open() -> None:
    found = compare_scores([0.5] * 30, [0.5] * 30)
    assert (found.low, found.high) == pytest.approx((-0.11351, 0.11351), abs=1e-5)
    assert (found.p_value, found.interval) == (1, "Wilson bound (nothing varies)")


def test_the_same_gain_everywhere_is_not_a_point() -> None:
    found = compare_scores([0.4] * 50, [0.6] * 50)
    assert found.low < found.difference < found.high
    assert found.p_value < 0.001


def test_few_moved_prompts_widen_the_interval_and_are_noted() -> None:
    base, tuned = [0.5] * 40, [0.5] * 37 + [0.9, 0.8, 0.7]
    found = compare_scores(base, tuned)
    assert found.interval == "BCa bootstrap or Student's t, the wider"
    assert found.low < 0
    assert "only 3 of 40" in found.notes[0]


def test_a_perfect_base_has_no_error_share() -> None:
    assert compare_scores([1.0] * 25, [1.0] * 24 + [0.5]).error_share.value is None


@pytest.mark.parametrize("bad", [-0.1, 1.5, float("nan"), float("inf")])
def test_scores_outside_0_to_1_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        compare_scores([0.5], [bad])


def test_importing_the_package_loads_neither_numpy_nor_scipy() -> None:
    code = "import sys, orchestrator.stats; assert not {'numpy', 'scipy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_scipy_the_missing_extra_is_named_and_pass_fail_still_works() -> None:
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "from orchestrator.errors import MissingExtra\n"
        "from orchestrator.stats import compare_binary, compare_scores\n"
        "compare_binary([True, False], [True, True])\n"
        "try: compare_scores([0.5], [0.6])\n"
        "except MissingExtra as error: assert error.fix == \"pip install 'tunewright[evaluate]'\"\n"
        "else: raise SystemExit(1)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
