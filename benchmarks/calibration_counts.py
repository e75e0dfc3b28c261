"""Calibration of what rests on counts alone: one rate, right/wrong pairs, peeking, the guardrail on right/wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np
from calibration_rows import NS, Row, Size, seed_of
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from orchestrator.stats import mcnemar_mid_p, non_inferior, ratio_interval, tango_interval, wilson

__all__ = ["count_rows"]

Counts = NDArray[np.int64]

_mid_p = lru_cache(maxsize=None)(mcnemar_mid_p)
_tango = lru_cache(maxsize=None)(tango_interval)
_ratio = lru_cache(maxsize=None)(ratio_interval)
_within = lru_cache(maxsize=None)(non_inferior)
_wilson = lru_cache(maxsize=None)(wilson)
_Z = float(ndtri(0.975))
_EQUAL = (0.5, 0.1, 0.1)
_BETTER = (0.5, 0.05, 0.15)


def count_rows(size: Size) -> Iterator[Row]:
    """Ours and naive, every n."""
    for n, rate in ((30, 0.9), (100, 0.95), (300, 0.95)):
        yield from _one_rate(n, rate, size)
    for n in NS:
        yield from _binary(n, size)
    yield _peeking(size)
    for n in NS:
        yield _guardrail(n, size)


def _tables(n: int, shares: tuple[float, float, float], runs: int) -> Counts:
    """Columns: both right, base only, tuned only, neither."""
    rng = np.random.default_rng(seed_of("binary", n, shares))
    return rng.multinomial(n, (*shares, 1 - sum(shares)), runs)


def _one_rate(n: int, rate: float, size: Size) -> Iterator[Row]:
    drawn = np.random.default_rng(seed_of("rate", n)).binomial(n, rate, size.counts)
    ends = [_wilson(int(k), n) for k in drawn]
    held = float(np.mean([end.low <= rate <= end.high for end in ends]))
    share = drawn / n
    half = _Z * np.sqrt(share * (1 - share) / n)
    naive = float(np.mean((share - half <= rate) & (rate <= share + half)))
    row = partial(Row, outcome=f"one rate of {rate:.0%}", n=n, runs=size.counts, small=size.is_small)
    yield row(method="Wilson", coverage=held)
    yield row(method="CLT", coverage=naive, naive=True)


def _binary(n: int, size: Size) -> Iterator[Row]:
    equal, better = _tables(n, _EQUAL, size.counts), _tables(n, _BETTER, size.counts)
    alarms = np.mean([_mid_p(int(b), int(c)) < 0.05 for _, b, c, _ in equal])
    ends = [_tango(int(b), int(c), n) for _, b, c, _ in better]
    power = np.mean([_mid_p(int(b), int(c)) < 0.05 for _, b, c, _ in better])
    row = partial(Row, outcome="binary", n=n, runs=size.counts, small=size.is_small)
    yield row(
        method="McNemar mid-p, Tango",
        type1=float(alarms),
        coverage=float(np.mean([end.low <= 0.1 <= end.high for end in ends])),
        moved=0.2 * n,
        note=f"finds 10 points {power:.0%} of the time",
    )
    removed = [_ratio(int(neither), int(c), int(b), n) for _, b, c, neither in better]
    held = np.mean([end.low <= 0.35 / 0.45 <= end.high for end in removed])
    yield row(method="share of errors removed", coverage=float(held))
    asymptotic = np.mean(_asymptotic(equal) < 0.05)
    yield row(method="asymptotic McNemar, Wald", type1=float(asymptotic), coverage=_wald(better, n), naive=True)
    unpaired, seen = (np.mean(_unpaired(drawn, n) < 0.05) for drawn in (equal, better))
    note = f"finds 10 points {seen:.0%} of the time"
    yield row(method="unpaired z-test", type1=float(unpaired), naive=True, note=note)


def _asymptotic(drawn: Counts) -> NDArray[np.float64]:
    base_only, tuned_only = drawn[:, 1], drawn[:, 2]
    z = np.abs(tuned_only - base_only) / np.sqrt(np.maximum(base_only + tuned_only, 1))
    p_values: NDArray[np.float64] = 2 * ndtr(-z)
    return p_values


def _wald(drawn: Counts, n: int) -> float:
    difference, moved = (drawn[:, 2] - drawn[:, 1]) / n, (drawn[:, 2] + drawn[:, 1]) / n
    half = _Z * np.sqrt((moved - difference**2) / n)
    return float(np.mean(np.abs(difference - 0.1) <= half))


def _unpaired(drawn: Counts, n: int) -> NDArray[np.float64]:
    base, tuned = (drawn[:, 0] + drawn[:, 1]) / n, (drawn[:, 0] + drawn[:, 2]) / n
    pooled = (base + tuned) / 2
    z = np.abs(tuned - base) / np.sqrt(np.maximum(2 * pooled * (1 - pooled) / n, 1e-12))
    p_values: NDArray[np.float64] = 2 * ndtr(-z)
    return p_values


def _peeking(size: Size) -> Row:
    """A thousand prompts, tested after every fifty; the first look that says so ends it."""
    rng, runs = np.random.default_rng(seed_of("peeking")), size.counts // 5
    looks = rng.multinomial(50, (*_EQUAL, 1 - sum(_EQUAL)), (runs, 20)).cumsum(axis=1)
    alarms = np.mean([any(_mid_p(int(b), int(c)) < 0.05 for _, b, c, _ in run) for run in looks])
    return Row(
        outcome="binary", method="peeking 20 times", n=1000, runs=runs, type1=float(alarms), naive=True, small=True
    )


def _guardrail(n: int, size: Size) -> Row:
    """Truly worse by the whole margin of 5 points: the share that passes."""
    drawn = _tables(n, (0.6, 0.1, 0.05), size.counts)
    passed = np.mean([_within(int(b), int(c), n, 0.05).passed for _, b, c, _ in drawn])
    return Row(
        outcome="guardrail, binary",
        method="Tango, one-sided",
        n=n,
        runs=size.counts,
        type1=float(passed),
        small=size.is_small,
    )
