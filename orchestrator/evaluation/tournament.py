"""Choosing among several states of one model: rounds on the validation rows, in which the clearly worse drop out.

Every round asks fresh rows of those that are left, and judges on all rows so far. The winner is the best at the end;
because it was chosen for being best its score here is too good, so it meets the base on other rows. Pure: asking is
left to the caller.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from ..stats import holm
from .sides import Side, compare

__all__ = ["Dropped", "Round", "Standing", "play", "portions", "winner_of"]

T = TypeVar("T")

_FEWEST_A_ROUND = 20
_SHARES = (0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One entrant after a round."""

    name: str
    score: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """One that left. `p_value`: of its difference from the leader, corrected within the round (Holm)."""

    name: str
    difference: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """`standings`: the best first. `level`: what a p-value is held against, the whole level shared by the rounds."""

    number: int
    n: int
    level: float
    standings: tuple[Standing, ...]
    dropped: tuple[Dropped, ...] = ()

    @property
    def left(self) -> tuple[str, ...]:
        """Who plays on, the best first."""
        gone = {one.name for one in self.dropped}
        return tuple(one.name for one in self.standings if one.name not in gone)


def portions(rows: Sequence[T], entrants: int, seed: int = 7) -> list[list[T]]:
    """The rows of each round, drawn at random: a quarter, a quarter, and half; all at once where they are few."""
    order = random.Random(seed).sample(list(rows), len(rows))
    if entrants < 3 or len(order) * _SHARES[0] < _FEWEST_A_ROUND:
        return [order]
    bounds = [0, *(round(len(order) * share) for share in _SHARES)]
    return [order[start:end] for start, end in pairwise(bounds)]


def play(number: int, rounds: int, sides: Mapping[str, Side], confidence: float) -> Round:
    """One round. `sides`: those still in, in the order of training, each with all its answers so far.

    A state drops out when it is worse than the leader at the level that this round has of the whole, corrected for how
    many are compared with the leader. In the last round nobody needs to: the best has won.
    """
    level = (1 - confidence) / rounds
    ranked = sorted(sides, key=lambda name: -_score(sides[name]))  # stable: of equals, the earlier
    leader, others = ranked[0], ranked[1:]
    found = {name: compare(sides[leader], sides[name], confidence) for name in others}
    adjusted = holm([found[name].p_value for name in others])
    dropped = [
        Dropped(name=name, difference=found[name].difference, p_value=p_value)
        for name, p_value in zip(others, adjusted, strict=True)
        if found[name].difference < 0 and p_value < level
    ]
    standings = [Standing(name=name, score=_score(sides[name]), n=len(sides[name].grades)) for name in ranked]
    n = len(sides[leader].grades)
    return Round(number=number, n=n, level=level, standings=tuple(standings), dropped=tuple(dropped))


def winner_of(rounds: Sequence[Round]) -> Standing:
    """The best of the last round that was played."""
    return rounds[-1].standings[0]


def _score(side: Side) -> float:
    return sum(side.scores) / len(side.scores) if side.scores else 0.0
