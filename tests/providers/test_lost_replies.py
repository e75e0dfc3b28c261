"""Over real sockets and either transport: an unclear answer to a purchase means one POST, and "in doubt"."""

from __future__ import annotations

import importlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import providers
from providers.contract import Connection, Provider
from providers.errors import ProviderError, Unreachable
from providers.records import Hyperparameters, Message, Plan, Sampling

pytest.importorskip("starlette")
from providers.sandbox import Sandbox, serve

pytestmark = pytest.mark.anyio

PLAIN = Hyperparameters(epochs=2)
"""What every platform takes."""

PLATFORMS = {
    "openai": ("gpt-4.1-mini-2025-04-14", "/openai/v1/fine_tuning/jobs"),
    "together": ("Qwen/Qwen3-8B", "/together/v1/fine-tunes"),
    "fireworks": ("accounts/fireworks/models/qwen3-8b", "/fireworks/v1/accounts/sandbox/supervisedFineTuningJobs"),
}
UNCLEAR = [
    {"name": "lost_reply"},
    {"name": "reset"},
    {"name": "truncated", "value": "framed"},
    {"name": "truncated", "value": "cut"},
    {"name": "html"},
    {"name": "server_error"},
    {"name": "bad_gateway"},
    {"name": "slow", "seconds": 1.0},
]


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Sandbox, Any]]:
    sandbox = Sandbox(None, pace_s=0)
    try:
        with serve(sandbox) as running:
            yield sandbox, running
    finally:
        sandbox.close()


@pytest.fixture(params=PLATFORMS)
def name(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param)
    return str(request.param)


@pytest.fixture(params=["ordinary", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def opened(name: str, transport: str, connection: Connection) -> AsyncIterator[Provider]:
    """The account as it is, or with everything over the SDK's aiohttp transport."""
    if transport == "ordinary":
        async with providers.platform(name).open(connection) as account:
            yield account
        return
    async with (
        importlib.import_module(name).DefaultAioHttpClient() as http,
        providers.platform(name).open(replace(connection, http=http)) as account,
    ):
        yield account


def connected(name: str, environ: dict[str, str], tmp_path: Path) -> Connection:
    return replace(providers.platform(name).connection(environ, None, tmp_path), options={"read_timeout_s": "0.25"})


async def purchase(account: Provider, plan: Plan, tag: str) -> ProviderError:
    """The error of a purchase that must fail."""
    with pytest.raises(ProviderError) as failed:
        await account.create(plan, {"train": "file-absent"}, tag)
    return failed.value


@pytest.mark.parametrize("fault", UNCLEAR, ids=lambda fault: "-".join(str(value) for value in fault.values()))
async def test_an_unclear_answer_is_in_doubt_after_one_post(
    name: str,
    transport: str,
    fault: dict[str, Any],
    world: tuple[Sandbox, Any],
    make_plan: Callable[..., Plan],
    tag: str,
    tmp_path: Path,
) -> None:
    sandbox, running = world
    model, jobs = PLATFORMS[name]
    struck = sandbox.faults.set(**fault, method="POST", path=jobs, count=5)
    async with opened(name, transport, connected(name, running.environ, tmp_path)) as account:
        error = await purchase(account, make_plan(name, model, hyperparameters=PLAIN), tag)
    left = sandbox.faults.active()[0]["count"]
    sandbox.faults.clear()
    assert error.nothing_created is False
    assert (struck.count, left) == (5, 4)


async def test_a_closed_port_proves_that_nothing_was_sent(
    name: str, transport: str, make_plan: Callable[..., Plan], tag: str, tmp_path: Path
) -> None:
    environ = {f"{name.upper()}_API_KEY": "k", f"{name.upper()}_BASE_URL": f"http://127.0.0.1:{closed_port()}"}
    async with opened(name, transport, connected(name, environ, tmp_path)) as account:
        error = await purchase(account, make_plan(name, PLATFORMS[name][0], hyperparameters=PLAIN), tag)
    assert (type(error), error.nothing_created) == (Unreachable, True)


async def test_a_failed_handshake_proves_that_nothing_was_sent(
    name: str, transport: str, world: tuple[Sandbox, Any], make_plan: Callable[..., Plan], tag: str, tmp_path: Path
) -> None:
    address = world[1].url.replace("http://", "https://")
    environ = {f"{name.upper()}_API_KEY": "k", f"{name.upper()}_BASE_URL": address}
    async with opened(name, transport, connected(name, environ, tmp_path)) as account:
        error = await purchase(account, make_plan(name, PLATFORMS[name][0], hyperparameters=PLAIN), tag)
    assert (type(error), error.nothing_created) == (Unreachable, True)


async def test_a_proxy_in_the_environment_does_not_stand_before_a_sandbox(
    name: str, world: tuple[Sandbox, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{closed_port()}")
    patient = replace(connected(name, world[1].environ, tmp_path), options={})
    async with opened(name, "ordinary", patient) as account:
        assert await account.jobs() == ()
        assert (await account.complete(PLATFORMS[name][0], (Message("user", "hello"),), Sampling())).text


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
