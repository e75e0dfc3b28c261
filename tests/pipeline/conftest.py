"""The sandbox behind a counter on the wire, a ledger, and held-out questions; no tuned model is needed to be asked."""

from __future__ import annotations

import asyncio
import csv
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import providers
from orchestrator.dataset.records import Row
from orchestrator.evaluation.ask import ask, stored
from orchestrator.evaluation.questions import Candidate, Question, Spec, questions
from orchestrator.jobs.desk import Desk, Notice
from orchestrator.ledger import Ledger
from providers.contract import Provider
from providers.records import Example, Message, Sampling

pytest.importorskip("starlette")
import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from providers.sandbox import Sandbox, app

BASE, TUNED = "gpt-4.1-mini-2025-04-14", "gpt-4.1-nano-2025-04-14"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Sixty labelled tickets, other ones in every test."""
    path = tmp_path / "pairs.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["input", "output"])
        for number in range(60):
            label = ("lost_card", "refund", "delivery")[number % 3]
            rows.writerow([f"a question about {label} number {number} {tmp_path.name}", label])
    return path


class HandClock:
    """Time that passes only by sleeping, and then at once."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)
        self.slept: list[float] = []
        self.then: Callable[[], object] = lambda: None

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        self.then()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@dataclass
class Wire:
    """Stands before the sandbox: what was asked, in which order, and how much of it at once.

    `slow_s`: how long every answer takes. `refuse`: (status, body) for a question, or None to let it pass.
    """

    inner: ASGIApp
    slow_s: float = 0.0
    refuse: Callable[[str, str], tuple[int, dict[str, Any]] | None] = lambda _model, _text: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    now: int = 0
    most: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope.get("path", "").endswith("/chat/completions"):
            await self.inner(scope, receive, send)
            return
        body = await _body(receive)
        told = json.loads(body)
        question = told["model"], told["messages"][-1]["content"]
        self.asked.append(question)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.slow_s)
            refused = self.refuse(*question)
            if refused:
                await JSONResponse({"error": refused[1]}, refused[0])(scope, receive, send)
            else:
                await self.inner(scope, _again(body, receive), send)
        finally:
            self.now -= 1

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """(model, question) → how often; the probe that asks whether a model is there left out."""
        return Counter(question for question in self.asked if question[1] != "ping")


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def once() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Wire, Sandbox, str]]:
    with Sandbox(None, pace_s=0) as sandbox:
        wire = Wire(app(sandbox))
        server = uvicorn.Server(
            uvicorn.Config(wire, port=0, log_config=None, access_log=False, lifespan="off", ws="none")
        )
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
        thread.start()
        tick = threading.Event()
        while not server.started:
            tick.wait(0.005)
        yield wire, sandbox, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def wire(served: tuple[Wire, Sandbox, str]) -> Wire:
    wire = served[0]
    wire.slow_s, wire.refuse, wire.most = 0.0, lambda _model, _text: None, 0
    wire.asked.clear()
    return wire


@pytest.fixture
def environ(served: tuple[Wire, Sandbox, str]) -> dict[str, str]:
    url = served[2]
    return {
        "OPENAI_BASE_URL": f"{url}/openai/v1",
        "OPENAI_API_KEY": "sk-sandbox-canary-0123456789",
        "TOGETHER_BASE_URL": f"{url}/together",
        "TOGETHER_API_KEY": "sk-sandbox-canary-0123456789",
        "TOGETHER_PROJECT_ID": "proj_sandbox",
    }


@pytest.fixture
def account(environ: dict[str, str], tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Provider]]:
    """Opens the account; with other variables where given."""

    def opened(**changes: str) -> AbstractAsyncContextManager[Provider]:
        platform = providers.platform("openai")
        return platform.open(platform.connection({**environ, **changes}, None, tmp_path))

    return opened


@pytest.fixture
def asked() -> tuple[Question, ...]:
    """Twenty held-out questions."""
    return held_out(20)


def held_out(count: int) -> tuple[Question, ...]:
    system = Message("system", "Answer with one label: lost_card, refund")
    turns = [(system, Message("user", f"my card is lost {n}"), Message("assistant", "lost_card")) for n in range(count)]
    return questions([Row(number=n, file="pairs.csv", example=Example(turn)) for n, turn in enumerate(turns, start=1)])


@pytest.fixture
def spec(asked: tuple[Question, ...]) -> Spec:
    return spec_of(asked)


def spec_of(asked: tuple[Question, ...]) -> Spec:
    price: dict[str, Any] = {"input_usd_per_mtok": Decimal("0.4"), "output_usd_per_mtok": Decimal("1.6")}
    return Spec(
        candidates=(
            Candidate(name="base", provider="openai", model=BASE, **price),
            Candidate(name="tuned", provider="openai", model=TUNED, **price),
        ),
        questions=tuple(question.key for question in asked),
        sampling=Sampling(max_tokens=8),
    )


@pytest.fixture
def asker_of(asker: Asker) -> Callable[[int], Asker]:
    """The same with so many questions."""

    def made(count: int) -> Asker:
        asked = held_out(count)
        return replace(asker, asked=asked, spec=spec_of(asked))

    return made


@dataclass
class Asker:
    """One evaluation on one ledger; `run` may be called again, as after a restart."""

    desk: Desk
    told: list[Notice]
    spec: Spec
    asked: tuple[Question, ...]
    seen: list[tuple[int, int]] = field(default_factory=list)

    async def run(self, provider: Provider, concurrency: int = 4) -> None:
        await ask(
            self.desk,
            {"base": provider, "tuned": provider},
            self.spec,
            self.asked,
            spec_id=self.spec.id,
            concurrency=concurrency,
            progress=lambda done, total: self.seen.append((done, total)),
        )

    async def answers(self) -> dict[tuple[str, str, int], Any]:
        return await stored(self.desk, self.spec.id)


@pytest.fixture
def asker(tmp_path: Path, clock: HandClock, spec: Spec, asked: tuple[Question, ...]) -> Iterator[Asker]:
    told: list[Notice] = []
    ledger = Ledger.open(tmp_path / "home", {})
    yield Asker(Desk(ledger=ledger, clock=clock, tell=told.append, patience_s=5), told, spec, asked)
    ledger.close()
