"""Calibration of prompts in groups of one to nine that go the same way: scores, and right or wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from calibration_rows import NS, Block, Row, Size, close, gathered, seed_of
from simulated import Clusters, Ends, Floats, cluster_flip, cluster_t

from orchestrator.stats import Comparison, compare_clustered

__all__ = ["group_rows"]

GAIN = 0.05
LARGEST = 9


class Grouped(NamedTuple):
    """By group, place in it and evaluation: both scores, and 1 where there is such a prompt."""

    base: Floats
    tuned: Floats
    there: Floats

    @property
    def sums(self) -> Clusters:
        """What the estimates are made of."""
        differences = (self.tuned - self.base) * self.there
        return Clusters(differences.sum(axis=1), (differences**2).sum(axis=1), self.there.sum(axis=1))

    def compared(self, i: int) -> Comparison:
        """Evaluation i by the public function."""
        group, place = np.nonzero(self.there[:, :, i])
        return compare_clustered(self.base[group, place, i], self.tuned[group, place, i], group.tolist())


def group_rows(size: Size) -> Iterator[Row]:
    """Ours and naive, every n; n prompts are expected, in n/5 groups."""
    for outcome, graded in (("clustered score", False), ("clustered right/wrong", True)):
        for n in NS:
            yield from _clustered(outcome, graded, n, size)


def _drawn(groups: int, runs: int, gain: float, graded: bool, rng: np.random.Generator) -> Grouped:
    shape = (groups, LARGEST, runs)
    sizes = rng.integers(1, LARGEST + 1, (groups, 1, runs))
    there = (np.arange(LARGEST)[np.newaxis, :, np.newaxis] < sizes).astype(np.float64)
    hard = rng.uniform(0.35, 0.6, (groups, 1, runs))
    sides = []
    for more in (0.0, gain):
        level = hard + more + rng.uniform(-0.25, 0.25, (groups, 1, runs))
        sides.append((rng.random(shape) < level) * 1.0 if graded else level + rng.uniform(-0.1, 0.1, shape))
    return Grouped(sides[0], sides[1], there)


def _clustered(outcome: str, graded: bool, n: int, size: Size) -> Iterator[Row]:
    rng, groups = np.random.default_rng(seed_of(outcome, n)), n // 5
    found = gathered(lambda runs, same: _block(groups, graded, runs, same, rng), size.scores, size.compared)
    row = partial(Row, outcome=outcome, n=n, runs=size.scores, small=size.is_small)
    yield row(
        method="whole groups flipped, or t" if groups < 30 else "cluster-robust t",
        type1=found.alarms,
        coverage=found.held,
        moved=found.moved,
        same=(found.same, size.compared),
        note=f"{groups} groups of 1 to {LARGEST}",
    )
    yield row(method="as if independent", type1=found.naive_alarms, coverage=found.naive_held, naive=True)


def _block(groups: int, graded: bool, runs: int, compared: int, rng: np.random.Generator) -> Block:
    compare = cluster_flip if groups < 30 else cluster_t
    alike, drawn = _drawn(groups, runs, 0.0, graded, rng), _drawn(groups, runs, GAIN, graded, rng)
    equal = alike.sums
    better, half = drawn.sums, 1.96 * drawn.sums.naive_error
    ends = compare(better)[1]
    return Block(
        alarms=float((compare(equal)[0] < 0.05).sum()),
        held=runs * ends.hold(GAIN),
        naive_alarms=float((np.abs(equal.mean) > 1.96 * equal.naive_error).sum()),
        naive_held=runs * Ends(better.mean - half, better.mean + half).hold(GAIN),
        same=sum(close(drawn.compared(i), ends, i) for i in range(compared)),
        moved=float(np.count_nonzero((alike.tuned - alike.base) * alike.there)),
    )
