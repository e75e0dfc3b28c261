"""A process that starts evaluations, each in a process of its own that is there at once. Arguments: folder, questions.

For every line that it reads it forks one, says its number, and says how it ended.
"""

from __future__ import annotations

import importlib
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
importlib.import_module("providers.openai.account")  # what costs a second is loaded once


async def go(folder: Path, count: int) -> None:
    desk = Desk(ledger=Ledger.open(folder, {}), clock=SystemClock())
    asked, platform = shared.held_out(count), providers.platform("openai")
    spec = shared.spec_of(asked)
    async with platform.open(platform.connection(os.environ, None, folder)) as provider:
        both = {"base": provider, "tuned": provider}
        await ask(desk, both, spec, asked, spec_id=spec.id, concurrency=4, progress=lambda _done, _total: None)


if __name__ == "__main__":
    for _line in sys.stdin:
        child = os.fork()
        if not child:
            anyio.run(go, Path(sys.argv[1]), int(sys.argv[2]))
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
