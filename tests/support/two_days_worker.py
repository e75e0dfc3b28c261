"""A worker in a process of its own, on a clock that somebody else moves. Arguments: home, the conductor's URL, command.

Where the worker would rest, it asks the conductor to let the time pass until a job is due.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import loopback

from orchestrator import AsyncOrchestrator
from orchestrator.jobs.work import Pace, Worker
from orchestrator.pipeline.working import worker

_NAP_S = 2.0


class ConductedClock:
    """Time as the conductor tells it."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=120)
        self._at = self._told(loopback.post(f"{url}/sleep", json={"s": 0, "until": None}).json())
        self.worker: Worker | None = None

    @staticmethod
    def _told(answer: Any) -> datetime:
        return datetime.fromtimestamp(answer["now"], UTC)

    def now(self) -> datetime:
        return self._at

    async def sleep(self, seconds: float) -> None:
        if self.worker is not None and self.worker.busy and seconds <= _NAP_S:
            await anyio.sleep(0.002)  # it only looks around while a round is under way
            return
        body = {"s": seconds, "until": None if seconds > _NAP_S else self._next_due()}
        self._at = max(self._at, self._told((await self._http.post("/sleep", json=body)).json()))

    def _next_due(self) -> float | None:
        assert self.worker is not None
        times = [account.next_at for account in self.worker.desk.ledger.watched.accounts(self._at)]
        return min((time.timestamp() for time in times if time is not None), default=None)


async def main(home: Path, url: str, command: list[str]) -> None:
    clock = ConductedClock(url)
    library = AsyncOrchestrator(home, environ=os.environ, clock=clock)
    clock.worker = worker(library.session, Pace(), notify=tuple(command))
    await clock.worker.run()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
