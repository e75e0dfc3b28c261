"""A row of the calibration table, the limits it is held to, and how it is gathered from blocks of evaluations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from simulated import Ends

from orchestrator.stats import Comparison

__all__ = ["NS", "Block", "Row", "Size", "close", "gathered", "seed_of"]

NS = (50, 200, 1000)
BLOCK = 1_000
"""Evaluations drawn at once: 1,000 of 1,000 prompts with five answers are 40 MB a model."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many evaluations a row has: of counts, of scores, of what is slow; `compared`: with the public function."""

    counts: int
    scores: int
    slow: int
    compared: int

    @property
    def is_small(self) -> bool:
        """Too few to hold the limits as they are."""
        return self.scores < 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Shares of `runs` evaluations: called different though equal, and whose interval held the truth; None: not asked.

    `moved`: prompts that differ, on average; None where the lower limit of 0.04 does not apply (one side, choosing).
    `naive`: shown for comparison and held to no limit. `same`: on how many the public function agreed, of how many.
    """

    outcome: str
    method: str
    n: int
    runs: int
    type1: float | None = None
    coverage: float | None = None
    moved: float | None = None
    most: float = 0.06
    least_coverage: float = 0.93
    naive: bool = False
    same: tuple[int, int] | None = None
    note: str = ""
    small: bool = False

    @property
    def least(self) -> float:
        """The lower limit of the type I error."""
        return 0.04 if self.moved is not None and self.moved >= 40 else 0.0

    @property
    def broken(self) -> bool:
        """Whether one of ours breaks a limit, or does not do what the public function does."""
        if self.naive:
            return False
        slack = 3 * math.sqrt(0.05 * 0.95 / self.runs) if self.small else 0.0
        alarms = self.type1 is not None and not self.least - slack <= self.type1 <= self.most + slack
        misses = self.coverage is not None and self.coverage < self.least_coverage - slack
        return alarms or misses or (self.same is not None and self.same[0] < self.same[1])

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        method = f"*{self.method}*" if self.naive else self.method
        ours = not self.naive
        limit = f"{self.least:.2f} to {self.most:.2f}" if self.least else f"≤ {self.most:.2f}"
        return (
            self.outcome,
            method,
            f"{self.n:,}",
            "" if self.type1 is None else f"{self.type1:.3f}",
            limit if ours and self.type1 is not None else "",
            "" if self.coverage is None else f"{self.coverage:.3f}",
            f"≥ {self.least_coverage:.2f}" if ours and self.coverage is not None else "",
            "" if self.same is None else f"{self.same[0]} of {self.same[1]}",
            ("**broken** " if self.broken else "") + self.note,
        )


class Block(NamedTuple):
    """Of some evaluations, how many: called different though equal, held the truth, the naive way's, agreed.

    `moved`: prompts that differ, of equal models, in all of these evaluations.
    """

    alarms: float = 0
    held: float = 0
    naive_alarms: float = 0
    naive_held: float = 0
    same: int = 0
    moved: float = 0


def gathered(draw: Callable[[int, int], Block], runs: int, compared: int) -> Block:
    """Shares of `runs` evaluations, drawn in blocks by draw(runs, compared); `same` stays a number."""
    parts = [draw(min(BLOCK, runs - start), compared if start == 0 else 0) for start in range(0, runs, BLOCK)]
    total = Block(*(sum(column) for column in zip(*parts, strict=True)))
    return Block(*(each / runs for each in total))._replace(same=total.same)


def close(found: Comparison, ends: Ends, i: int) -> bool:
    """Whether a public interval is column i's, but for what 999 resamples leave open: a sixth of its width."""
    slack = (found.high - found.low) / 6
    return bool(abs(found.low - ends.low[i]) <= slack and abs(found.high - ends.high[i]) <= slack)


def seed_of(*parts: object) -> list[int]:
    """A seed of its own for each row, the same on every machine."""
    return list(" ".join(map(str, parts)).encode())
