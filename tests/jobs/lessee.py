"""A process of its own that rents a machine and then waits to be killed. Arguments: the ledger's folder, the model."""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from pathlib import Path

import anyio

import providers
from orchestrator.clock import SystemClock
from orchestrator.jobs.desk import Desk
from orchestrator.jobs.leases import LeaseWish, leased
from orchestrator.ledger import Ledger


async def rent(folder: Path, model: str) -> None:
    platform = providers.platform("together")
    desk = Desk(ledger=Ledger.open(folder, os.environ), clock=SystemClock(), patience_s=5)
    wish = LeaseWish(model=model, account="here", reserve_usd=Decimal(5), sandbox=False, run_id="run")
    connection = platform.connection(os.environ, None, folder)
    async with platform.open(connection) as provider, leased(desk, provider, wish):
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(rent, Path(sys.argv[1]), sys.argv[2])
