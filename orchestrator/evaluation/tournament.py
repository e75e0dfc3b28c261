"""Choosing among several states of one model: rounds on the validation rows, in which the clearly worse drop out.

Every round asks fresh rows of those that are left, and judges on all rows so far (`stats.play_round`). The winner was
chosen for being best, so its score here is too good: it meets the base on other rows. Pure: the caller asks.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from ..stats import Standing, Tournament

__all__ = ["Round", "portions", "round_of"]

T = TypeVar("T")

_FEWEST_A_ROUND = 20
_SHARES = (0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round as it ended. `n`: rows asked so far; `standings`: who played, the best first, of equals the earlier.

    `level`: below it the p-value of one who is behind the leader drops it out.
    """

    number: int
    n: int
    level: float
    standings: tuple[Standing, ...]

    @property
    def dropped(self) -> tuple[Standing, ...]:
        """Who left in this round."""
        return tuple(one for one in self.standings if one.out_in_round == self.number)


def portions(rows: Sequence[T], entrants: int, seed: int = 7) -> list[list[T]]:
    """The rows of each round, drawn at random: a quarter, a quarter, and half; all at once where they are few."""
    order = random.Random(seed).sample(list(rows), len(rows))
    if entrants < 3 or len(order) * _SHARES[0] < _FEWEST_A_ROUND:
        return [order]
    bounds = [0, *(round(len(order) * share) for share in _SHARES)]
    return [order[start:end] for start, end in pairwise(bounds)]


def round_of(tournament: Tournament) -> Round:
    """The last round that was played."""
    played = [one for one in tournament.standings if one.out_in_round in (None, tournament.played)]
    ranked = sorted(played, key=lambda one: -one.mean)  # stable: of equals, the earlier
    return Round(number=tournament.played, n=ranked[0].n, level=tournament.level, standings=tuple(ranked))
