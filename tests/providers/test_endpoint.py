"""A server known by its URL alone: asked through the SDK over real HTTP, and nothing else. Recorded answers too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import providers
from providers.contract import Provider, Secret
from providers.errors import Auth, NotFound, Unsupported
from providers.records import Capability, Hyperparameters, Message, Method, Sampling

pytest.importorskip("starlette")
from providers.sandbox import RunningSandbox, Sandbox, serve

pytestmark = pytest.mark.anyio
ASK = (Message("system", "Answer with one label: lost_card, refund"), Message("user", "I think my card is lost"))
MODEL, KEY = "gpt-4.1-mini-2025-04-14", "sk-sandbox-canary-0123456789"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with Sandbox(None, pace_s=0) as sandbox, serve(sandbox) as served:
        yield served


@pytest.fixture
async def server(running: RunningSandbox, tmp_path: Path) -> AsyncIterator[Provider]:
    platform = providers.platform(running.openai_base_url)
    connection = replace(platform.connection({}, None, tmp_path), api_key=Secret(KEY))
    async with platform.open(connection) as provider:
        yield provider


@pytest.mark.parametrize("stream", [False, True])
async def test_it_answers_with_tokens_and_times(server: Provider, stream: bool) -> None:
    said = await server.complete(MODEL, ASK, Sampling(max_tokens=8, stream=stream))
    assert (said.text, said.finish_reason) == ("lost_card", "stop")
    assert said.input_tokens
    assert said.latency_s > 0
    assert (said.first_token_s is not None) is stream


async def test_the_longest_answer_is_named_as_every_such_server_knows_it(server: Provider, running: Any) -> None:
    said = await server.complete(MODEL, ASK, Sampling(max_tokens=1))
    assert said.finish_reason == "length"


async def test_nothing_can_be_bought_there(server: Provider, make_plan: Callable[..., Any], tag: str) -> None:
    with pytest.raises(Unsupported) as refused:
        await server.create(make_plan(), {"train": "file-1"}, tag)
    assert refused.value.nothing_created
    assert (await server.preflight(make_plan())).problems
    assert (await server.find(tag), await server.jobs(), await server.models()) == ((), (), ())


async def test_a_refused_key_says_where_one_is_named_and_shows_none(running: RunningSandbox, tmp_path: Path) -> None:
    platform = providers.platform(running.openai_base_url)
    connection = replace(platform.connection({}, None, tmp_path), api_key=Secret("wrong-canary-0123456789"))
    async with platform.open(connection) as provider:
        with pytest.raises(Auth) as refused:
            await provider.complete(MODEL, ASK, Sampling())
    assert "[evaluation.endpoint_keys]" in (refused.value.fix or "")
    assert "canary" not in str(refused.value)


def test_a_loopback_server_is_no_money_and_another_is(tmp_path: Path) -> None:
    here, there = "http://127.0.0.1:8000/v1", "https://llm.example.com/v1"
    money = [not providers.platform(url).connection({}, None, tmp_path).is_sandbox for url in (here, there)]
    assert money == [False, True]


@pytest.mark.parametrize("url", ["ftp://host/v1", "http://", "http://host:port/v1", "http://host:99999/v1"])
def test_what_is_no_server_is_not_found(url: str) -> None:
    with pytest.raises(NotFound, match="not the URL of a server"):
        providers.platform(url)


@pytest.mark.parametrize("url", ["http://me:secret@host/v1", "https://host/v1?key=abc"])
def test_a_url_that_may_hold_a_secret_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(NotFound, match="kept in the ledger") as refused:
        providers.platform(url)
    assert "secret" not in f"{refused.value} {refused.value.fix}"


@pytest.mark.parametrize("name", ["http://127.0.0.1:8000/v1", "answers"])
def test_every_capability_is_no_with_its_reason(name: str) -> None:
    told = providers.platform(name).capabilities(date(2026, 11, 22))
    assert set(told) == set(Capability)
    assert all(support.answer == "no" and support.reason for support in told.values())


@pytest.mark.parametrize("name", ["http://127.0.0.1:8000/v1", "answers"])
def test_what_is_about_training_is_refused_by_reason(name: str) -> None:
    platform = providers.platform(name)
    for ask in (
        lambda: platform.recipe("m", Method.SFT, Hyperparameters(), 10, 0),
        lambda: platform.dialect(Method.SFT),
        lambda: platform.requests(None, (), "tw-x"),  # type: ignore[arg-type]
        platform.settling,
    ):
        with pytest.raises(Unsupported, match=r"train|model behind|jobs need"):
            ask()


async def test_recorded_answers_answer_no_new_question(tmp_path: Path) -> None:
    platform = providers.platform("answers")
    async with platform.open(platform.connection({}, None, tmp_path)) as provider:
        with pytest.raises(Unsupported, match="no model behind them"):
            await provider.complete("m", ASK, Sampling())


def test_neither_is_a_name_to_train_at() -> None:
    assert not {"answers", "http"} & set(providers.platform_names())
