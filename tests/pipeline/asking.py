"""A process of its own that asks until it is killed. Arguments: the ledger's folder, how many questions."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import anyio

import providers
from orchestrator.clock import SystemClock
from orchestrator.evaluation.ask import ask
from orchestrator.jobs.desk import Desk
from orchestrator.ledger import Ledger

_spec = importlib.util.spec_from_file_location("shared", Path(__file__).with_name("conftest.py"))
assert _spec is not None
assert _spec.loader is not None
shared = importlib.util.module_from_spec(_spec)
sys.modules["shared"] = shared
_spec.loader.exec_module(shared)


async def go(folder: Path, count: int) -> None:
    desk = Desk(ledger=Ledger.open(folder, {}), clock=SystemClock())
    asked, platform = shared.held_out(count), providers.platform("openai")
    spec = shared.spec_of(asked)
    async with platform.open(platform.connection(os.environ, None, folder)) as provider:
        both = {"base": provider, "tuned": provider}
        await ask(desk, both, spec, asked, spec_id=spec.id, concurrency=4, progress=lambda _done, _total: None)


if __name__ == "__main__":
    anyio.run(go, Path(sys.argv[1]), int(sys.argv[2]))
