"""A few solved examples to put before every question: the alternative to tuning that costs no training.

Drawn from the training split alone: a held-out row shown as an example would be its own answer.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from providers.records import Message

from ..dataset.records import Dataset, Row
from ..errors import UsageError

__all__ = ["draw_shots", "shot_turns"]

_SEED = 7


def draw_shots(dataset: Dataset, count: int, seed: int = _SEED) -> tuple[Row, ...]:
    """`count` training rows; where answers are labels, as many of each as can be. The same seed draws the same rows.

    Raises `UsageError` where there are not so many.
    """
    train = dataset.split.train
    if len(train) < count:
        why = "there is no training split here" if not train else f"the training split has {len(train)} rows"
        fix = "few-shot examples are drawn from what a run trains on, never from held-out rows: use them with `run` or "
        raise UsageError(why, where=f"--also-shots {count}", fix=f"{fix}`evaluate RUN`, or ask for fewer")
    rng = random.Random(seed)
    if dataset.labels is None:
        return tuple(train[place] for place in rng.sample(range(len(train)), count))
    return _balanced(train, count, rng)


def _balanced(train: Sequence[Row], count: int, rng: random.Random) -> tuple[Row, ...]:
    """One of each label in turn, until there are enough."""
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in train:
        by_label[row.example.answer].append(row)
    piles = [rng.sample(rows, len(rows)) for _, rows in sorted(by_label.items())]
    rng.shuffle(piles)
    chosen: list[Row] = []
    while len(chosen) < count:
        piles = [pile for pile in piles if pile]
        chosen += [pile.pop() for pile in piles[: count - len(chosen)]]
    return tuple(chosen)


def shot_turns(rows: Sequence[Row]) -> tuple[Message, ...]:
    """The turns of the examples, without their system messages: the question's own, or a better one, stands first."""
    turns = (message for row in rows for message in row.example.messages)
    return tuple(message for message in turns if message.role not in ("system", "developer"))
