"""Answers that no sandbox gives: what other servers, proxies and tomorrow's platforms may say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import respx

import providers
from providers.contract import Connection, Provider, Secret
from providers.errors import CannotTell, NotFound, PlatformFault, ProviderError, RateLimited
from providers.openai import uploads
from providers.records import Message, Plan, ProviderFile, Sampling
from providers.sending import Sizes

pytestmark = pytest.mark.anyio

JOBS = "https://api.openai.com/v1/fine_tuning/jobs"
TUNES = "https://api.together.ai/v1/fine-tunes"
QUESTION = (Message("user", "?", weight=1),)
ANSWER = {
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}


def row(number: int, tag: str | None = None) -> dict[str, Any]:
    metadata = {"tunewright": tag} if tag else None
    return {"id": f"ftjob-{number}", "status": "running", "model": "m", "metadata": metadata, "created_at": number}


@pytest.fixture
def wire() -> Any:
    """A fake at the wire, with no route until a test adds one; what it is not told of fails the test."""
    return respx.MockRouter(assert_all_called=False)


async def account(name: str, wire: Any, **changes: Any) -> AsyncIterator[Provider]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(wire.async_handler)) as http:
        connection = Connection(**{"api_key": Secret("k"), "http": http, **changes})
        async with providers.platform(name).open(connection) as opened:
            yield opened


@pytest.fixture
async def at_openai(wire: Any) -> AsyncIterator[Provider]:
    async for opened in account("openai", wire, organization="org-1", project="proj-1"):
        yield opened


@pytest.fixture
async def at_together(wire: Any) -> AsyncIterator[Provider]:
    async for opened in account("together", wire, project="proj-1"):
        yield opened


async def test_a_server_that_ignores_the_filter_is_read_through(wire: Any, at_openai: Provider, tag: str) -> None:
    pages = {None: [row(9), row(8)], "ftjob-8": [row(7, tag), row(6)], "ftjob-6": []}
    wire.get(JOBS).mock(
        side_effect=lambda request: httpx.Response(
            200, json={"data": pages[request.url.params.get("after")], "has_more": True}
        )
    )
    assert [job.id for job in await at_openai.find(tag)] == ["ftjob-7"]


async def test_a_server_that_refuses_the_filter_is_read_through(wire: Any, at_openai: Provider, tag: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "metadata[tunewright]" in request.url.params:
            return httpx.Response(400, json={"error": {"message": "unknown parameter", "code": None}})
        return httpx.Response(200, json={"data": [row(7, tag)], "has_more": False})

    wire.get(JOBS).mock(side_effect=answer)
    assert [job.id for job in await at_openai.find(tag)] == ["ftjob-7"]


async def test_a_listing_that_repeats_itself_ends(wire: Any, at_openai: Provider) -> None:
    wire.get(JOBS).respond(json={"data": [row(2), row(1)], "has_more": True})
    assert [job.id for job in await at_openai.jobs()] == ["ftjob-2", "ftjob-1"]


async def test_a_listing_without_an_end_never_proves_absence(wire: Any, at_openai: Provider, tag: str) -> None:
    numbers = iter(range(10**6))
    wire.get(JOBS).mock(
        side_effect=lambda request: httpx.Response(200, json={"data": [row(next(numbers))], "has_more": True})
    )
    with pytest.raises(CannotTell):
        await at_openai.find(tag)


@pytest.mark.parametrize("body", [{}, {"error": None}, {"object": "list"}])
async def test_an_answer_that_is_no_listing_never_proves_absence(
    body: dict[str, Any], wire: Any, at_openai: Provider, at_together: Provider, tag: str
) -> None:
    wire.get(JOBS).respond(json=body)
    wire.get(TUNES).respond(json=body)
    for opened in (at_openai, at_together):
        with pytest.raises(PlatformFault):
            await opened.find(tag)


async def test_a_null_listing_is_an_empty_one(wire: Any, at_openai: Provider, at_together: Provider, tag: str) -> None:
    wire.get(JOBS).respond(json={"data": None})
    wire.get(TUNES).respond(json={"data": None})
    assert await at_openai.find(tag) == await at_together.find(tag) == ()


async def test_events_come_oldest_first_over_many_pages(wire: Any, at_openai: Provider) -> None:
    events = [{"id": f"ev-{n}", "created_at": n, "level": "info", "message": str(n)} for n in range(250, 0, -1)]

    def answer(request: httpx.Request) -> httpx.Response:
        after = request.url.params.get("after")
        start = next((n + 1 for n, event in enumerate(events) if event["id"] == after), 0)
        page = events[start : start + 100]
        return httpx.Response(200, json={"data": page, "has_more": start + 100 < len(events)})

    wire.get(f"{JOBS}/ftjob-1/events").mock(side_effect=answer)
    page = await at_openai.events("ftjob-1", "ev-20")
    assert [event.id for event in page.items] == [f"ev-{n}" for n in range(21, 251)]
    assert page.cursor == "ev-250"


async def test_a_deleted_result_file_leaves_the_curve_of_the_events(wire: Any, at_openai: Provider) -> None:
    point = {"id": "e", "created_at": 1, "type": "metrics", "data": {"step": 1, "train_loss": 2.5}}
    wire.get(f"{JOBS}/ftjob-1").respond(json={"id": "ftjob-1", "status": "succeeded", "result_files": ["file-9"]})
    wire.get(f"{JOBS}/ftjob-1/events").respond(json={"data": [point], "has_more": False})
    wire.get(f"{JOBS}/ftjob-1/checkpoints").respond(json={"data": [], "has_more": False})
    wire.get("https://api.openai.com/v1/files/file-9/content").respond(404, json={"error": {"message": "gone"}})
    assert [point.train_loss for point in await at_openai.metrics("ftjob-1")] == [2.5]


async def test_a_page_instead_of_a_job_is_a_fault_and_is_kept(
    wire: Any, at_openai: Provider, at_together: Provider
) -> None:
    wire.get(url__regex=".*").respond(200, html="<html>soon</html>")
    for opened in (at_openai, at_together):
        with pytest.raises(PlatformFault) as fault:
            await opened.job("x")
        assert "soon" in str(fault.value.body)


async def test_a_purchase_follows_no_redirect(
    wire: Any, at_openai: Provider, at_together: Provider, make_plan: Callable[..., Plan], tag: str
) -> None:
    route = wire.post(url__regex=".*").respond(307, headers={"location": "https://elsewhere.example/"})
    for count, (opened, name) in enumerate(((at_openai, "openai"), (at_together, "together")), start=1):
        with pytest.raises(ProviderError) as unclear:
            await opened.create(make_plan(name, "m"), {"train": "file-1"}, tag)
        assert (unclear.value.nothing_created, route.call_count) == (False, count)


async def test_the_account_is_the_connections_and_not_the_environments(
    wire: Any, at_openai: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-of-the-environment")
    route = wire.get(f"{JOBS}/ftjob-1").respond(json=row(1))
    async for opened in account("openai", wire):
        await opened.job("ftjob-1")
    assert "openai-project" not in route.calls.last.request.headers
    await at_openai.job("ftjob-1")
    assert route.calls.last.request.headers["openai-project"] == "proj-1"


async def test_questions_go_where_each_platform_answers_them(
    wire: Any, at_openai: Provider, at_together: Provider
) -> None:
    route = wire.post(url__regex=".*/v1/chat/completions").respond(json=ANSWER)
    hosts = []
    for opened in (at_openai, at_together):
        assert (await opened.complete("m", QUESTION, Sampling())).text == "yes"
        hosts.append(route.calls.last.request.url.host)
    assert hosts == ["api.openai.com", "api-inference.together.ai"]


async def test_a_question_carries_no_training_weight(wire: Any, at_openai: Provider) -> None:
    route = wire.post(url__regex=".*/chat/completions").respond(json=ANSWER)
    await at_openai.complete("m", QUESTION, Sampling(seed=None))
    sent = json.loads(route.calls.last.request.content)
    assert sent == {
        "model": "m",
        "messages": [{"role": "user", "content": "?"}],
        "temperature": 0.0,
        "max_completion_tokens": 256,
    }


async def test_a_refusal_and_tool_calls_are_answers(wire: Any, at_openai: Provider) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "refusal": "no", "tool_calls": [call]}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    wire.post(url__regex=".*").respond(json={**ANSWER, "choices": [choice]})
    answer = await at_openai.complete("m", QUESTION, Sampling(), tools=[{"type": "function"}])
    assert (answer.text, answer.refusal, answer.tool_calls) == ("", "no", (call,))


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": None}, {"choices": [{}]}, []])
async def test_an_answer_without_a_choice_is_a_fault(body: Any, wire: Any, at_openai: Provider) -> None:
    wire.post(url__regex=".*").respond(json=body)
    with pytest.raises(PlatformFault):
        await at_openai.complete("m", QUESTION, Sampling())


def streamed(*chunks: dict[str, Any]) -> str:
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


async def test_streamed_tool_calls_are_put_together(wire: Any, at_openai: Provider) -> None:
    begun = {"index": 0, "id": "c", "function": {"name": "find", "arguments": '{"a"'}}
    going_on = {"index": 0, "function": {"arguments": ": 1}"}}
    body = streamed(delta(tool_calls=[begun]), delta(tool_calls=[going_on]), delta("tool_calls"))
    wire.post(url__regex=".*").respond(content=body, headers={"content-type": "text/event-stream"})
    answer = await at_openai.complete("m", QUESTION, Sampling(stream=True))
    assert answer.tool_calls[0]["function"] == {"name": "find", "arguments": '{"a": 1}'}


async def test_a_stream_that_breaks_off_is_a_fault(wire: Any, at_openai: Provider, at_together: Provider) -> None:
    body = streamed(delta(content="ha"))
    wire.post(url__regex=".*").respond(content=body, headers={"content-type": "text/event-stream"})
    for opened in (at_openai, at_together):
        with pytest.raises(PlatformFault):
            await opened.complete("m", QUESTION, Sampling(stream=True))


async def test_an_error_inside_a_stream_is_named(wire: Any, at_openai: Provider) -> None:
    body = 'data: {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}\n\n'
    wire.post(url__regex=".*").respond(content=body, headers={"content-type": "text/event-stream"})
    with pytest.raises(RateLimited):
        await at_openai.complete("m", QUESTION, Sampling(stream=True))


async def test_a_rate_limit_says_how_long_by_its_reset(wire: Any, at_openai: Provider) -> None:
    headers = {"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"}
    wire.post(url__regex=".*").respond(429, json={"error": {"message": "slow down"}}, headers=headers)
    with pytest.raises(RateLimited) as limited:
        await at_openai.complete("m", QUESTION, Sampling())
    assert at_openai.decide(limited.value).after_s == 360


async def test_a_large_file_is_sent_in_parts(wire: Any, make_file: Callable[..., ProviderFile], tmp_path: Path) -> None:
    file, seen = make_file(providers.platform("openai")), list[tuple[int, int]]()
    base = "https://api.openai.com/v1/uploads"
    wire.post(base).respond(json={"id": "upload-1", "status": "pending"})
    content = file.path.read_bytes()
    pieces = [content[at : at + 2000] for at in range(0, len(content), 2000)]

    def take(request: httpx.Request) -> httpx.Response:
        """Two parts are in flight at once: which of them comes first says nothing."""
        (number,) = (number for number, piece in enumerate(pieces) if piece + b"\r\n--" in request.content)
        return httpx.Response(200, json={"id": f"part-{number}"})

    wire.post(f"{base}/upload-1/parts").mock(side_effect=take)
    done = wire.post(f"{base}/upload-1/complete").respond(json={"id": "upload-1", "file": {"id": "file-1"}})
    async with httpx.AsyncClient(transport=httpx.MockTransport(wire.async_handler)) as http:
        client = openai.AsyncOpenAI(api_key="k", http_client=http, max_retries=0)  # type: ignore[arg-type]
        sent = await uploads.send(client, file, lambda *at: seen.append(at), sizes=Sizes(1000, 2000))
    assert sent["id"] == "file-1"
    assert json.loads(done.calls.last.request.content)["part_ids"] == ["part-0", "part-1", "part-2"]
    assert seen[-1] == (file.size, file.size)


async def test_data_is_sent_nowhere_when_the_platform_names_no_place(
    wire: Any, at_together: Provider, make_file: Callable[..., ProviderFile]
) -> None:
    wire.post("https://api.together.ai/v1/files").respond(200, html="<html>soon</html>")
    elsewhere = wire.put(url__regex=".*").respond(200)
    with pytest.raises(PlatformFault):
        await at_together.upload(make_file(providers.platform("together")))
    assert not elsewhere.called


async def test_a_model_that_is_not_tunable_is_a_problem_and_no_error(
    wire: Any, at_together: Provider, make_plan: Callable[..., Plan]
) -> None:
    wire.get(url__regex=".*/limits.*").respond(400, json={"error": {"message": "not supported for fine-tuning"}})
    assert "not supported" in (await at_together.preflight(make_plan("together", "m"))).problems[0]


async def test_at_the_platforms_own_host_our_dated_facts_fill_what_it_does_not_say(
    wire: Any, at_openai: Provider, make_plan: Callable[..., Plan]
) -> None:
    wire.get(url__regex=".*/models/.*").respond(json={"id": "gpt-4.1-mini-2025-04-14"})
    wire.get(JOBS).respond(json={"data": [row(1)]})
    found = await at_openai.preflight(make_plan())
    assert str(found.shutdown) == "2027-01-14"
    assert len(found.warnings) == 1


async def test_an_account_that_never_tuned_is_warned_before_anything_is_uploaded(
    wire: Any, at_openai: Provider, make_plan: Callable[..., Plan]
) -> None:
    wire.get(url__regex=".*/models/.*").respond(json={"id": "m", "shutdown_date": None})
    wire.get(JOBS).respond(json={"data": []})
    assert "2026-05-07" in (await at_openai.preflight(make_plan(model="m"))).warnings[-1]


async def test_at_another_host_only_that_host_counts(wire: Any, make_plan: Callable[..., Plan]) -> None:
    wire.get(url__regex=".*/models/.*").respond(json={"id": "gpt-4.1-mini-2025-04-14"})
    async for opened in account("openai", wire, base_url="https://elsewhere.example/v1"):
        assert (await opened.preflight(make_plan())).shutdown is None


async def test_a_lost_reply_to_the_rental_is_in_doubt_but_not_what_came_before(
    wire: Any, at_together: Provider, tag: str
) -> None:
    project = "https://api.together.ai/v2/projects/proj-1"
    wire.get(url__regex=".*/inference-instance-types").respond(json={"data": [], "object": "list"})
    wire.get(url__regex=f"{project}/models.*").respond(json={"id": "ml_1", "name": "p/x", "projectId": "proj-1"})
    wire.get(url__regex=".*/configs.*").respond(json={"data": []})
    wire.get(url__regex=f"{project}/endpoints.*").respond(json={"data": []})
    endpoint = wire.post(f"{project}/endpoints").respond(500)
    deployments = wire.post(f"{project}/endpoints/ep_1/deployments").respond(500)
    with pytest.raises(ProviderError) as before:
        await at_together.serve("ml_1", tag, 1800)
    endpoint.respond(json={"id": "ep_1", "name": tag})
    with pytest.raises(ProviderError) as unclear:
        await at_together.serve("ml_1", tag, 1800)
    assert (before.value.nothing_created, unclear.value.nothing_created) == (True, False)
    assert deployments.call_count == 1


async def test_a_deletion_refused_for_another_reason_than_stopping_is_told(wire: Any, at_together: Provider) -> None:
    endpoint = "https://api.together.ai/v2/projects/proj-1/endpoints/ep_1"
    wire.get(endpoint).respond(json={"id": "ep_1", "name": "tw-x", "deployments": []})
    wire.delete(endpoint).respond(400, json={"error": {"message": "it has a deployment that you do not see"}})
    with pytest.raises(ProviderError, match="do not see"):
        await at_together.teardown("ep_1")


async def test_what_is_not_offered_is_refused_without_a_request(at_openai: Provider, at_together: Provider) -> None:
    for request in (at_openai.serve("m", "t", 1), at_together.pause("j"), at_together.resume("j")):
        with pytest.raises(ProviderError) as refused:
            await request
        assert refused.value.nothing_created
    with pytest.raises(NotFound):
        await at_openai.lease("x")
    assert await at_openai.find_leases("tw-") == ()
    await at_openai.teardown("x")


async def test_the_sdks_left_alone_would_have_bought_three_times(wire: Any) -> None:
    """The reason for sending by ourselves; if it ever fails, the SDKs have changed."""
    route = wire.post(url__regex=".*").respond(500, headers={"retry-after-ms": "1", "retry-after": "0.001"})
    async with httpx.AsyncClient(transport=httpx.MockTransport(wire.async_handler)) as http:
        client = openai.AsyncOpenAI(api_key="k", http_client=http)  # type: ignore[arg-type]
        with pytest.raises(openai.InternalServerError):
            await client.fine_tuning.jobs.create(model="m", training_file="file-1")
    assert route.call_count == 3
