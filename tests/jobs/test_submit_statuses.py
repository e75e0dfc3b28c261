"""Answers that no fault of the sandbox gives: each status before or after the job was made, over real HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import providers
from orchestrator.errors import InDoubt
from orchestrator.jobs.submit import Order, submit
from orchestrator.ledger import IntentState
from providers.errors import ProviderError
from providers.sandbox import app

pytestmark = pytest.mark.anyio


class Gate:
    """Stands before the sandbox and answers every creation with `status`, after it was done or instead of it."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner
        self.status, self.done, self.asked = 500, False, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "POST" or not scope["path"].endswith(("/fine_tuning/jobs", "/fine-tunes")):
            await self._inner(scope, receive, send)
            return
        self.asked += 1
        if self.done:
            await self._inner(scope, receive, _nowhere)
        await JSONResponse({"error": {"message": "no", "type": "test"}}, self.status)(scope, receive, send)


async def _nowhere(_message: Any) -> None:
    return


@contextmanager
def listening(gate: Gate) -> Iterator[str]:
    config = uvicorn.Config(gate, port=0, log_config=None, access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    tick = threading.Event()
    while not server.started:
        tick.wait(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def gate(shared: Any) -> Iterator[tuple[Gate, str]]:
    gate = Gate(app(shared.sandbox))
    with listening(gate) as url:
        yield gate, url


@pytest.fixture
def answering(gate: tuple[Gate, str], world: Any, name: str) -> Callable[..., Any]:
    def set_up(status: int, done: bool = False) -> Any:
        gate[0].status, gate[0].done, gate[0].asked = status, done, 0
        connection = world.connection(name)
        base_url = connection.base_url.replace(world.running.url, gate[1])
        return providers.platform(name).open(replace(connection, base_url=base_url))

    return set_up


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504])
async def test_an_ambiguous_status_leaves_the_job_in_doubt(
    gate: tuple[Gate, str], answering: Any, bench: Any, make_order: Callable[..., Order], name: str, status: int
) -> None:
    async with answering(status) as provider:
        with pytest.raises(InDoubt):
            await submit(bench.desk, provider, make_order(name))
    assert (bench.intent.state, gate[0].asked, list(bench.money)) == (IntentState.IN_DOUBT, 1, ["reserved"])


@pytest.mark.parametrize("status", [408, 409, 500, 504])
async def test_an_ambiguous_status_after_the_job_was_made_adopts_it(
    gate: tuple[Gate, str],
    answering: Any,
    world: Any,
    bench: Any,
    make_order: Callable[..., Order],
    name: str,
    status: int,
) -> None:
    async with answering(status, done=True) as provider:
        intent = await submit(bench.desk, provider, make_order(name))
    assert ([intent.job_id], gate[0].asked) == (world.jobs(), 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
async def test_a_plain_refusal_goes_back_and_frees_the_money(
    gate: tuple[Gate, str], answering: Any, bench: Any, make_order: Callable[..., Order], name: str, status: int
) -> None:
    async with answering(status) as provider:
        with pytest.raises(ProviderError):
            await submit(bench.desk, provider, make_order(name))
    assert (bench.intent.state, gate[0].asked, bench.money) == (IntentState.UPLOADED, 1, {"released": 0})
