"""Published examples that the statistics must reproduce; each names its source. Tolerances are half the last digit.

All of them were also run in R 4.2.2, scipy 1.17 and statsmodels 0.15, which agree.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, chi2, norm, t

from orchestrator.stats import (
    compare_binary,
    compare_clustered,
    compare_scores,
    fdr,
    holm,
    mcnemar_mid_p,
    non_inferior,
    prompts_needed,
    ratio_interval,
    sampled_prompts_needed,
    score_prompts_needed,
    score_z,
    sign_test_p,
    tango_interval,
    wilson,
)
from orchestrator.stats.power import noninferiority_prompts
from orchestrator.stats.resampling import Floats, bca_intervals, sign_flip_p, t_interval, t_test_p
from orchestrator.stats.score_power import t_power, t_prompts_needed
from orchestrator.stats.signed_rank import signed_rank

ZEA_MAYS = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=np.float64)


def test_agresti_1990_approval_ratings_mcnemar() -> None:
    z = score_z(86, 150, 1600, 0.0)
    assert z * z == pytest.approx(17.35593, abs=5e-6)
    assert 2 * norm.sf(z) == pytest.approx(3.099e-05, abs=5e-9)


def test_agresti_1990_with_continuity_correction_as_in_rs_help_of_mcnemar_test() -> None:
    statistic, p_value = corrected(86, 150)
    assert statistic == pytest.approx(16.81780, abs=5e-6)
    assert p_value == pytest.approx(4.1146e-05, abs=5e-10)


def test_agresti_1990_exact_mcnemar() -> None:
    assert sign_test_p(86, 150) == pytest.approx(3.71594e-05, abs=5e-11)


def test_agresti_1990_mid_p_is_the_exact_p_less_one_point_mass() -> None:
    assert mcnemar_mid_p(86, 150) + binom.pmf(86, 236, 0.5) == pytest.approx(3.71594e-05, abs=5e-11)


def test_cavo_2012_mid_p_as_in_fagerland_lydersen_laake_2017_chapter_8() -> None:
    assert mcnemar_mid_p(6, 16) == pytest.approx(0.034690, abs=5e-7)


def test_cavo_2012_other_tests_as_in_cran_contingencytables() -> None:
    assert 2 * norm.sf(abs(score_z(16, 6, 161, 0.0))) == pytest.approx(0.033006, abs=5e-7)
    assert corrected(16, 6)[1] == pytest.approx(0.055009, abs=5e-7)
    assert sign_test_p(16, 6) == pytest.approx(0.052479, abs=5e-7)


def test_cavo_2012_through_the_comparison_of_right_and_wrong() -> None:
    base = [True] * 59 + [False] * 6 + [True] * 16 + [False] * 80
    tuned = [True] * 59 + [True] * 6 + [False] * 16 + [False] * 80
    found = compare_binary(base, tuned)
    assert (found.difference, found.low, found.high) == pytest.approx((-0.0621, -0.1240, -0.0054), abs=5e-5)
    assert found.p_value == pytest.approx(0.034690, abs=5e-7)


def test_cavo_2012_bonett_price_interval_lies_beside_tangos() -> None:
    assert bonett_price(16, 6, 161) == pytest.approx((-0.1195, -0.0032), abs=5e-5)


def test_cavo_2012_tango_interval_as_in_cran_contingencytables() -> None:
    found = tango_interval(16, 6, 161)
    assert (found.low, found.high) == pytest.approx((-0.1240, -0.0054), abs=5e-5)


def test_cavo_2012_newcombe_interval_lies_beside_tangos() -> None:
    assert newcombe(59, 16, 6, 80) == pytest.approx((-0.1186, -0.0046), abs=5e-5)


def test_cavo_2012_ratio_interval_as_in_cran_contingencytables() -> None:
    found = ratio_interval(59, 16, 6, 161)
    assert (found.low, found.high) == pytest.approx((0.7476, 0.9876), abs=5e-5)


def test_bentur_2009_mid_p_as_in_fagerland_lydersen_laake_2013() -> None:
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.0390625, abs=1e-12)


def test_bentur_2009_other_tests_as_in_fagerland_lydersen_laake_2013() -> None:
    assert sign_test_p(1, 7) == pytest.approx(0.0703125, abs=1e-12)
    assert 2 * norm.sf(abs(score_z(1, 7, 21, 0.0))) == pytest.approx(0.03389, abs=5e-6)
    assert corrected(1, 7)[1] == pytest.approx(0.07710, abs=5e-6)


def test_tango_1998_non_inferiority_of_44_pairs() -> None:
    found = non_inferior(1, 0, 44, 0.1)
    assert (found.z, found.p_value, found.passed) == (
        pytest.approx(1.70856, abs=5e-6),
        pytest.approx(0.04377, abs=5e-6),
        True,
    )


def test_tango_1998_interval_of_44_pairs() -> None:
    found = tango_interval(1, 0, 44)
    assert (found.low, found.high) == pytest.approx((-0.1181, 0.0594), abs=5e-5)


def test_fisher_1935_zea_mays_sign_flip_is_exact() -> None:
    assert sign_flip_p(ZEA_MAYS) == pytest.approx(2 * 863 / 32768, abs=1e-12)


def test_fisher_1935_zea_mays_through_the_comparison_of_scores() -> None:
    assert ZEA_MAYS.sum() == 314
    found = compare_scores([0.5] * 15, (0.5 + ZEA_MAYS / 200).tolist())
    assert found.p_value == pytest.approx(0.05267334, abs=5e-9)


def test_fisher_1935_zea_mays_one_sided_is_863_of_32768_sign_patterns() -> None:
    assert sign_flip_p(ZEA_MAYS) / 2 == pytest.approx(0.02633667, abs=5e-9)


def test_fisher_1935_zea_mays_paired_t() -> None:
    assert t_test_p(ZEA_MAYS) == pytest.approx(0.049703, abs=5e-7)


SLEEP = np.array([-1.2, -2.4, -1.3, -1.3, 0.0, -1.0, -1.8, -0.8, -4.6, -1.4])


def test_student_1908_sleep_paired_t_as_in_rs_help_of_t_test() -> None:
    assert t_test_p(SLEEP) == pytest.approx(0.00283289, abs=5e-9)


def test_hollander_wolfe_depression_signed_rank_as_in_rs_help_of_wilcox_test() -> None:
    before = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    after = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    found = signed_rank(before - after)
    assert found.statistic == 40
    assert found.p_value / 2 == pytest.approx(0.01953125, abs=1e-12)


def test_student_1908_sleep_interval() -> None:
    found = t_interval(SLEEP)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((-2.459886, -0.700114), abs=5e-7)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.25529, 0.36621), (15, 148, 0.06239, 0.16049), (0, 20, 0.0, 0.16113), (1, 29, 0.00611, 0.17176)],
)
def test_newcombe_1998_wilson_intervals(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-6)


THROMBOLYSIS = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
THROMBOLYSIS += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]


def test_benjamini_hochberg_1995_p_values_give_four_rejections_by_their_method() -> None:
    adjusted = fdr(THROMBOLYSIS)
    assert adjusted[:5] == pytest.approx((0.0015, 0.0030, 0.0095, 0.035625, 0.0603), abs=5e-7)
    assert sum(p <= 0.05 for p in adjusted) == 4


def test_benjamini_hochberg_1995_p_values_give_three_rejections_by_holm() -> None:
    adjusted = holm(THROMBOLYSIS)
    assert adjusted[:3] == pytest.approx((0.0015, 0.0056, 0.0247), abs=5e-5)
    assert sum(p <= 0.05 for p in adjusted) == 3


def test_bca_interval_of_a_mean_as_by_r_boot() -> None:
    values = np.array([10, 12, 12.5, 12.5, 13.9, 15, 21, 22, 23, 34, 50, 81, 89, 121, 134, 213], dtype=np.float64)
    (found,) = bca_intervals((values,), lambda sample, axis=-1: sample.mean(axis=axis)[np.newaxis])
    assert found is not None
    assert (found.low, found.high) == pytest.approx((32.2, 91.4), abs=0.3)


def test_efron_tibshirani_1993_law_school_correlation_by_bca() -> None:
    lsat = [576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594]
    gpa = [3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96]
    samples = np.array(lsat, np.float64), np.array(gpa)
    assert correlation(*samples)[0] == pytest.approx(0.7763745, abs=5e-8)
    (found,) = bca_intervals(samples, correlation, confidence=0.9, resamples=19_999)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.432, 0.929), abs=0.01)


def test_r_power_t_test_examples() -> None:
    assert t_power(20, 1, 1, groups=2) == pytest.approx(0.8689528, abs=5e-6)
    assert t_prompts_needed(1, 1, power=0.9, groups=2) == pytest.approx(22.02110, abs=5e-5)
    assert t_prompts_needed(0.5, 1) == pytest.approx(33.36713, abs=1e-4)  # R solves it to about 1e-4


def test_chow_shao_wang_2008_mcnemar_sample_size() -> None:
    assert prompts_needed(0.3, 0.7) == 59


def test_miller_2024_sample_size_for_a_gap_of_3_points() -> None:
    assert score_prompts_needed(0.03, math.sqrt(1 / 9)) == 969


def test_miller_2024_sample_size_with_answers_without_number() -> None:
    assert sampled_prompts_needed(0.03, math.sqrt(1 / 9), (0.4, 0.4), (10**9, 10**9)) == 969


def test_clustered_error_as_by_r_sandwich_vcovcl_hc1() -> None:
    scores = [1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0]
    found = compare_clustered([0] * 15, scores, [number // 3 for number in range(15)])
    assert found.difference == pytest.approx(0.533333, abs=5e-7)
    assert (found.difference - found.low) / t.ppf(0.975, 4) == pytest.approx(0.169967, abs=5e-7)


def test_errors_of_independent_prompts_are_smaller_there() -> None:
    scores = np.array([1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0], np.float64)
    found = t_interval(scores)
    assert found is not None
    assert (scores.mean() - found.low) / t.ppf(0.975, 14) == pytest.approx(0.133333, abs=5e-7)


@pytest.mark.parametrize(
    ("discordance", "expected"),
    [(0.1, (7847, 1960, 870, 312)), (0.2, (15696, 3923, 1742, 626)), (0.3, (23545, 5885, 2614, 940))],
)
def test_connor_1987_prompts_for_1_2_3_and_5_points(discordance: float, expected: tuple[int, ...]) -> None:
    assert tuple(prompts_needed(gap, discordance) for gap in (0.01, 0.02, 0.03, 0.05)) == expected


@pytest.mark.parametrize(
    ("discordance", "expected"), [(0.1, (1546, 687, 248)), (0.2, (3092, 1374, 495)), (0.3, (4637, 2061, 742))]
)
def test_non_inferiority_prompts_for_margins_of_2_3_and_5_points(discordance: float, expected: tuple[int, ...]) -> None:
    assert tuple(noninferiority_prompts(margin, discordance) for margin in (0.02, 0.03, 0.05)) == expected


def corrected(base_only: int, tuned_only: int) -> tuple[float, float]:
    """McNemar's χ² with the continuity correction, and its p-value, from the score statistic that is used here."""
    discordant = base_only + tuned_only
    z = abs(score_z(base_only, tuned_only, discordant, 0.0))
    statistic = (z - 1 / math.sqrt(discordant)) ** 2
    return statistic, float(chi2.sf(statistic, 1))


def bonett_price(base_only: int, tuned_only: int, n: int) -> tuple[float, float]:
    """Bonett & Price 2012, J Educ Behav Stat 37:479: Wald's interval with one prompt added to either side."""
    base, tuned = (base_only + 1) / (n + 2), (tuned_only + 1) / (n + 2)
    half = norm.ppf(0.975) * math.sqrt((base + tuned - (tuned - base) ** 2) / (n + 2))
    return tuned - base - half, tuned - base + half


def correlation(one: Floats, other: Floats, axis: int = -1) -> Floats:
    first, second = (x - x.mean(axis=axis, keepdims=True) for x in (one, other))
    products = (first * second).sum(axis=axis)
    return np.stack([products / np.sqrt((first**2).sum(axis=axis) * (second**2).sum(axis=axis))])


def newcombe(both: int, base_only: int, tuned_only: int, neither: int) -> tuple[float, float]:
    """Newcombe's square-and-add interval for paired shares (Newcombe 1998, Stat Med 17:2635, method 10)."""
    n = both + base_only + tuned_only + neither
    tuned, base = both + tuned_only, both + base_only
    one, two = wilson(tuned, n), wilson(base, n)
    product = tuned * (n - tuned) * base * (n - base)
    cross = both * neither - base_only * tuned_only
    phi = (max(cross - n / 2, 0) if cross > 0 else cross) / math.sqrt(product) if product else 0.0
    p, q, d = tuned / n, base / n, (tuned_only - base_only) / n
    down, up = (p - one.low, two.high - q), (one.high - p, q - two.low)
    return tuple(  # type: ignore[return-value]
        d + sign * math.sqrt(a * a - 2 * phi * a * b + b * b) for sign, (a, b) in ((-1, down), (1, up))
    )
