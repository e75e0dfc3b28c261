"""Calibration of latency and cost ratios: the tuned model is truly 1.2 times as slow and as dear."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from calibration_rows import NS, Block, Row, Size, gathered, seed_of
from simulated import Floats

from orchestrator.stats.ratio_bootstrap import mean_ratio, quantile_ratios
from orchestrator.stats.signed_rank import interval_rank, signed_rank

__all__ = ["ratio_rows"]

RATIO = 1.2
RESAMPLES = 199


def ratio_rows(size: Size) -> Iterator[Row]:
    """Every n."""
    for n in NS:
        yield _typical(n, size)
    for n in NS:
        yield from _bootstrapped(n, size)


def _drawn(n: int, runs: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    base = rng.lognormal(0, 0.5, (runs, n))
    return base, base * RATIO * rng.lognormal(0, 0.2, (runs, n))


def _typical(n: int, size: Size) -> Row:
    """The margin is the whole truth: the share that passes; and how many intervals hold the ratio."""
    rng = np.random.default_rng(seed_of("latency", n))
    found = gathered(partial(_block, n, rng), size.scores, size.compared)
    return Row(
        outcome="latency",
        method="Hodges-Lehmann, one-sided",
        n=n,
        runs=size.scores,
        type1=found.alarms,
        coverage=found.held,
        same=(found.same, size.compared),
        small=size.is_small,
    )


def _block(n: int, rng: np.random.Generator, runs: int, compared: int) -> Block:
    """An end of the interval lies beyond the truth when enough pair means do, and ranks count these."""
    base, tuned = _drawn(n, runs, rng)
    off = np.log(tuned) - np.log(base) - math.log(RATIO)
    ranks = np.abs(off).argsort(axis=1).argsort(axis=1) + 1
    below, above = ((ranks * sign).sum(axis=1) for sign in (off < 0, off > 0))
    means, two, one = n * (n + 1) // 2, interval_rank(n, 0.95), interval_rank(n, 0.9)
    passed, held = below > means - one, (below <= means - two) & (above <= means - two)
    same = 0
    for row, went, holds in zip(off[:compared], passed, held, strict=False):
        wide = signed_rank(row)
        same += (signed_rank(row, confidence=0.9).high < 0) == went and (wide.low <= 0 <= wide.high) == holds
    return Block(alarms=float(passed.sum()), held=float(held.sum()), same=same)


def _bootstrapped(n: int, size: Size) -> Iterator[Row]:
    rng = np.random.default_rng(seed_of("ratios", n))
    base, tuned = _drawn(n, size.slow, rng)
    row = partial(Row, n=n, runs=size.slow, small=size.is_small, least_coverage=0.88)
    settings = {"confidence": 0.95, "seed": 7, "resamples": RESAMPLES}
    pairs = list(zip(base, tuned, strict=True))
    quantiles = [quantile_ratios(one, other, (0.5, 0.95), **settings) for one, other in pairs]
    for place, (name, z) in enumerate((("p50 ratio", 0.0), ("p95 ratio", 1.6448536))):
        truth = RATIO * math.exp(z * (math.sqrt(0.5**2 + 0.2**2) - 0.5))
        share = np.mean([each[place].low <= truth <= each[place].high for each in quantiles])
        yield row(outcome="latency", method=name, coverage=float(share))
    costs = [mean_ratio(one, other, **settings) for one, other in pairs]
    truth = RATIO * math.exp(0.2**2 / 2)
    share = np.mean([each.low <= truth <= each.high for each in costs])
    yield row(outcome="cost", method="ratio of means", coverage=float(share))
