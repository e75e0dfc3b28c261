"""Choosing one of several candidates, such as the checkpoints of a job, round by round, dropping what falls behind.

Pure: it is handed the scores of each round and says who is asked next. Choosing the best of many flatters it, so the
winner's scores here are no estimate: ask base and winner prompts that took no part in choosing and compare on those,
which costs the test nothing. Where there are no other prompts, `compare_chosen` corrects for the choosing instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import fmean

from .loading import checked_scores, scipy_for
from .paired import mcnemar_mid_p

__all__ = ["Standing", "Tournament", "open_tournament", "play_round", "round_sizes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A candidate after its last round: `n` prompts with this `mean`, `behind` the leader on the same prompts.

    `p_value`: two-sided, against the leader; None for the leader itself. `out_in_round`: when it was dropped, from 1.
    `by_budget`: dropped because only so many may go on, not because it was shown to be worse.
    """

    name: str
    n: int = 0
    mean: float = 0.0
    behind: float = 0.0
    p_value: float | None = None
    out_in_round: int | None = None
    by_budget: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tournament:
    """`candidates` in order of preference where they score the same (the earliest checkpoint first).

    `error`: the chance, at most, that the truly best candidate is dropped on evidence in any of the `rounds`.
    """

    candidates: tuple[str, ...]
    rounds: int
    error: float
    played: int = 0
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    standings: tuple[Standing, ...] = ()

    @property
    def alive(self) -> tuple[str, ...]:
        """Who is asked in the next round, in the order of `candidates`."""
        return tuple(each.name for each in self.standings if each.out_in_round is None)

    @property
    def finished(self) -> bool:
        """Every round was played, or one candidate is left."""
        return self.played == self.rounds or len(self.alive) == 1

    @property
    def leader(self) -> str:
        """The best mean among those alive; of equals the first."""
        alive = [each for each in self.standings if each.out_in_round is None]
        return max(alive, key=lambda each: each.mean).name

    @property
    def winner(self) -> str:
        """The leader at the end. Raises ValueError before that."""
        if not self.finished:
            raise ValueError(f"round {self.played + 1} of {self.rounds} has not been played")
        return self.leader

    @property
    def level(self) -> float:
        """Two-sided p-value below which a candidate behind the leader is dropped: 2 · error / ((K − 1) · rounds).

        A false drop of the best needs one of K − 1 others to lead it in one of the rounds, on one side only.
        """
        return min(1.0, 2 * self.error / (max(len(self.candidates) - 1, 1) * self.rounds))


def open_tournament(candidates: Sequence[str], *, rounds: int = 3, error: float = 0.05) -> Tournament:
    """A tournament before its first round. Raises ValueError without candidates, on doubles, or without a round."""
    if not candidates or len(set(candidates)) != len(candidates):
        raise ValueError(f"candidates must be there and differ: {list(candidates)}")
    if rounds < 1 or not 0 < error < 1:
        raise ValueError(f"{rounds} rounds at an error of {error!r}: rounds from 1 on, the error between 0 and 1")
    names = tuple(candidates)
    standings = tuple(Standing(name=name) for name in names)
    return Tournament(
        candidates=names, rounds=rounds, error=error, scores=dict.fromkeys(names, ()), standings=standings
    )


def round_sizes(prompts: int, rounds: int) -> tuple[int, ...]:
    """How many prompts each round asks: each about twice the one before, all `prompts` in all.

    Early rounds, which everyone plays, are short. No round is empty: fewer prompts than rounds make fewer rounds.
    """
    rounds = max(1, min(rounds, prompts))
    ends = [round(prompts * (2**number - 1) / (2**rounds - 1)) for number in range(rounds + 1)]
    for number in range(1, rounds):
        ends[number] = min(max(ends[number], ends[number - 1] + 1), prompts - (rounds - number))
    return tuple(end - start for start, end in pairwise(ends))


def play_round(
    tournament: Tournament, scores: Mapping[str, Sequence[float]], *, keep: int | None = None, seed: int = 7
) -> Tournament:
    """The tournament after a round: `scores` of the same new prompts, in [0, 1], for everyone alive.

    Dropped is who is shown to be behind the leader on all prompts so far, at `Tournament.level`: McNemar's mid-p where
    all scores are 0 or 1, sign flips otherwise. `keep`: at most so many go on, the best by mean; what this drops is
    dropped for its price, and the promise of `error` does not cover it. Raises ValueError on wrong names or scores, or
    after the end.
    """
    _check(tournament, scores, keep)
    totals = {**tournament.scores}
    for name in tournament.alive:
        totals[name] = (*totals[name], *map(float, scores[name]))
    means = {name: fmean(totals[name]) for name in tournament.alive}
    leader = max(tournament.alive, key=means.__getitem__)
    played = tournament.played + 1
    after = []
    for standing in tournament.standings:
        if standing.out_in_round is not None:
            after.append(standing)
            continue
        name, mine = standing.name, totals[standing.name]
        p_value = None if name == leader else _p_value(mine, totals[leader], seed)
        out = played if p_value is not None and p_value < tournament.level and means[name] < means[leader] else None
        gap = means[leader] - means[name]
        after.append(Standing(name=name, n=len(mine), mean=means[name], behind=gap, p_value=p_value, out_in_round=out))
    return replace(tournament, played=played, scores=totals, standings=_within(after, keep, played))


def _within(standings: Sequence[Standing], keep: int | None, played: int) -> tuple[Standing, ...]:
    alive = sorted((each for each in standings if each.out_in_round is None), key=lambda each: -each.mean)
    surplus = {each.name for each in alive[keep:]} if keep is not None else set()
    return tuple(
        replace(each, out_in_round=played, by_budget=True) if each.name in surplus else each for each in standings
    )


def _p_value(one: Sequence[float], other: Sequence[float], seed: int) -> float:
    if all(score in (0, 1) for score in (*one, *other)):
        pairs = list(zip(one, other, strict=True))
        return mcnemar_mid_p(pairs.count((0, 1)), pairs.count((1, 0)))
    with scipy_for("choosing among scored candidates"):
        from .score_comparison import sign_flips
    return sign_flips(one, other, seed=seed)


def _check(tournament: Tournament, scores: Mapping[str, Sequence[float]], keep: int | None) -> None:
    if tournament.finished:
        raise ValueError("the tournament is over")
    if keep is not None and keep < 1:
        raise ValueError(f"someone must go on: keep from 1 on, not {keep}")
    if set(scores) != set(tournament.alive):
        raise ValueError(f"scores of {sorted(scores)}, but the round is played by {sorted(tournament.alive)}")
    first = scores[tournament.alive[0]]
    if not first:
        raise ValueError("a round needs at least one prompt")
    for name in tournament.alive:
        checked_scores(first, scores[name])
