"""A process that buys one batch of questions, again and again in children that may be killed at a named place.

It reads one JSON object a line: platform, the ledger's folder, the input file, the place to die at ("" for none), and
whether a person decides what is not found. Each child is forked, so that a kill costs no start; the answer is the
signal that ended it. What a person does next is in the child too: the same command, `recover`, a look at the console.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import httpx

import providers
from orchestrator.canonical import intent_id, tag_of
from orchestrator.errors import InDoubt
from orchestrator.jobs.batch_recover import recover_batch, resolve_batch
from orchestrator.jobs.batch_submit import BatchOrder, submit_batch
from orchestrator.jobs.desk import Desk
from orchestrator.jobs.failpoints import VARIABLE
from orchestrator.ledger import BatchRow, BatchStage, Ledger, Reservation, evaluation_spending
from providers.contract import Provider
from providers.errors import ProviderError
from providers.records import Example, Message, ProviderFile, Sampling

MODELS = {"openai": "gpt-4.1-mini-2025-04-14", "together": "Qwen/Qwen3-8B"}


class SharedClock:
    """Real time, and what is slept passes at once: here, and on the platform's clock."""

    def __init__(self, server: str) -> None:
        self._server, self._slept = server, timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._slept

    async def sleep(self, seconds: float) -> None:
        self._slept += timedelta(seconds=seconds)
        async with httpx.AsyncClient(trust_env=False, verify=False) as plain:
            await plain.post(f"{self._server}/_sandbox/clock", json={"advance_s": seconds})


def order_of(name: str, folder: Path, mark: str) -> BatchOrder:
    """The same arguments are the same batch."""
    batch_id = intent_id({"model": MODELS[name], "evaluation": mark})
    example = Example((Message("user", "is my card lost?"), Message("assistant", "lost_card")))
    platform = providers.platform(name)
    lines = (platform.batch_line(f"{tag_of(batch_id)}.q{n}.0", MODELS[name], example, Sampling()) for n in range(3))
    data = b"".join(lines)
    digest = sha256(data).hexdigest()
    path = folder / f"tw-{digest[:24]}.jsonl"
    path.write_bytes(data)
    row = BatchRow(
        id=batch_id,
        evaluation_id=mark,
        candidate="base",
        provider=name,
        account="here",
        model=MODELS[name],
        tag=tag_of(batch_id),
        stage=BatchStage.PLANNED,
        sandbox=True,
        requests=3,
        sha256=digest,
        created_at=datetime.now(UTC),
    )
    wish = Reservation(
        id=evaluation_spending(mark),
        usd=Decimal(3),
        kind="evaluation",
        provider=name,
        account="here",
        sandbox=True,
        run_cap=Decimal(5),
    )
    return BatchOrder(row=row, file=ProviderFile(path, digest, len(data), 3, "batch", "batch"), wish=wish)


async def buy(told: dict[str, Any]) -> None:
    name, home, files = told["name"], Path(told["home"]), Path(told["files"])
    platform = providers.platform(name)
    desk = Desk(ledger=Ledger.open(home, {}), clock=SharedClock(told["server"]), patience_s=5)
    order = order_of(name, files, told["mark"])
    async with platform.open(platform.connection(os.environ, None, home)) as provider:
        for _ in range(6):
            try:
                await submit_batch(desk, provider, order)
                return
            except InDoubt:
                await settle(desk, provider, order, told["person"])
            except ProviderError as refused:
                if not refused.nothing_created:
                    raise
    raise AssertionError("it was never bought")


async def settle(desk: Desk, provider: Provider, order: BatchOrder, person: bool) -> None:
    row = await recover_batch(desk, provider, desk.ledger.batches.get(order.row.id), resubmit=not person, wait=True)
    if row.stage is BatchStage.NEEDS_HUMAN:
        console = await provider.find_batches(row.tag, row.file_id)
        await resolve_batch(desk, row, console[0] if console else None)


def child(told: dict[str, Any]) -> int:
    """Fork, die or come to the end; the signal that ended it, 0 for a good end, -1 for an error."""
    pid = os.fork()
    if pid == 0:
        os.environ[VARIABLE] = told["place"]
        code = 1
        try:
            anyio.run(buy, told)
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    return 0 if os.WEXITSTATUS(status) == 0 else -1


def warm_up(folder: Path) -> None:
    """Load, migrate and read certificates once, and not in every child."""
    Ledger.open(folder, {}).close()
    for name in MODELS:
        platform = providers.platform(name)
        anyio.run(_opened, platform.open(platform.connection(os.environ, None, folder)))


async def _opened(account: Any) -> None:
    async with account:
        return


if __name__ == "__main__":
    warm_up(Path(sys.argv[1]))
    for line in sys.stdin:
        print(child(json.loads(line)), flush=True)
