"""Seeded simulation: false alarms at most 6 %, intervals that hold the truth at least 93 % of the time.

The whole table, every outcome and n beside the naive ways, is `benchmarks/calibration.py`; its short form runs here.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    """The benchmark as a module, with its neighbours."""
    folder, before = str(Path(__file__).parents[2] / "benchmarks"), set(sys.modules)
    sys.path.insert(0, folder)
    yield importlib.import_module("calibration")
    sys.path.remove(folder)
    for name in {
        "calibration",
        "simulated",
        *(name for name in sys.modules if name.startswith("calibration_")),
    } - before:
        del sys.modules[name]


@pytest.fixture(scope="module")
def found(bench: Any) -> list[Any]:
    return list(bench.rows(bench.SMOKE))


def test_every_outcome_keeps_its_limits_and_is_what_the_public_function_says(found: list[Any]) -> None:
    assert [row for row in found if row.broken] == []
    assert {row.n for row in found if row.outcome == "pairwise judge"} == {50, 200, 1000}


@pytest.mark.parametrize(
    ("outcome", "method"),
    [
        ("binary", "peeking 20 times"),
        ("clustered score", "as if independent"),
        ("pairwise judge", "base always shown first"),
        ("best of 8 equals", "tested where it was chosen"),
    ],
)
def test_the_naive_way_fails_the_same_simulation(found: list[Any], outcome: str, method: str) -> None:
    naive = [row.type1 for row in found if (row.outcome, row.method) == (outcome, method)]
    assert min(naive) > 0.06


@pytest.mark.parametrize(
    "wrong",
    [{"type1": 0.061}, {"coverage": 0.929}, {"type1": 0.039, "moved": 40}, {"type1": 0.05, "same": (7, 8)}],
)
def test_a_limit_that_is_broken_is_seen(bench: Any, wrong: dict[str, Any]) -> None:
    assert bench.Row(outcome="x", method="y", n=50, runs=4000, **wrong).broken


def test_a_limit_that_holds_is_not(bench: Any) -> None:
    row = bench.Row(outcome="x", method="y", n=50, runs=4000, type1=0.06, coverage=0.93, moved=40, same=(8, 8))
    assert not row.broken
    assert "0.04 to 0.06" in bench.table([row])
