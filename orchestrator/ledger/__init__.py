"""The ledger: what was wished, sent, seen and spent, durably, in one file (or one PostgreSQL database).

Every change of state appends to the history in the same transaction. No key is ever stored here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ..folders import writable
from ..home import FILE_NAME, URL_VARIABLE
from .batches import BATCH_OPEN, BATCH_SENT, BATCH_UNSENT, BatchRow, BatchRows, BatchStage, evaluation_spending
from .buckets import RETRIES_MOST, BucketKey, BucketRow, Buckets, Slot
from .budget import Budget, Reservation, Spending, training_spending
from .by_word import settle_by_word
from .deliveries import Arrival, Deliveries
from .engine import ahead_s, open_engine
from .history import Entry
from .intents import UNRESOLVED, UNSENT, UNSETTLED, Intent, Intents, IntentState
from .leases import LEASE_SENT, LeaseRow, LeaseRows, LeaseStage, lease_spending
from .notices import Notices
from .parts import Parts
from .runs import Answers, Run, Runs, Uploads
from .track_record import Bill, TrackRecord
from .watched import Claim, Found, Progress, Watched

if TYPE_CHECKING:
    from .training_sets import TrainingSets

__all__ = [
    "BATCH_OPEN",
    "BATCH_SENT",
    "BATCH_UNSENT",
    "LEASE_SENT",
    "RETRIES_MOST",
    "UNRESOLVED",
    "UNSENT",
    "UNSETTLED",
    "Arrival",
    "BatchRow",
    "BatchStage",
    "Bill",
    "BucketKey",
    "BucketRow",
    "Budget",
    "Claim",
    "Entry",
    "Found",
    "Intent",
    "IntentState",
    "LeaseRow",
    "LeaseStage",
    "Ledger",
    "Progress",
    "Reservation",
    "Run",
    "Slot",
    "Spending",
    "evaluation_spending",
    "lease_spending",
    "training_spending",
]


class Ledger:
    """One opened ledger. Methods are synchronous and short; async callers run them on a worker thread.

    `folder`: the project's own, for what must not be in a database that others may read.
    """

    def __init__(self, url: str | sa.URL, folder: Path | None = None) -> None:
        engine = open_engine(url)
        self._engine = engine
        self.folder = folder
        self.runs = Runs(engine)
        self.intents = Intents(engine)
        self.budget = Budget(engine)
        self.uploads = Uploads(engine)
        self.parts = Parts(engine)
        self.answers = Answers(engine)
        self.leases = LeaseRows(engine)
        self.batches = BatchRows(engine)
        self.track_record = TrackRecord(engine)
        self.watched = Watched(engine)
        self.deliveries = Deliveries(engine)
        self.notices = Notices(engine)
        self.buckets = Buckets(engine)

    @cached_property
    def training_sets(self) -> TrainingSets:
        """What models were trained on. Loaded on use: it needs NumPy."""
        from .training_sets import TrainingSets

        return TrainingSets(self._engine)

    @classmethod
    def open(cls, home: Path, environ: Mapping[str, str] = os.environ) -> Ledger:
        """The ledger of this project: `TUNEWRIGHT_DATABASE_URL`, else `HOME/ledger.sqlite3`."""
        url = environ.get(URL_VARIABLE)
        if url is None:
            return cls(sa.URL.create("sqlite", database=str(writable(home) / FILE_NAME)), home)
        return cls(url, home)

    def settle_by_word(self, spending_id: str, usd: Decimal, now: datetime) -> Spending:
        """A bill by a person's word. Raises `UsageError` while something else will still tell."""
        return settle_by_word(self._engine, spending_id, usd, now)

    @property
    def place(self) -> str:
        """Where it is, for people; a password in the URL is hidden."""
        return str(self._engine.url.render_as_string(hide_password=True)).removeprefix("sqlite:///")

    def ahead_s(self, now: Callable[[], datetime]) -> float | None:
        """Seconds by which a database server's clock is ahead of `now`; None where the database is a file here."""
        return ahead_s(self._engine, now)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
