"""What a matrix counted, in figures, in a sentence, and place by place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .matrix import Played

__all__ = ["Figures", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`unreached`: places at which not every purchase was killed. `doubled`: the platforms on which anything was bought
    twice. `struck`: kind of fault → paid POSTs that met it."""

    what: str
    buyer: str
    places: int
    seeds: int
    platforms: tuple[str, ...]
    purchases: int
    kills: int
    double: int
    doubled: tuple[str, ...]
    lost: int
    wrong_id: int
    wrong_money: int
    unreached: tuple[str, ...]
    struck: Mapping[str, int]
    seconds: float

    @classmethod
    def of(cls, what: str, buyer: str, played: Played, seconds: float) -> Figures:
        met = [outcome.case for outcome in played.outcomes]
        return cls(
            what=what,
            buyer=buyer,
            places=len({case.place for case in met}),
            seeds=len({case.seed for case in met}),
            platforms=tuple(sorted({case.platform for case in met})),
            purchases=len(met),
            kills=played.kills,
            double=played.count("double"),
            doubled=tuple(sorted({outcome.case.platform for outcome in played.outcomes if outcome.judged.double})),
            lost=played.count("lost"),
            wrong_id=played.count("wrong_id"),
            wrong_money=played.count("wrong_money"),
            unreached=tuple(sorted({outcome.case.place for outcome in played.outcomes if not outcome.reached})),
            struck=dict(sorted(played.struck.items())),
            seconds=round(seconds, 1),
        )

    @property
    def clean(self) -> bool:
        """Nothing double, lost or wrong, and every purchase was killed where it was to be."""
        return not (self.double or self.lost or self.wrong_id or self.wrong_money or self.unreached)

    @property
    def caught(self) -> bool:
        """It was seen to buy twice, on every platform."""
        return self.doubled == self.platforms

    @property
    def faulty_share(self) -> float:
        """The share of paid POSTs that something happened to."""
        posts = sum(self.struck.values())
        return 1 - self.struck.get("none", 0) / posts if posts else 0.0

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "clean": self.clean, "caught": self.caught, "faulty_share": round(self.faulty_share, 3)}

    def sentence(self) -> str:
        """Rule of three: none in n bounds the rate at 3/n with 95 % confidence."""
        bound = "" if self.double else f" (at most {300 / self.purchases:.2f} % of purchases, by the rule of three)"
        where = f" ({', '.join(self.doubled)} only)" if self.double and not self.caught else ""
        posts = ", ".join(f"{count} {kind}" for kind, count in self.struck.items())
        return (
            f"{self.what}, {self.buyer}: {self.places} points × {self.seeds} seeds × {' + '.join(self.platforms)} = "
            f"{self.purchases} purchases: {self.kills} kills, {self.double} double{where}{bound}, {self.lost} lost, "
            f"{self.wrong_id} wrong id, {self.wrong_money} wrong money; paid POSTs: {posts}; {self.seconds} s"
        )


def table(played: Played) -> str:
    """Place → purchases killed there."""
    kills = Counter(outcome.case.place for outcome in played.outcomes if outcome.reached)
    return "\n".join(f"  {place:<24} {count}" for place, count in kills.items())
