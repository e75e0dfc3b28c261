"""Batches through the real SDKs against the sandbox: one promise for both platforms wherever both can keep it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

import providers
import providers.errors
from providers.batches import BatchAnswer, BatchState, RemoteBatch, answer_line
from providers.contract import Provider
from providers.errors import CannotTell, InvalidData, NotFound, PlatformFault, Unreachable
from providers.openai import batches as openai_batches
from providers.records import Capability, Example, Hyperparameters, Message, Method, PriceItem, ProviderFile, Sampling

pytest.importorskip("starlette")
from providers.sandbox import RunningSandbox, Sandbox, serve
from providers.sandbox.clock import Clock

pytestmark = pytest.mark.anyio

MODELS = {"openai": "gpt-4.1-mini-2025-04-14", "together": "Qwen/Qwen3-8B"}
NOW = 1_795_000_000.0


@pytest.fixture(params=sorted(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(None, clock=Clock(NOW, running=False), pace_s=10) as world:
        yield world


@pytest.fixture
def served(sandbox: Sandbox) -> Iterator[RunningSandbox]:
    with serve(sandbox) as running:
        yield running


@pytest.fixture
async def provider(served: RunningSandbox, name: str, tmp_path: Path) -> AsyncIterator[Provider]:
    platform = providers.platform(name)
    async with platform.open(platform.connection(served.environ, None, tmp_path)) as account:
        yield account


@pytest.fixture
def input_file(tmp_path: Path, name: str, tag: str) -> Callable[..., ProviderFile]:
    """Six questions; every id carries the tag."""

    def make(mark: str = tag, rows: int = 6) -> ProviderFile:
        platform = providers.platform(name)
        lines = [
            platform.batch_line(f"{mark}.{number}.0", MODELS[name], _example(number), Sampling(stream=True))
            for number in range(rows)
        ]
        data = b"".join(lines)
        digest = sha256(data).hexdigest()
        file = ProviderFile(tmp_path / f"tw-{digest[:24]}.jsonl", digest, len(data), rows, "batch", "batch")
        file.path.write_bytes(data)
        return file

    return make


def _example(number: int) -> Example:
    system = Message("system", "Answer with one label: lost_card, refund")
    return Example((system, Message("user", f"my card is lost {number}"), Message("assistant", "lost_card")))


@pytest.fixture
async def bought(provider: Provider, input_file: Callable[..., ProviderFile], tag: str) -> RemoteBatch:
    return await provider.create_batch((await provider.upload(input_file())).id, tag)


async def answers(provider: Provider, batch: RemoteBatch) -> dict[str, BatchAnswer]:
    return {line.custom_id: line async for line in provider.batch_output(batch)}


async def test_every_question_of_a_batch_is_answered_with_its_tokens(
    provider: Provider, bought: RemoteBatch, sandbox: Sandbox, tag: str
) -> None:
    assert bought.state is BatchState.VALIDATING
    sandbox.advance(3600)
    batch = await provider.batch(bought.id)
    found = await answers(provider, batch)
    assert batch.state is BatchState.COMPLETED
    assert set(found) == {f"{tag}.{number}.0" for number in range(6)}
    assert all(line.completion and line.completion.text and line.completion.output_tokens for line in found.values())


async def test_a_batch_passes_through_neutral_states(provider: Provider, bought: RemoteBatch, sandbox: Sandbox) -> None:
    sandbox.advance(5)
    assert (await provider.batch(bought.id)).state is BatchState.RUNNING
    assert not (await provider.batch(bought.id)).ended
    sandbox.advance(3600)
    assert (await provider.batch(bought.id)).ended


async def test_a_batch_is_found_by_tag_and_file_and_no_other_is(
    provider: Provider, bought: RemoteBatch, input_file: Callable[..., ProviderFile], tag: str
) -> None:
    other = await provider.upload(input_file("tw-" + "z" * 16))
    await provider.create_batch(other.id, "tw-" + "z" * 16)
    found = await provider.find_batches(tag, bought.input_file)
    assert [batch.id for batch in found] == [bought.id]


async def test_an_input_file_is_found_again_by_its_bytes(
    provider: Provider, input_file: Callable[..., ProviderFile]
) -> None:
    assert await provider.find_file(input_file()) is None
    sent = await provider.upload(input_file())
    found = await provider.find_file(input_file())
    assert found is not None
    assert (sent.state, found.id, found.state) == ("ready", sent.id, "ready")


@pytest.mark.parametrize("name", ["together"], indirect=True)
async def test_without_a_file_together_cannot_tell(provider: Provider, tag: str) -> None:
    with pytest.raises(CannotTell):
        await provider.find_batches(tag, None)


async def test_a_lost_reply_is_in_doubt_and_the_batch_is_there(
    provider: Provider, input_file: Callable[..., ProviderFile], sandbox: Sandbox, served: RunningSandbox, tag: str
) -> None:
    file = await provider.upload(input_file())
    sandbox.faults.set("lost_reply", method="POST", path="/batches$")
    with pytest.raises(Unreachable) as lost:
        await provider.create_batch(file.id, tag)
    assert not lost.value.nothing_created
    assert len(await provider.find_batches(tag, file.id)) == 1
    async with httpx.AsyncClient(trust_env=False, verify=False) as plain:
        asked = (await plain.get(f"{served.url}/_sandbox/requests")).json()["requests"]
    assert [row["count"] for row in asked if row["method"] == "POST" and row["path"].endswith("/batches")] == [1]


@pytest.mark.parametrize(("fault", "proved"), [("server_error", False), ("rate_limit", True), ("html", False)])
async def test_only_a_refusal_proves_that_nothing_was_bought(
    provider: Provider, input_file: Callable[..., ProviderFile], sandbox: Sandbox, tag: str, fault: str, proved: bool
) -> None:
    file = await provider.upload(input_file())
    sandbox.faults.set(fault, method="POST", path="/batches$")
    with pytest.raises(providers.errors.ProviderError) as failed:
        await provider.create_batch(file.id, tag)
    assert failed.value.nothing_created is proved


async def test_an_expired_batch_gives_what_was_answered(
    provider: Provider, input_file: Callable[..., ProviderFile], sandbox: Sandbox, tag: str
) -> None:
    sandbox.faults.set("batch_expired")
    bought = await provider.create_batch((await provider.upload(input_file())).id, tag)
    sandbox.advance(25 * 3600)
    batch = await provider.batch(bought.id)
    found = await answers(provider, batch)
    assert batch.state is BatchState.EXPIRED
    assert sum(line.completion is not None for line in found.values()) == 3
    if provider.platform.name == "openai":
        assert {(line.error or "").split(":")[0] for line in found.values()} == {"", "batch_expired"}


async def test_a_request_that_fails_says_why(
    provider: Provider, input_file: Callable[..., ProviderFile], sandbox: Sandbox, tag: str
) -> None:
    sandbox.faults.set("batch_rows_fail")
    bought = await provider.create_batch((await provider.upload(input_file())).id, tag)
    sandbox.advance(3600)
    found = await answers(provider, await provider.batch(bought.id))
    assert sorted(line.custom_id for line in found.values() if line.error) == [f"{tag}.2.0", f"{tag}.5.0"]
    assert found[f"{tag}.2.0"].error == "server_error: The server had an error while processing your request."


async def test_a_cancelled_batch_ends_as_cancelled(provider: Provider, bought: RemoteBatch, sandbox: Sandbox) -> None:
    sandbox.advance(5)
    await provider.cancel_batch(bought.id)
    sandbox.advance(3600)
    batch = await provider.batch(bought.id)
    assert batch.state is BatchState.CANCELLED
    assert 0 < sum(line.completion is not None for line in (await answers(provider, batch)).values()) < 6


async def test_an_input_that_is_refused_fails_with_its_reason(
    provider: Provider, input_file: Callable[..., ProviderFile], sandbox: Sandbox, tag: str, tmp_path: Path
) -> None:
    twice = input_file().path.read_bytes() * 2
    digest = sha256(twice).hexdigest()
    file = ProviderFile(tmp_path / f"tw-{digest[:24]}.jsonl", digest, len(twice), 12, "batch", "batch")
    file.path.write_bytes(twice)
    bought = await provider.create_batch((await provider.upload(file)).id, tag)
    sandbox.advance(3600)
    batch = await provider.batch(bought.id)
    assert (batch.state, "repeats the custom_id" in (batch.error or "")) == (BatchState.FAILED, True)
    assert await answers(provider, batch) == {}


async def test_a_file_that_is_none_is_refused_before_anything_is_bought(provider: Provider, tag: str) -> None:
    with pytest.raises(InvalidData) as refused:
        await provider.create_batch("file-nowhere", tag)
    assert refused.value.nothing_created
    with pytest.raises(NotFound):
        await provider.batch("batch_nowhere")


def test_a_line_asks_as_a_question_does_but_is_never_streamed(name: str) -> None:
    line = json.loads(providers.platform(name).batch_line("id", MODELS[name], _example(1), Sampling(stream=True)))
    assert not {"stream", "stream_options"} & line["body"].keys()
    assert line["body"]["messages"][-1] == {"role": "user", "content": "my card is lost 1"}
    assert ("url" in line) is (name == "openai")


def test_a_torn_line_is_a_fault_and_one_without_an_answer_says_so() -> None:
    for line in ('{"custom_id": "a", "resp', "[]", '{"custom_id": 3}'):
        with pytest.raises(PlatformFault):
            answer_line(line)
    for told in ({"response": None}, {"response": {"status_code": 200, "body": {}}}, {"error": "gone"}):
        assert answer_line(json.dumps({"custom_id": "a", **told})).error


def test_an_unknown_status_stays_visible() -> None:
    batch = openai_batches.batch({"id": "b", "status": "reticulating"})
    assert (batch.state, batch.label, batch.ended) == (BatchState.UNKNOWN, "unknown(reticulating)", False)


def test_limits_and_prices_are_dated_facts(name: str) -> None:
    platform = providers.platform(name)
    limits = platform.batch_limits()
    assert limits is not None
    assert (limits.requests, limits.size) == (50_000, {"openai": 200_000_000, "together": 100_000_000}[name])
    assert limits.source
    assert platform.capabilities(date(2026, 11, 25))[Capability.BATCH]


def test_a_batch_price_is_what_is_told_and_not_half() -> None:
    rows = providers.platform("openai").prices("gpt-4o-2024-08-06", Method.SFT, Hyperparameters())
    usd = {row.item: row.usd for row in rows}
    assert (usd[PriceItem.TUNED_INPUT], usd[PriceItem.TUNED_BATCH_INPUT]) == (Decimal("3.75"), Decimal("2.225"))
    known = providers.platform("together").prices("Qwen/Qwen3.5-9B", Method.SFT, Hyperparameters())
    assert PriceItem.BATCH_INPUT not in {row.item for row in known}
