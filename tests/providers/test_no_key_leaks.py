"""A key is in no error, no traceback, no log line at any level, and no record."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import providers
from providers.contract import Connection, Provider, Secret
from providers.errors import ProviderError
from providers.records import Hyperparameters, Message, Plan, ProviderFile, Sampling

pytest.importorskip("starlette")
from providers.sandbox import FAULTS, Sandbox, serve

pytestmark = pytest.mark.anyio

PLAIN = Hyperparameters(epochs=2)
"""What every platform takes."""

CANARY = "sk-sandbox-canary-0123456789abcdef"
MODELS = {
    "openai": "gpt-4.1-mini-2025-04-14",
    "together": "Qwen/Qwen3-8B",
    "fireworks": "accounts/fireworks/models/qwen3-8b",
    "replicate": "sandbox/trainer:0",
    "vertex": "gemini-3.5-flash",
}
SDKS = {"vertex": "google.genai"}
"""Where it is not called as its platform is."""

OVER_HTTPX = [name for name in MODELS if name != "vertex"]
"""The other's client is httpx2's: tests/providers/test_vertex_wire.py."""


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Sandbox, Any]]:
    sandbox = Sandbox(None, pace_s=0)
    try:
        with serve(sandbox) as running:
            yield sandbox, running
    finally:
        sandbox.close()


def connection(name: str, environ: dict[str, str], tmp_path: Path) -> Connection:
    named = ("OPENAI_API_KEY", "TOGETHER_API_KEY", "FIREWORKS_API_KEY", "REPLICATE_API_TOKEN")
    keys = dict.fromkeys((*named, "GOOGLE_OAUTH_ACCESS_TOKEN"), CANARY)
    return providers.platform(name).connection(environ | keys, None, tmp_path)


async def every_call(account: Provider, plan: Plan, file: ProviderFile, tag: str) -> list[str]:
    """Each method once; the printed traceback of each that fails."""
    question = (Message("user", "?"),)
    calls: list[Callable[[], Any]] = [
        lambda: account.preflight(plan),
        lambda: account.find_file(file),
        lambda: account.upload(file),
        lambda: account.estimate(plan, {"train": "file-x"}),
        lambda: account.create(plan, {"train": "file-x"}, tag),
        lambda: account.find(tag),
        lambda: account.job("x"),
        lambda: account.metrics("x"),
        lambda: account.models(),
        lambda: account.complete(plan.model, question, Sampling()),
        lambda: account.complete(plan.model, question, Sampling(stream=True)),
        lambda: account.serve("m", tag, 60),
    ]
    said = []
    for call in calls:
        try:
            said.append(repr(await call()))
        except ProviderError as error:
            said += [*traceback.format_exception(error), repr(vars(error)), repr(pickle.dumps(error))]
    return said


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("fault", [None, *(name for name, fault in FAULTS.items() if fault.scope == "request")])
async def test_a_key_is_nowhere_in_what_people_see(
    name: str,
    fault: str | None,
    world: tuple[Sandbox, Any],
    make_plan: Callable[..., Plan],
    make_file: Callable[..., ProviderFile],
    tag: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sandbox, running = world
    pytest.importorskip(SDKS.get(name, name))
    platform = providers.platform(name)
    if fault:
        sandbox.faults.set(name=fault, count=100, method="", path="", seconds=0)
    with caplog.at_level(logging.DEBUG):
        async with platform.open(connection(name, running.environ, tmp_path)) as account:
            plan = make_plan(name, MODELS[name], hyperparameters=PLAIN)
            said = await every_call(account, plan, make_file(platform), tag)
    sandbox.faults.clear()
    assert said
    assert CANARY not in "".join(said) + caplog.text + repr(account.connection)


@pytest.mark.parametrize("name", OVER_HTTPX)
async def test_a_key_of_any_shape_that_the_server_repeats_is_cut_out(name: str, make_plan: Callable[..., Plan]) -> None:
    pytest.importorskip(name)
    key = "plain-canary-without-a-known-shape"
    body = {"error": {"message": f"Incorrect API key provided: {key}", "code": "invalid_api_key"}}
    transport = httpx.MockTransport(lambda request: httpx.Response(401, json=body))
    async with (
        httpx.AsyncClient(transport=transport) as http,
        providers.platform(name).open(Connection(api_key=Secret(key), http=http)) as account,
    ):
        with pytest.raises(ProviderError) as refused:
            await account.preflight(make_plan(name, MODELS[name], hyperparameters=PLAIN))
    assert key not in "".join(traceback.format_exception(refused.value)) + repr(vars(refused.value))
