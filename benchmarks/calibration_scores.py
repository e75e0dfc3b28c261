"""Calibration of scores: ordinary ones, rare gains, several answers a prompt, and the guardrail on scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from calibration_rows import NS, Block, Row, Size, close, gathered, seed_of
from simulated import Floats, bca, flip_p, student

from orchestrator.stats import Comparison, compare_sampled, compare_scores

__all__ = ["score_rows"]

RESAMPLES = 999
GAIN = 0.05
SAMPLES = 5


class Scores:
    """`base` and `tuned` by prompt (first axis), evaluation (second) and answer (third, where there are several)."""

    def __init__(self, base: Floats, tuned: Floats) -> None:
        self.base, self.tuned = base, tuned

    @property
    def differences(self) -> Floats:
        """By prompt, its answers averaged."""
        found = self.tuned - self.base
        return found if found.ndim == 2 else found.mean(axis=2)

    @property
    def every_answer(self) -> Floats:
        """By answer, as if each were a prompt."""
        return (self.tuned - self.base).swapaxes(1, -1).reshape(-1, self.base.shape[1])

    def compared(self, i: int) -> Comparison:
        """Evaluation i by the public function."""
        compare = compare_scores if self.base.ndim == 2 else compare_sampled
        return compare(self.base[:, i].tolist(), self.tuned[:, i].tolist(), resamples=RESAMPLES)


Draw = Callable[[int, int, float, np.random.Generator], Scores]


def score_rows(size: Size) -> Iterator[Row]:
    """Ours and naive, every n."""
    for n in NS:
        yield from _scored("score", _ordinary, n, size)
    for n in NS:
        yield from _scored("score, rare gains", _rare, n, size)
    for n in NS:
        yield from _scored(f"{SAMPLES} samples a prompt", _sampled, n, size)
    for n in NS:
        yield _guardrail(n, size)


def _ordinary(n: int, runs: int, gain: float, rng: np.random.Generator) -> Scores:
    hard = rng.uniform(0.2, 0.7, (n, runs))
    return Scores(hard + rng.uniform(-0.2, 0.2, (n, runs)), hard + gain + rng.uniform(-0.2, 0.2, (n, runs)))


def _rare(n: int, runs: int, gain: float, rng: np.random.Generator) -> Scores:
    """One prompt in ten moves, by 0.3 to 0.7: always up where there is a gain, half as far either way without."""
    moves = rng.uniform(0.3, 0.7, (n, runs)) * (rng.random((n, runs)) < 0.1)
    if gain:
        base = rng.uniform(0.0, 0.3, (n, runs))
        return Scores(base, base + moves)
    base = rng.uniform(0.4, 0.6, (n, runs))
    return Scores(base, base + moves / 2 * rng.choice([-1.0, 1.0], (n, runs)))


def _sampled(n: int, runs: int, gain: float, rng: np.random.Generator) -> Scores:
    """Right or wrong five times; how often differs from prompt to prompt, and between the models on each."""
    hard = rng.uniform(0.25, 0.65, (n, runs))
    rates = [hard + more + rng.uniform(-0.25, 0.25, (n, runs)) for more in (0.0, gain)]
    base, tuned = ((rng.random((n, runs, SAMPLES)) < rate[:, :, np.newaxis]).astype(np.float64) for rate in rates)
    return Scores(base, tuned)


def _scored(outcome: str, draw: Draw, n: int, size: Size) -> Iterator[Row]:
    rng = np.random.default_rng(seed_of(outcome, n))
    found = gathered(lambda runs, compared: _block(draw, n, runs, compared, rng), size.scores, size.compared)
    rare = draw is _rare and n == 50
    row = partial(Row, outcome=outcome, n=n, runs=size.scores, small=size.is_small)
    yield row(
        method="sign flips, BCa",
        type1=found.alarms,
        coverage=found.held,
        moved=found.moved,
        least_coverage=0.88 if rare else 0.93,
        same=(found.same, size.compared),
        note="few prompts gain: the wider of BCa and t, and a note warns" if rare else "",
    )
    label = "CLT on every answer" if draw is _sampled else "CLT"
    yield row(method=label, type1=found.naive_alarms, coverage=found.naive_held, naive=True)


def _block(draw: Draw, n: int, runs: int, compared: int, rng: np.random.Generator) -> Block:
    equal, better = draw(n, runs, 0.0, rng), draw(n, runs, GAIN, rng)
    p_values, ends = flip_p(equal.differences, RESAMPLES, rng), bca(better.differences, RESAMPLES, rng)
    same = [
        close(better.compared(i), ends, i) and abs(equal.compared(i).p_value - p_values[i]) < 0.1
        for i in range(compared)
    ]
    return Block(
        alarms=float((p_values < 0.05).sum()),
        held=runs * ends.hold(GAIN),
        naive_alarms=runs * (1 - student(equal.every_answer, normal=True).hold(0.0)),
        naive_held=runs * student(better.every_answer, normal=True).hold(GAIN),
        same=sum(same),
        moved=float(np.count_nonzero(equal.differences)),
    )


def _guardrail(n: int, size: Size) -> Row:
    """Truly worse by the whole margin of 0.05: the share that passes by the lower end of the 90 % interval."""
    rng = np.random.default_rng(seed_of("guardrail", n))

    def block(runs: int, _: int) -> Block:
        low = bca(_ordinary(n, runs, -GAIN, rng).differences, RESAMPLES, rng, confidence=0.9).low
        return Block(alarms=float((low > -GAIN).sum()))

    passed = gathered(block, size.scores, 0).alarms
    outcome, method = "guardrail, score", "BCa, one-sided"
    return Row(outcome=outcome, method=method, n=n, runs=size.scores, type1=passed, small=size.is_small)
