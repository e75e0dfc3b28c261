"""Calibration of choosing: the best of eight equal checkpoints must not be called better than its equal, the base."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from calibration_rows import Row, Size, seed_of

from orchestrator.stats import Tournament, compare_binary, compare_chosen, open_tournament, play_round, round_sizes

__all__ = ["choosing_rows"]

CHECKPOINTS = tuple(f"checkpoint {number}" for number in range(1, 9))
CHOOSING = 140
TESTING = 200

Answers = dict[str, list[float]]


def choosing_rows(size: Size) -> Iterator[Row]:
    """Called better though equal, by where the winner is tested; and how often the truly best one stays in."""
    rng, runs = np.random.default_rng(seed_of("choosing")), size.slow
    hits = {"winner tested on other prompts": 0, "corrected for choosing": 0, "tested where it was chosen": 0}
    for _ in range(runs):
        winner = _play(_answers(CHOOSING, rng)).winner
        test = _answers(TESTING, rng)
        base = test.pop("base")
        corrected = compare_chosen(base, test).comparison
        hits["winner tested on other prompts"] += _better(base, test[winner])
        hits["corrected for choosing"] += corrected.p_value < 0.05 and corrected.low > 0
        hits["tested where it was chosen"] += _better(base, max(test.values(), key=sum))
    for method, count in hits.items():
        naive = method == "tested where it was chosen"
        yield Row(
            outcome="best of 8 equals",
            method=method,
            n=TESTING,
            runs=runs,
            type1=count / runs,
            most=0.05,
            naive=naive,
            small=size.is_small,
            note="one-sided: only false wins count",
        )
    kept = sum("checkpoint 8" in _play(_answers(CHOOSING, rng, best=0.05)).alive for _ in range(runs))
    yield Row(
        outcome="best of 8, 5 points ahead",
        method="never dropped on evidence",
        n=CHOOSING,
        runs=runs,
        coverage=kept / runs,
        least_coverage=0.95,
        small=size.is_small,
    )


def _answers(n: int, rng: np.random.Generator, best: float = 0.0) -> Answers:
    """Right or wrong on the same prompts, which differ in how hard they are."""
    hard = rng.uniform(0.4, 0.8, n)
    found = {name: (rng.random(n) < hard).astype(float).tolist() for name in ("base", *CHECKPOINTS[:-1])}
    return {**found, CHECKPOINTS[-1]: (rng.random(n) < hard + best).astype(float).tolist()}


def _play(answers: Answers) -> Tournament:
    sizes, start = round_sizes(CHOOSING, 3), 0
    found = open_tournament(CHECKPOINTS, rounds=len(sizes))
    for size in sizes:
        if not found.finished:
            found = play_round(found, {name: answers[name][start : start + size] for name in found.alive})
        start += size
    return found


def _better(base: list[float], tuned: list[float]) -> bool:
    found = compare_binary([score == 1 for score in base], [score == 1 for score in tuned])
    return found.p_value < 0.05 and found.low > 0
