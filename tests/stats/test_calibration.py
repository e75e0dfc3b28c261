"""Seeded simulation: false alarms at most 6 %, intervals that hold the truth at least 93 % of the time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from orchestrator.stats import mcnemar_mid_p, ratio_interval, tango_interval
from orchestrator.stats.resampling import Floats, bca_intervals

RUNS = 4000


def tables(n: int, both: float, base_only: float, tuned_only: float) -> list[tuple[int, int, int, int]]:
    shares = (both, base_only, tuned_only, 1 - both - base_only - tuned_only)
    return [tuple(map(int, row)) for row in np.random.default_rng(11).multinomial(n, shares, RUNS)]  # type: ignore[misc]


@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize("discordance", [0.1, 0.2])
def test_two_equal_models_are_called_different_at_most_6_percent_of_the_time(n: int, discordance: float) -> None:
    p_value = lru_cache(mcnemar_mid_p)
    drawn = tables(n, 0.6, discordance / 2, discordance / 2)
    false_alarms = np.mean([p_value(base_only, tuned_only) < 0.05 for _, base_only, tuned_only, _ in drawn])
    assert false_alarms <= 0.06
    if n * discordance >= 40:
        assert false_alarms >= 0.04


@pytest.mark.parametrize("n", [50, 200, 1000])
def test_tango_holds_the_true_difference(n: int) -> None:
    interval = lru_cache(tango_interval)
    found = [interval(base_only, tuned_only, n) for _, base_only, tuned_only, _ in tables(n, 0.5, 0.05, 0.15)]
    assert np.mean([each.low <= 0.1 <= each.high for each in found]) >= 0.93


def test_the_ratio_of_errors_holds_the_true_share_removed() -> None:
    interval = lru_cache(ratio_interval)
    found = [
        interval(neither, tuned_only, base_only, 200)
        for _, base_only, tuned_only, neither in tables(200, 0.5, 0.05, 0.15)
    ]
    assert np.mean([each.low <= 0.35 / 0.45 <= each.high for each in found]) >= 0.93


def test_bca_holds_the_true_mean_difference_of_ordinary_scores() -> None:
    def mean(sample: Floats, axis: int = -1) -> Floats:
        return sample.mean(axis=axis)[np.newaxis]

    rng = np.random.default_rng(3)
    gains = np.clip(rng.normal(0.05, 0.2, (300, 60)), -1, 1)
    found = [bca_intervals((row,), mean, resamples=999)[0] for row in gains]
    assert np.mean([each is not None and each.low <= 0.05 <= each.high for each in found]) >= 0.91
