"""Said before money is spent: what gap the held-out prompts can show, and how many would show a smaller one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .power import detectable_gap, prompts_needed, score_detectable_gap, score_prompts_needed

__all__ = ["PowerPlan", "plan_binary", "plan_scores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPlan:
    """What `n` prompts can show. `detectable`: the smallest gap, 1 where they show none; `needed`: prompts for `gap`.

    `assumed`: the discordance (binary) or the standard deviation of differences (score) that this rests on.
    """

    kind: Literal["binary", "score"]
    n: int
    detectable: float
    gap: float
    needed: int
    assumed: float
    confidence: float
    power: float

    @property
    def enough(self) -> bool:
        """Whether `n` prompts show a gap of `gap`."""
        return self.n >= self.needed

    @property
    def sentence(self) -> str:
        """One sentence for people: "With 150 held-out prompts the smallest gap you can see is 10.1 points; …"."""
        have = f"With {self.n:,} held-out prompt{'' if self.n == 1 else 's'}"
        seen = "no gap can be seen"
        if self.detectable < 1:
            seen = f"the smallest gap you can see is {self._size(self.detectable)}"
        if self.enough:
            return f"{have} {seen}, so one of {self._size(self.gap)} would show."
        return f"{have} {seen}; {self.needed:,} would show {self._size(self.gap)}."

    @property
    def assumption(self) -> str:
        """What the sentence rests on, as a clause."""
        chance = f"{self.power:.0%} of the time at {self.confidence:.0%} confidence"
        if self.kind == "binary":
            return f"seen {chance}, if the two models differ on {self.assumed:.0%} of the prompts"
        return f"seen {chance}, if the scores of the two models differ by {self.assumed:.2f} (standard deviation)"

    def _size(self, gap: float) -> str:
        if self.kind == "score":
            return f"{gap:.2g}"
        points = f"{100 * gap:.1f}".removesuffix(".0")
        return f"{points} point{'' if points == '1' else 's'}"


def plan_binary(
    n: int, *, gap: float = 0.05, discordance: float = 0.2, confidence: float = 0.95, power: float = 0.8
) -> PowerPlan:
    """Plan for right/wrong answers on which the models differ on a share of `discordance` of the prompts.

    Raises ValueError unless 0 < gap ≤ 1 and 0 ≤ discordance ≤ 1.
    """
    return PowerPlan(
        kind="binary",
        n=n,
        detectable=detectable_gap(n, discordance, confidence=confidence, power=power),
        gap=gap,
        needed=prompts_needed(gap, discordance, confidence=confidence, power=power),
        assumed=discordance,
        confidence=confidence,
        power=power,
    )


def plan_scores(
    n: int, *, gap: float = 0.05, spread: float = 0.3, confidence: float = 0.95, power: float = 0.8
) -> PowerPlan:
    """Plan for scores in [0, 1] whose paired differences have the standard deviation `spread`."""
    return PowerPlan(
        kind="score",
        n=n,
        detectable=score_detectable_gap(n, spread, confidence=confidence, power=power),
        gap=gap,
        needed=score_prompts_needed(gap, spread, confidence=confidence, power=power),
        assumed=spread,
        confidence=confidence,
        power=power,
    )
