"""The real sandbox over real HTTP, the real adapters, a real ledger file, and clocks that only tests move."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import loopback
import pytest

import providers
from orchestrator.jobs.desk import Desk, Notice
from orchestrator.jobs.submit import Order
from orchestrator.ledger import Intent, Ledger
from providers.contract import Connection, Platform, Provider
from providers.records import Example, Hyperparameters, Message, Method, Plan, ProviderFile

pytest.importorskip("starlette")
from providers.sandbox import RunningSandbox, Sandbox, serve

MODELS = {"openai": "gpt-4.1-mini-2025-04-14", "together": "Qwen/Qwen3-8B"}
CREATE = r"/(fine_tuning/jobs|fine-tunes)$"
BUYER = Path(__file__).with_name("buyer.py")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class HandClock:
    """Time that passes only by sleeping, and then at once."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.slept: list[float] = []
        self.then: Callable[[], object] = lambda: None

    def now(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)
        self.then()


@dataclass
class World:
    """A running sandbox, seen from outside (what was asked of it) and from inside (what it really holds).

    Several tests share one sandbox, each with rows of its own; `older` are the jobs of tests before.
    """

    sandbox: Sandbox
    running: RunningSandbox
    home: Path
    older: frozenset[str] = frozenset()

    def jobs(self) -> list[str]:
        """Every job there is on either wire, listed or not."""
        every = [seen.job.id for wire in MODELS for seen in self.sandbox.book.views(wire)]
        return [job for job in every if job not in self.older]

    def count(self, method: str, ending: str) -> int:
        """How often a path with that ending was asked."""
        rows = loopback.get(f"{self.running.url}/_sandbox/requests").json()["requests"]
        return sum(row["count"] for row in rows if row["method"] == method and row["path"].endswith(ending))

    @property
    def posts(self) -> int:
        """How often a job was asked for."""
        return self.count("POST", "/fine_tuning/jobs") + self.count("POST", "/fine-tunes")

    def fault(self, name: str, **changes: Any) -> None:
        """On the next request that would create a job, unless told otherwise."""
        aimed = {"method": "POST", "path": CREATE} if _on_requests(name) else {}
        self.sandbox.faults.set(name, **{**aimed, **changes})

    def connection(self, name: str, **options: str) -> Connection:
        connection = providers.platform(name).connection(self.running.environ, None, self.home)
        return replace(connection, options=options)

    def open(self, name: str, **options: str) -> AbstractAsyncContextManager[Provider]:
        return providers.platform(name).open(self.connection(name, **options))


def _on_requests(name: str) -> bool:
    return name in {"rate_limit", "server_error", "bad_gateway", "slow", "reset", "lost_reply", "truncated", "html"}


@pytest.fixture(scope="session")
def shared() -> Iterator[World]:
    with Sandbox(None, pace_s=0) as sandbox, serve(sandbox) as running:
        yield World(sandbox, running, Path())


@pytest.fixture
def world(shared: World, tmp_path: Path) -> Iterator[World]:
    loopback.delete(f"{shared.running.url}/_sandbox/requests")
    yield replace(shared, home=tmp_path, older=frozenset(shared.jobs()))
    shared.sandbox.faults.clear()


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime.now(UTC))


@dataclass
class Bench:
    """One ledger and what was told while working on it."""

    desk: Desk
    told: list[Notice]

    @property
    def ledger(self) -> Ledger:
        return self.desk.ledger

    @property
    def intent(self) -> Intent:
        """The one intent."""
        (intent,) = self.ledger.intents.all()
        return intent

    @property
    def money(self) -> dict[str, Decimal]:
        """State of every spending → dollars."""
        return {item.state: item.usd for item in self.ledger.budget.spendings()}


@pytest.fixture
def make_bench(
    tmp_path: Path, clock: HandClock, environ_of: Callable[[Path], dict[str, str]]
) -> Iterator[Callable[..., Bench]]:
    """A desk on the ledger in `folder`; the same folder again is the same ledger."""
    opened: list[Ledger] = []

    def make(folder: str = "home", patience_s: float = 5.0) -> Bench:
        told: list[Notice] = []
        opened.append(Ledger.open(tmp_path / folder, environ_of(tmp_path / folder)))
        return Bench(Desk(ledger=opened[-1], clock=clock, tell=told.append, patience_s=patience_s), told)

    yield make
    for ledger in opened:
        ledger.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture(params=sorted(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    """Each platform in turn."""
    return str(request.param)


@pytest.fixture
def make_order(tmp_path: Path) -> Callable[..., Order]:
    """The order of one small job; equal arguments make equal plans."""

    def make(name: str = "openai", salt: str = "", method: Method = Method.SFT, **changes: Any) -> Order:
        file = training_file(providers.platform(name), tmp_path, salt, method)
        plan = Plan(
            provider=name,
            account="here",
            model=MODELS[name],
            method=method,
            hyperparameters=Hyperparameters(epochs=2, seed=7),
            train_sha256=file.sha256,
            validation_sha256=None,
        )
        return Order(plan=plan, files=[file], reserve_usd=Decimal(7), **{"run_id": "run", "sandbox": True, **changes})

    return make


def training_file(platform: Platform, folder: Path, salt: str = "", method: Method = Method.SFT) -> ProviderFile:
    """Twenty-four labelled rows in the platform's own dialect, other ones for every folder, salt and method."""
    dialect = platform.dialect(method)
    rows = [dialect.encode(_example(number, f"{folder.name} {salt}", method)) for number in range(24)]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path = folder / f"{platform.name}{salt}-{method}.jsonl"
    path.write_bytes(data)
    return ProviderFile(path, sha256(data).hexdigest(), len(data), 24, "train", dialect.name)


def _example(number: int, salt: str, method: Method) -> Example:
    lost = number % 2 == 0
    worse = Message("assistant", "refund" if lost else "lost_card")
    words = f"my card is lost {salt}{number}" if lost else f"please refund my order {salt}{number}"
    system = Message("system", "Answer with one label: lost_card, refund")
    turns = (system, Message("user", words), Message("assistant", "lost_card" if lost else "refund"))
    return Example(turns, rejected=(worse,) if method is Method.DPO else ())


@pytest.fixture
def buyer(
    world: World, tmp_path: Path, environ_of: Callable[[Path], dict[str, str]]
) -> Callable[..., subprocess.Popen[str]]:
    """Starts a real process that buys the job of `make_order(name)` and, told so, dies at a failpoint."""

    def start(
        name: str, folder: str = "home", failpoint: str = "", naive: bool = False, method: Method = Method.SFT
    ) -> subprocess.Popen[str]:
        file = training_file(providers.platform(name), tmp_path, method=method)
        environ = {**world.running.environ, "TUNEWRIGHT_FAILPOINTS": failpoint, "PATH": "", "HOME": str(tmp_path)}
        environ |= environ_of(tmp_path / folder)
        command = [sys.executable, str(BUYER), name, str(tmp_path / folder), str(file.path), method.value]
        return subprocess.Popen(
            [*command, *(["naive"] if naive else [])],
            env=environ,
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Waits for something that another thread or process does; fails the test after twenty seconds."""

    def wait(happened: Callable[[], object]) -> None:
        deadline, tick = time.monotonic() + 20, threading.Event()
        while not happened():
            assert time.monotonic() < deadline, "it never happened"
            tick.wait(0.01)

    return wait


@pytest.fixture
def both(world: World) -> Callable[..., AbstractAsyncContextManager[dict[str, Provider]]]:
    """Both platforms opened."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[dict[str, Provider]]:
        async with world.open("openai") as one, world.open("together") as other:
            yield {"openai": one, "together": other}

    return opened
