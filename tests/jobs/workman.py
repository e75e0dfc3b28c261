"""A process of its own that works on a ledger until SIGTERM, and keeps a log of every claim and every look.

Arguments: the ledger's folder, the platform's URL, the log, and perhaps "unfenced": then looks are written whoever has
claimed the job meanwhile. A log line: nanoseconds, what, intent, fence.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
from fleet import PROVIDER, connection

import providers
from orchestrator.clock import SystemClock
from orchestrator.jobs.desk import Desk
from orchestrator.jobs.work import Pace, Worker
from orchestrator.ledger import Claim, Found, Ledger
from orchestrator.ledger.watched import Kept, Watched
from providers.contract import Provider

LEASE_S = 1.5


class Logged(Watched):
    """Writes down who claimed what, and which looks were kept."""

    def __init__(self, watched: Watched, log: Path, fenced: bool) -> None:
        super().__init__(watched._engine)
        self._log, self._fenced = log.open("a", buffering=1), fenced

    def claim(self, *args: Any, **given: Any) -> tuple[Claim, ...]:
        return self._claimed(super().claim(*args, **given))

    def claim_these(self, *args: Any, **given: Any) -> tuple[Claim, ...]:
        return self._claimed(super().claim_these(*args, **given))

    def _claimed(self, claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
        self._write("claimed", time.monotonic_ns(), claims)
        return claims

    def keep(self, found: Sequence[Found], now: datetime) -> Kept:
        began, asked = time.monotonic_ns(), found
        if not self._fenced:
            fences = self._fences()
            found = [replace(f, claim=replace(f.claim, fence=fences[f.claim.intent_id])) for f in found]
        kept = super().keep(found, now)
        claims = [item.claim for item in asked]
        self._write("kept", began, [claim for claim in claims if claim.intent_id not in kept.fenced])
        self._write("refused", began, [claim for claim in claims if claim.intent_id in kept.fenced])
        return kept

    def _fences(self) -> dict[str, int]:
        from orchestrator.ledger import schema

        with self._engine.connect() as connection:
            return {row.intent_id: row.fence for row in connection.execute(schema.watched.select())}

    def _write(self, what: str, at: int, claims: Sequence[Claim]) -> None:
        self._log.writelines(f"{at} {what} {claim.intent_id} {claim.fence}\n" for claim in claims)


async def work(folder: Path, url: str, log: Path, fenced: bool) -> None:
    ledger = Ledger.open(folder)
    ledger.watched = Logged(ledger.watched, log, fenced)
    platform = providers.platform(PROVIDER)

    def opens(_key: tuple[str, str]) -> AbstractAsyncContextManager[Provider]:
        return platform.open(connection(url))

    pace = Pace(batch=20, lease_s=LEASE_S, notice_s=0.1, most=60)
    worker = Worker(Desk(ledger=ledger, clock=SystemClock()), opens, pace=pace)
    async with anyio.create_task_group() as group:
        group.start_soon(_stop_at_sigterm, worker)
        tally = await worker.run()
        group.cancel_scope.cancel()
    print(json.dumps(asdict(tally)))


async def _stop_at_sigterm(worker: Worker) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            worker.stop()


if __name__ == "__main__":
    anyio.run(work, Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), "unfenced" not in sys.argv)
