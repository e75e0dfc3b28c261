"""Training curves drawn for judging the diagnoses: a shape that is known, and noise. What is true of each follows."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from providers.records import MetricPoint

__all__ = ["Made", "synthetic"]

Shape = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Made:
    """A curve and what is true of it. `expected`: the names that must be found; `free`: those that may be."""

    name: str
    kind: str
    points: tuple[MetricPoint, ...]
    expected: frozenset[str]
    free: frozenset[str] = frozenset()
    noise: str = ""
    source: str = "synthetic"
    note: dict[str, float] = field(default_factory=dict)


# ── synthetic ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Draw:
    """One curve to draw: training and validation loss by the share of training done, and how noisy each is."""

    kind: str
    train: Shape
    valid: Shape
    expected: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()
    margin: Shape | None = None


_STEPS = (24, 60, 150, 400)
_EVALUATIONS = (3, 4, 5, 8, 12, 30)
_TRAIN_NOISE = (0.0, 0.02, 0.08, 0.25)
_VALID_NOISE = (0.0, 0.003, 0.01, 0.02, 0.05)


def synthetic(seed: int, each: int = 6) -> Iterator[Made]:
    """`each` curves of every kind: lengths, noise and numbers of evaluations differ from one to the next."""
    for kind in _KINDS:
        for number in range(each):
            dice = random.Random(f"{seed} {kind} {number}")
            yield _drawn(dice, _KINDS[kind](dice), f"{kind} {number}")


def _drawn(dice: random.Random, draw: _Draw, name: str) -> Made:
    steps, evaluations = dice.choice(_STEPS), dice.choice(_EVALUATIONS)
    train_noise, valid_noise = dice.choice(_TRAIN_NOISE), dice.choice(_VALID_NOISE)
    if draw.kind == "too few":
        evaluations = dice.choice((0, 1, 2))
    if draw.kind.startswith("plateau"):
        # What noise hides nobody can name: a curve that is to be found is one that can be read.
        train_noise, steps = (min(train_noise, 0.02), max(steps, 60))
    # A few evaluations are measured on the whole validation file; many may be of one batch, and scatter more.
    valid_noise = min(valid_noise, 0.01 if evaluations < 8 else 0.02 if evaluations < 12 else 0.05)
    passes = dice.choice((1, 2, 3, 5))
    due = {round((place + 1) * steps / evaluations) for place in range(evaluations)} if evaluations else set()
    points = tuple(
        MetricPoint(
            step=step,
            epoch=passes * step / steps,
            train_loss=draw.train(step / steps) * math.exp(dice.gauss(0, train_noise)),
            valid_loss=draw.valid(step / steps) * math.exp(dice.gauss(0, valid_noise)) if step in due else None,
            reward_margin=draw.margin(step / steps) + dice.gauss(0, 0.05) if draw.margin else None,
        )
        for step in range(1, steps + 1)
    )
    noise = f"{steps} steps ±{train_noise:.0%}, {evaluations} evals ±{valid_noise:.1%}"
    return Made(name, draw.kind, points, draw.expected, draw.free, noise)


def _falling(dice: random.Random) -> _Draw:
    """A power law that goes on falling, as fine-tuning does; validation above it, and falling too."""
    start, end, bend = dice.uniform(1.0, 3.0), dice.uniform(0.15, 0.6), dice.uniform(2, 8)
    share = dice.uniform(0.5, 0.9)

    def train(done: float) -> float:
        return start * (end + (1 - end) * (1 - done) ** 1.2 * math.exp(-bend * done * 0.5))

    return _Draw("healthy: falling", train, lambda done: start * (1 - share) + share * train(done))


def _slow(dice: random.Random) -> _Draw:
    """Little is learned, and all the time."""
    start, share = dice.uniform(0.8, 2.5), dice.uniform(0.25, 0.5)
    gap = dice.uniform(0.0, 0.1)
    return _Draw("healthy: slow", lambda d: start * (1 - share * d), lambda d: start * (1 - 0.8 * share * d) + gap)


def _stairs(dice: random.Random) -> _Draw:
    """Each pass over the data starts a step lower: the rows are known already."""
    start, drop, passes = dice.uniform(1, 2.5), dice.uniform(0.6, 0.85), dice.choice((3, 4))
    slope = dice.uniform(0.05, 0.12)

    def train(done: float) -> float:
        at = min(passes - 1, int(done * passes))
        return start * drop**at * (1 - slope * (done * passes - at))

    return _Draw("healthy: stairs", train, lambda d: start * (0.55 + 0.4 * math.exp(-3 * d)))


def _warmed(dice: random.Random) -> _Draw:
    """Level while the learning rate warms up, then falling."""
    start, warm = dice.uniform(1, 3), dice.uniform(0.05, 0.2)

    def train(done: float) -> float:
        return start * math.exp(-1.5 * max(0.0, done - warm))

    return _Draw("healthy: warm-up", train, lambda d: train(d) * 1.05)


def _spiked(dice: random.Random) -> _Draw:
    """Falling, with single steps far above."""
    inner = _falling(dice)
    spikes = [dice.random() for _ in range(4)]

    def train(done: float) -> float:
        hit = any(abs(done - spike) < 0.004 for spike in spikes)
        return inner.train(done) * (dice.uniform(4, 12) if hit else 1)

    return _Draw("healthy: spikes", train, inner.valid)


def _settled(dice: random.Random) -> _Draw:
    """Validation settles on its level while training still gains: the usual good ending, which is no overfitting."""
    start, low = dice.uniform(1.5, 2.5), dice.uniform(0.4, 0.7)
    return _Draw(
        "healthy: settled",
        lambda d: start * math.exp(-1.6 * d),
        lambda d: start * (low + (1 - low) * math.exp(-6 * d)),
    )


def _preferred(dice: random.Random) -> _Draw:
    """Preference training: near ln 2 while every pair is new, then falling as the rewards come apart."""
    start, learned = dice.uniform(0.1, 0.3), dice.uniform(1.0, 3.0)

    def margin(done: float) -> float:
        return learned * max(0.0, done - start)

    def loss(done: float) -> float:
        return math.log1p(math.exp(-margin(done)))

    return _Draw("healthy: preferences", loss, lambda d: 0.3 * math.log(2) + 0.7 * loss(d), margin=margin)


def _overfit(dice: random.Random) -> _Draw:
    """Training goes on falling; from its lowest point the validation loss rises by 6 % to 100 % of it."""
    start, turn = dice.uniform(1, 3), dice.uniform(0.25, 0.6)
    low, rise = dice.uniform(0.3, 0.7), dice.uniform(0.12, 1.0)

    def valid(done: float) -> float:
        if done < turn:
            return start * (low + (1 - low) * (1 - done / turn) ** 2)
        return start * low * (1 + rise * ((done - turn) / (1 - turn)))

    end = dice.uniform(2, 4)
    return _Draw(
        "overfitting", lambda d: start * math.exp(-end * d), valid, frozenset({"overfitting"}), frozenset({"plateau"})
    )


def _plateau(dice: random.Random) -> _Draw:
    """Falls in the first quarter, then no more."""
    start, floor = dice.uniform(1, 3), dice.uniform(0.3, 0.7)
    return _Draw(
        "plateau: after a fall",
        lambda d: start * (floor + (1 - floor) * math.exp(-25 * d)),
        lambda d: start * (floor + 0.05 + (1 - floor) * math.exp(-25 * d)),
        frozenset({"plateau"}),
    )


def _never(dice: random.Random) -> _Draw:
    """Learns nothing at all."""
    start = dice.uniform(0.7, 3)
    return _Draw("plateau: never fell", lambda _: start, lambda _: start * 1.02, frozenset({"plateau"}))


def _climb(dice: random.Random) -> _Draw:
    """Falls, then climbs for good, back to half of where it began or far above."""
    start, turn, end = dice.uniform(1, 3), dice.uniform(0.25, 0.6), dice.uniform(0.8, 4.0)
    low = dice.uniform(0.15, 0.35)

    def train(done: float) -> float:
        if done < turn:
            return start * (low + (1 - low) * (1 - done / turn) ** 1.5)
        return start * (low + (end - low) * min(1.0, 2 * (done - turn) / (1 - turn)))

    return _Draw("divergence: climb", train, lambda d: train(d) * 1.1, frozenset({"divergence"}))


def _blown(dice: random.Random) -> _Draw:
    """No number from some step on."""
    inner, at = _falling(dice), dice.uniform(0.2, 0.9)
    return _Draw(
        "divergence: NaN",
        lambda d: math.nan if d >= at else inner.train(d),
        inner.valid,
        frozenset({"divergence"}),
    )


def _few(dice: random.Random) -> _Draw:
    """Healthy, with at most two evaluations."""
    inner = _falling(dice)
    return _Draw("too few", inner.train, inner.valid, frozenset({"too_few_evaluations"}))


_KINDS: dict[str, Callable[[random.Random], _Draw]] = {
    "falling": _falling,
    "slow": _slow,
    "stairs": _stairs,
    "warm-up": _warmed,
    "spikes": _spiked,
    "settled": _settled,
    "preferences": _preferred,
    "overfit": _overfit,
    "plateau": _plateau,
    "never": _never,
    "climb": _climb,
    "nan": _blown,
    "few": _few,
}
