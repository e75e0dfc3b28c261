"""Which inputs models were trained on, kept in the ledger as hashes, and held-out rows that are found among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..dataset.normal import input_key, number_of
from ..dataset.records import Dataset, Finding, Row, Severity
from ..dataset.rules import RULES
from ..ledger import Ledger
from ..ledger.training_sets import EarlierTraining
from .session import Session
from .training import Training

__all__ = ["input_numbers", "remember", "tell_trained_before", "with_trained_before"]

_RULE = "trained-on-before"


def input_numbers(rows: Iterable[Row]) -> NDArray[np.uint64]:
    """The name of each row's input, in 64 bits."""
    return np.fromiter((number_of(input_key(row.example)) for row in rows), np.uint64)


async def remember(session: Session, training: Training, dataset: Dataset) -> None:
    """Keep what this training trains on. Written before it is bought, so that no crash can lose it."""
    desk = session.desk
    inputs = input_numbers(dataset.split.train)
    remember = desk.ledger.training_sets.remember
    await desk.db(remember, training.intent_id, training.run_id, dataset.sha256, inputs, desk.clock.now())


async def tell_trained_before(session: Session, dataset: Dataset) -> Dataset:
    """`with_trained_before`, and said while it happens."""
    found = await session.desk.db(with_trained_before, session.desk.ledger, dataset)
    for finding in found.findings[len(dataset.findings) :]:
        session.desk.say("warning", f"{finding.message}; {finding.fix}")
    return found


def with_trained_before(ledger: Ledger, dataset: Dataset) -> Dataset:
    """The data set with a finding for each earlier training set of this ledger that holds rows now held out."""
    if not ledger.training_sets.known(dataset.sha256):
        return dataset
    found = [
        *_found(ledger, dataset, dataset.split.test, "test", RULES[_RULE].severity),
        *_found(ledger, dataset, dataset.split.validation, "validation", "info"),
    ]
    counts = {**dataset.counts, _RULE: len(found)} if found else dataset.counts
    return replace(dataset, findings=(*dataset.findings, *found), counts=counts)


def _found(ledger: Ledger, dataset: Dataset, rows: Sequence[Row], side: str, severity: Severity) -> Iterator[Finding]:
    for earlier in ledger.training_sets.earlier(input_numbers(rows), dataset.sha256):
        places: defaultdict[str, list[int]] = defaultdict(list)
        matches = set(earlier.matches.tolist())
        for index, row in enumerate(rows):  # rows stand in their files: one pass reads them faster than look-ups
            if index in matches:
                places[row.file].append(row.number)
        for file, (first, *others) in places.items():
            message = f"{1 + len(others)} of {len(rows)} {side} rows were trained on by {_named(earlier)}"
            yield Finding(_RULE, severity, message, RULES[_RULE].fix, file, first, None, tuple(others))


def _named(earlier: EarlierTraining) -> str:
    where = " in the sandbox" if earlier.sandbox else ""
    return f"run {earlier.run_id} on {earlier.at:%Y-%m-%d}{where}"
