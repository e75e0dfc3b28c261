"""What models were trained on, as numbers, one an input: enough to recognise a row, too little to read it.

A set is written before its job is bought, and counts once the job may have been sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from . import schema
from .engine import writing
from .history import iso
from .intents import UNSENT

__all__ = ["EarlierTraining", "TrainingSets", "among"]

_STORED = np.dtype("<u8")


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierTraining:
    """A data set that was trained on before. `rows`: how many; `matches`: indices of the inputs found in it, ascending;
    `sandbox`: nothing was bought for money."""

    dataset_sha256: str
    run_id: str
    at: datetime
    rows: int
    sandbox: bool
    matches: NDArray[np.intp]


class TrainingSets:
    """The training set of every intent."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def remember(
        self, intent_id: str, run_id: str, dataset_sha256: str, inputs: NDArray[np.uint64], now: datetime
    ) -> None:
        """Keep the inputs that this intent trains on. What is known of the intent already stays as it is."""
        table = schema.training_set
        with writing(self._engine) as connection:
            if connection.execute(sa.select(table.c.run_id).where(table.c.intent_id == intent_id)).first() is None:
                values = {"intent_id": intent_id, "run_id": run_id, "dataset_sha256": dataset_sha256, "at": iso(now)}
                stored = np.sort(inputs).astype(_STORED).tobytes()
                connection.execute(table.insert().values(**values, rows=len(inputs), inputs=stored))

    def known(self, except_sha256: str) -> bool:
        """Whether anything was trained on other data sets than this one."""
        with self._engine.connect() as connection:
            return connection.execute(_sent(schema.training_set.c.intent_id, except_sha256)).first() is not None

    def earlier(self, inputs: NDArray[np.uint64], except_sha256: str) -> list[EarlierTraining]:
        """The data sets, other than this one, that hold some of the inputs, the oldest first; each once, by the first
        run that trained on it."""
        found: dict[str, EarlierTraining] = {}
        for one in self._each(inputs, except_sha256):
            if len(one.matches):
                found.setdefault(one.dataset_sha256, one)
        return list(found.values())

    def _each(self, inputs: NDArray[np.uint64], except_sha256: str) -> Iterator[EarlierTraining]:
        query = _sent(schema.training_set, except_sha256).add_columns(schema.intent.c.sandbox)
        order = schema.training_set.c.at, schema.training_set.c.intent_id
        with self._engine.connect() as connection:
            # One at a time: millions of rows are tens of megabytes a set.
            for row in connection.execute(query.order_by(*order), execution_options={"yield_per": 1}):
                known = np.frombuffer(row.inputs, _STORED)
                yield EarlierTraining(
                    dataset_sha256=row.dataset_sha256,
                    run_id=row.run_id,
                    at=datetime.fromisoformat(row.at),
                    rows=row.rows,
                    sandbox=row.sandbox,
                    matches=np.flatnonzero(among(inputs, known)),
                )


def _sent(columns: sa.Table | sa.Column[str], except_sha256: str) -> sa.Select[tuple[object, ...]]:
    """Sets of other data whose job was sent, or may have been."""
    sets, intents = schema.training_set, schema.intent
    return (
        sa.select(columns)
        .join_from(sets, intents, sets.c.intent_id == intents.c.id)
        .where(sets.c.dataset_sha256 != except_sha256, intents.c.state.not_in(UNSENT))
    )


def among(inputs: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which inputs are in `known`, which ascends."""
    if not len(known):
        return np.zeros(len(inputs), np.bool_)
    places = np.minimum(np.searchsorted(known, inputs), len(known) - 1)
    among: NDArray[np.bool_] = known[places] == inputs
    return among
