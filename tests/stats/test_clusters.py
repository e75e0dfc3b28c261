"""Totals from some clusters: what they estimate, how far they may be off, and that they hold what they say."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t

from orchestrator.stats.clusters import mean_total, ratio_total, t_quantile

SEEDS = 200


@pytest.mark.parametrize("freedom", [20, 99, 1999])
@pytest.mark.parametrize("share", [0.95, 0.975, 0.995])
def test_the_quantile_is_students(share: float, freedom: int) -> None:
    assert t_quantile(share, freedom) == pytest.approx(t.ppf(share, freedom), abs=1e-4)


def test_all_clusters_give_the_total_itself() -> None:
    values, sizes = [3.0, 5.0, 0.0, 9.0], [30.0, 40.0, 0.0, 95.0]
    assert mean_total(values, 4) == pytest.approx((17, 0))
    assert ratio_total(values, sizes, 4, 165) == pytest.approx((17, 0))


def test_the_error_of_a_mean_is_the_textbooks() -> None:
    """Ten clusters, two drawn: 10² × (1 − 0.2) × s² / 2, where s² of 1 and 3 is 2."""
    assert mean_total([1, 3], 10) == pytest.approx((20, 80**0.5))


def test_values_in_proportion_to_sizes_leave_no_error() -> None:
    assert ratio_total([2, 6, 4], [1, 3, 2], 50, 1000) == pytest.approx((2000, 0))


def test_nothing_in_any_cluster_is_nothing_in_all() -> None:
    assert ratio_total([0, 0], [0, 0], 9, 100) == (0, 0)


Windows = NDArray[np.float64]


def windows(kind: str) -> tuple[Windows, Windows, Windows]:
    """Rows, bytes and tokens of each window of a made file of 60,000 lines, whose lengths and contents clump."""
    rng = np.random.default_rng(1)
    level = np.repeat(rng.choice([100, 200, 400], 600), 100)
    length = np.maximum((level * rng.lognormal(0, 0.7, 60_000)).astype(int), 40)
    if kind == "a few huge":
        length[rng.random(60_000) < 0.005] *= 100
    tokens = length * np.repeat(rng.uniform(0.18, 0.35, 200), 300) * rng.normal(1, 0.1, 60_000)
    window = (np.cumsum(length) - length) // (20 * length.sum() // 60_000)
    rows, sizes, counted = (
        np.bincount(window, column).astype(np.float64) for column in (np.ones(60_000), length, tokens)
    )
    return rows, sizes, counted


@pytest.mark.parametrize("kind", ["clumped", "a few huge"])
@pytest.mark.parametrize("drawn", [100, 500])
def test_the_interval_holds_the_truth_nine_times_in_ten(kind: str, drawn: int) -> None:
    rows, sizes, tokens = windows(kind)
    held = np.zeros(2)
    for seed in range(SEEDS):
        some = random.Random(seed).sample(range(len(sizes)), drawn)
        rows_of, sizes_of, tokens_of = (column[some].tolist() for column in (rows, sizes, tokens))
        found = mean_total(rows_of, len(sizes)), ratio_total(tokens_of, sizes_of, len(sizes), sizes.sum())
        for place, (total, truth) in enumerate(zip(found, (rows.sum(), tokens.sum()), strict=True)):
            held[place] += abs(total.value - truth) <= t_quantile(0.975, drawn - 1) * total.error
    assert (held / SEEDS >= 0.9).all(), held / SEEDS
