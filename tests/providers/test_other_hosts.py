"""Other hosts that speak OpenAI's wire: Azure's by a version in the query, Bedrock's by a path, over loopback.

Each is the sandbox behind a door of its own, which lets in only what such a host lets in.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

import providers
from orchestrator import Orchestrator
from orchestrator.config import Config
from providers.contract import Provider
from providers.records import Hyperparameters, Message, Method, Plan, ProviderFile, Sampling

pytest.importorskip("starlette")
import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from providers.sandbox import Sandbox, app

pytestmark = pytest.mark.anyio

MINI = "gpt-4.1-mini-2025-04-14"
KEY = "sk-sandbox-other-host"
TAG = "tw-" + "a" * 16


@dataclass
class Door:
    """Before the sandbox: every request must come under `prefix` and satisfy `lets_in`; what came is remembered."""

    inner: ASGIApp
    prefix: str
    lets_in: Callable[[dict[str, list[str]], dict[str, str]], bool]
    came: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self.inner(scope, receive, send)
            return
        query = parse_qs(scope["query_string"].decode())
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.came.append((scope["method"], scope["path"]))
        if not scope["path"].startswith(self.prefix) or not self.lets_in(query, headers):
            await JSONResponse({"error": {"message": "not this way", "code": "401"}}, 401)(scope, receive, send)
            return
        inside = "/openai/v1" + scope["path"].removeprefix(self.prefix)
        await self.inner({**scope, "path": inside, "raw_path": inside.encode()}, receive, send)


def azure(query: dict[str, list[str]], headers: dict[str, str]) -> bool:
    """The version with every request, and the key in Azure's own header."""
    return query.get("api-version") == ["2025-04-01-preview"] and headers.get("api-key") == KEY


def mantle(query: dict[str, list[str]], headers: dict[str, str]) -> bool:
    """A bearer key, no query of a host's own, and no key in a header of Azure's."""
    return "api-version" not in query and "api-key" not in headers and headers.get("authorization") == f"Bearer {KEY}"


HOSTS = {
    "azure": ("/openai", azure, "/openai?api-version=2025-04-01-preview"),
    "mantle": ("/v1", mantle, "/v1"),
}


@pytest.fixture(params=HOSTS)
def host(request: Any) -> Iterator[tuple[Door, Sandbox, dict[str, str]]]:
    prefix, lets_in, path = HOSTS[request.param]
    with Sandbox(None, pace_s=0) as sandbox:
        door = Door(app(sandbox), prefix, lets_in)
        server = uvicorn.Server(uvicorn.Config(door, port=0, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
        thread.start()
        tick = threading.Event()
        while not server.started:
            tick.wait(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield door, sandbox, {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}{path}", "OPENAI_API_KEY": KEY}
        server.should_exit = True
        thread.join(10)


@pytest.fixture
async def provider(host: Any, tmp_path: Path) -> AsyncIterator[Provider]:
    platform = providers.platform("openai")
    async with platform.open(platform.connection(host[2], None, tmp_path)) as account:
        yield account


async def test_the_whole_way_of_a_job_works_by_the_base_url_alone(
    host: Any, provider: Provider, make_plan: Callable[..., Plan], make_file: Callable[..., ProviderFile]
) -> None:
    door, sandbox, _ = host
    file = make_file(provider.platform)
    sent = await provider.upload(file)
    assert await provider.find_file(file) is not None
    plan = make_plan(train_sha256=file.sha256, hyperparameters=Hyperparameters(epochs=1, seed=7))
    assert (await provider.preflight(plan)).problems == ()
    job = await provider.create(plan, {"train": sent.id}, TAG)
    assert [found.id for found in await provider.find(TAG)] == [job.id]
    while not (job := await provider.job(job.id)).tuned_model:
        sandbox.advance(60)
    assert (await provider.events(job.id)).items
    assert await provider.metrics(job.id)
    ask = [Message("system", "Answer with one label: lost_card, refund"), Message("user", "my card is lost")]
    for _ in range(2):  # the second question is the first one's request with another body
        assert (await provider.complete(str(job.tuned_model), ask, Sampling())).text == "lost_card"
    assert (await provider.complete(str(job.tuned_model), ask, Sampling(stream=True))).text == "lost_card"
    assert door.came.count(("POST", f"{door.prefix}/fine_tuning/jobs")) == 1


async def test_what_would_be_sent_is_told_with_the_hosts_own_query(
    host: Any, make_plan: Callable[..., Plan], make_file: Callable[..., ProviderFile]
) -> None:
    platform, url = providers.platform("openai"), host[2]["OPENAI_BASE_URL"]
    requests = platform.requests(make_plan(), [make_file(platform)], TAG, url)
    base, _, query = url.partition("?")
    (paid,) = [request for request in requests if request.paid]
    assert paid.url == f"{base}/fine_tuning/jobs" + (f"?{query}" if query else "")
    assert all(request.url.startswith(base) and query in request.url for request in requests)


@pytest.mark.parametrize(
    "url",
    [
        "https://my-resource.openai.azure.com/openai/v1?api-version=preview",
        "https://bedrock-mantle.us-west-2.api.aws/v1",
    ],
)
def test_neither_openais_prices_nor_its_dates_are_applied_there(url: str, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    rows = [f"is this {number} about cards,{'yes' if number % 2 else 'no'}" for number in range(60)]
    pairs.write_text("\n".join(["input,output", *rows]))
    environ = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY}
    away, own = (
        Orchestrator(tmp_path / name, config=Config(), environ=told).estimate(pairs, to=f"openai:{MINI}")[0]
        for name, told in (("away", environ), ("own", {"OPENAI_API_KEY": KEY}))
    )
    priced = {line.item for line in own.lines if line.high_usd}
    assert "training" in priced
    assert all(line.high_usd is None for line in away.lines if line.item in priced)
    assert not away.complete
    assert (bool(own.dates), away.dates) == (True, ())


def test_the_lines_are_openais(tmp_path: Path) -> None:
    platform = providers.platform("openai")
    assert platform.dialect_for(MINI, Method.SFT) is platform.dialect(Method.SFT)
