"""A process that compares two models by batches, to be killed. Arguments: home, pairs, base, tuned, the sandbox."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx

from orchestrator import Orchestrator


class SharedClock:
    """Time passes by sleeping, here and on the platform."""

    def __init__(self, server: str) -> None:
        self._server, self._slept = server, timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._slept

    async def sleep(self, seconds: float) -> None:
        self._slept += timedelta(seconds=seconds)
        async with httpx.AsyncClient(trust_env=False, verify=False) as plain:
            await plain.post(f"{self._server}/_sandbox/clock", json={"advance_s": seconds})


if __name__ == "__main__":
    home, pairs, base, tuned, server = sys.argv[1:]
    orchestrator = Orchestrator(home, environ=dict(os.environ), clock=SharedClock(server))
    if (Path(home) / "batches").exists():
        orchestrator.evaluate()
    else:
        orchestrator.compare(pairs, base=base, tuned=tuned, batch=True, max_usd=Decimal(20), max_tokens=16)
