"""Calibration of a judge's choices in both orders, by a judge who prefers the first place where it wavers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np
from calibration_rows import NS, Block, Row, Size, close, gathered, seed_of
from numpy.typing import NDArray
from simulated import Ends, bca

from orchestrator.stats import compare_pairwise, sign_test_p

__all__ = ["judge_rows"]

RESAMPLES = 999
CHOICES = np.array([("tuned", "tuned"), ("base", "base"), ("tie", "tie"), ("base", "tuned"), ("tuned", "base")])
"""What is chosen when the base is shown first, and when the tuned model is."""
EQUAL = (0.35, 0.35, 0.1, 0.16, 0.04)
BETTER = (0.42, 0.27, 0.11, 0.16, 0.04)
WON = np.array([1.0, -1.0, 0.0, 0.0, 0.0])
FIRST_ORDER = np.array([1, -1, 0, -1, 1])

Kinds = NDArray[np.int64]

_sign_p = lru_cache(maxsize=None)(sign_test_p)


def judge_rows(size: Size) -> Iterator[Row]:
    """Ours and naive, every n."""
    for n in NS:
        rng = np.random.default_rng(seed_of("pairwise", n))
        found = gathered(partial(_block, n, rng), size.scores, size.compared)
        row = partial(Row, outcome="pairwise judge", n=n, runs=size.scores, small=size.is_small)
        yield row(
            method="both orders: sign test, BCa",
            type1=found.alarms,
            coverage=found.held,
            moved=(EQUAL[0] + EQUAL[1]) * n,
            same=(found.same, size.compared),
        )
        yield row(method="base always shown first", type1=found.naive_alarms, naive=True)


def _block(n: int, rng: np.random.Generator, runs: int, compared: int) -> Block:
    equal, better = (rng.choice(5, (n, runs), p=shares) for shares in (EQUAL, BETTER))
    ends = bca(WON[better], RESAMPLES, rng)
    return Block(
        alarms=_alarms(WON[equal]),
        held=runs * ends.hold(BETTER[0] - BETTER[1]),
        naive_alarms=_alarms(FIRST_ORDER[equal]),
        same=sum(_agrees(better[:, i], ends, i) for i in range(compared)),
    )


def _alarms(won: NDArray[np.float64] | Kinds) -> float:
    wins, losses = ((won == sign).sum(axis=0) for sign in (1, -1))
    return sum(_sign_p(int(lost), int(win)) < 0.05 for win, lost in zip(wins, losses, strict=True))


def _agrees(kinds: Kinds, ends: Ends, i: int) -> bool:
    found = compare_pairwise(*CHOICES[kinds].T.tolist(), resamples=RESAMPLES)
    counts = np.bincount(kinds, minlength=5).tolist()
    return close(found.comparison, ends, i) and found.p_value == _sign_p(counts[1], counts[0])
