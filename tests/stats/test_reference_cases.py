"""Published examples that the statistics must reproduce; each names its source. Tolerances are half the last digit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from orchestrator.stats import (
    holm,
    mcnemar_mid_p,
    non_inferior,
    prompts_needed,
    ratio_interval,
    score_prompts_needed,
    score_z,
    tango_interval,
    wilson,
)
from orchestrator.stats.power import noninferiority_prompts
from orchestrator.stats.resampling import bca_intervals, sign_flip_p, t_interval, t_test_p
from orchestrator.stats.score_power import t_power, t_prompts_needed

ZEA_MAYS = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=np.float64)


def test_agresti_1990_approval_ratings_mcnemar() -> None:
    z = score_z(86, 150, 1600, 0.0)
    assert z * z == pytest.approx(17.35593, abs=5e-6)
    assert 2 * norm.sf(z) == pytest.approx(3.099e-05, abs=5e-9)


def test_agresti_1990_mid_p_is_the_exact_p_less_one_point_mass() -> None:
    assert mcnemar_mid_p(86, 150) + binom.pmf(86, 236, 0.5) == pytest.approx(3.71594e-05, abs=5e-11)


def test_cavo_2012_mid_p_as_in_fagerland_lydersen_laake_2017_chapter_8() -> None:
    assert mcnemar_mid_p(6, 16) == pytest.approx(0.034690, abs=5e-7)


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


def test_fisher_1935_zea_mays_paired_t() -> None:
    assert t_test_p(ZEA_MAYS) == pytest.approx(0.049703, abs=5e-7)


def test_student_1908_sleep_interval() -> None:
    extra = np.array([-1.2, -2.4, -1.3, -1.3, 0.0, -1.0, -1.8, -0.8, -4.6, -1.4])
    found = t_interval(extra)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((-2.459886, -0.700114), abs=5e-7)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.25529, 0.36621), (15, 148, 0.06239, 0.16049), (0, 20, 0.0, 0.16113), (1, 29, 0.00611, 0.17176)],
)
def test_newcombe_1998_wilson_intervals(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-6)


def test_benjamini_hochberg_1995_p_values_give_three_rejections_by_holm() -> None:
    values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    values += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    adjusted = holm(values)
    assert adjusted[:3] == pytest.approx((0.0015, 0.0056, 0.0247), abs=5e-5)
    assert sum(p <= 0.05 for p in adjusted) == 3


def test_bca_interval_of_a_mean_as_by_r_boot() -> None:
    values = np.array([10, 12, 12.5, 12.5, 13.9, 15, 21, 22, 23, 34, 50, 81, 89, 121, 134, 213], dtype=np.float64)
    (found,) = bca_intervals((values,), lambda sample, axis=-1: sample.mean(axis=axis)[np.newaxis])
    assert found is not None
    assert (found.low, found.high) == pytest.approx((32.2, 91.4), abs=0.3)


def test_r_power_t_test_examples() -> None:
    assert t_power(20, 1, 1, groups=2) == pytest.approx(0.8689528, abs=5e-6)
    assert t_prompts_needed(1, 1, power=0.9, groups=2) == pytest.approx(22.02110, abs=5e-5)
    assert t_prompts_needed(0.5, 1) == pytest.approx(33.36713, abs=1e-4)  # R solves it to about 1e-4


def test_chow_shao_wang_2008_mcnemar_sample_size() -> None:
    assert prompts_needed(0.3, 0.7) == 59


def test_miller_2024_sample_size_for_a_gap_of_3_points() -> None:
    assert score_prompts_needed(0.03, math.sqrt(1 / 9)) == 969


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
