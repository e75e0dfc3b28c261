"""The receiver over real HTTP: what is signed wakes its job, anything else is answered in a word and leaves nothing."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
import sqlalchemy as sa

from orchestrator.jobs.submit import Order, submit
from orchestrator.jobs.webhook_server import Rate, serve
from orchestrator.jobs.webhooks import Serving, senders
from orchestrator.ledger import Arrival, schema
from providers.contract import Secret
from providers.errors import Auth
from providers.webhooks import MAX_BODY_BYTES, signature

pytestmark = pytest.mark.anyio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRON = {"OPENAI_WEBHOOK_SECRET": SECRET}
PATH = "/webhooks/openai"


@pytest.fixture
async def bought(bench: Any, world: Any, make_order: Callable[..., Order]) -> Any:
    async with world.open("openai") as account:
        await submit(bench.desk, account, make_order("openai"))
    return bench


@pytest.fixture
async def listen() -> AsyncIterator[Callable[..., Any]]:
    """Starts the server on a desk; answers a client of it."""
    async with anyio.create_task_group() as group, httpx.AsyncClient(trust_env=False, verify=False) as client:

        async def start(desk: Any, **limits: Any) -> httpx.AsyncClient:
            here: list[Serving] = []
            listening = anyio.Event()

            def ready(serving: Serving) -> None:
                here.append(serving)
                listening.set()

            async def run() -> None:
                await serve(desk, senders(ENVIRON), "127.0.0.1", 0, ready, **limits)

            group.start_soon(run)
            await listening.wait()
            client.base_url = httpx.URL(here[0].url)
            return client

        yield start
        group.cancel_scope.cancel()


@pytest.fixture
async def http(bought: Any, listen: Callable[..., Any]) -> httpx.AsyncClient:
    return await listen(bought.desk)  # type: ignore[no-any-return]


def event(job: str, kind: str = "fine_tuning.job.succeeded") -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"id": job}}).encode()


def signed(clock: Any, body: bytes, id: str = "msg_1", late_s: float = 0) -> dict[str, str]:
    at = int((clock.now() - timedelta(seconds=late_s)).timestamp())
    signatures = signature(Secret(SECRET), id, at, body)
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signatures}


def kinds(bench: Any) -> list[str]:
    return [entry.kind for entry in bench.ledger.intents.history(bench.intent.id)]


def due(bench: Any) -> list[str]:
    with bench.ledger._engine.connect() as connection:
        return list(connection.execute(sa.select(schema.watched.c.next_at)).scalars())


async def test_a_signed_webhook_wakes_its_job_and_is_answered_with_nothing(
    bought: Any, http: httpx.AsyncClient, clock: Any
) -> None:
    clock.pass_by(7)
    body = event(bought.intent.job_id)
    answer = await http.post(PATH, content=body, headers=signed(clock, body))
    assert (answer.status_code, answer.content) == (204, b"")
    assert due(bought) == [clock.now().isoformat(timespec="microseconds")]
    assert bought.intent.job.state.value != "succeeded"


async def test_a_repeated_webhook_is_taken_in_once(bought: Any, http: httpx.AsyncClient, clock: Any) -> None:
    body = event(bought.intent.job_id)
    answers = [await http.post(PATH, content=body, headers=signed(clock, body)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 204]
    assert kinds(bought).count("webhook") == 1


@pytest.mark.parametrize("body", [event("ftjob-of-somebody-else"), event("x", "batch.completed"), b"{}"])
async def test_what_is_signed_and_not_about_our_jobs_is_accepted_and_forgotten(
    bought: Any, http: httpx.AsyncClient, clock: Any, body: bytes
) -> None:
    before = (kinds(bought), due(bought))
    assert (await http.post(PATH, content=body, headers=signed(clock, body))).status_code == 204
    assert (kinds(bought), due(bought), bought.ledger.deliveries.count()) == (*before, 0)


def _late(headers: Callable[..., Mapping[str, str]], body: bytes) -> tuple[Any, bytes]:
    return headers(body, late_s=301), body


def _early(headers: Callable[..., Mapping[str, str]], body: bytes) -> tuple[Any, bytes]:
    return headers(body, late_s=-301), body


def _changed(headers: Callable[..., Mapping[str, str]], body: bytes) -> tuple[Any, bytes]:
    return headers(body), body + b" "


def _unsigned(_headers: Callable[..., Mapping[str, str]], body: bytes) -> tuple[Any, bytes]:
    return {}, body


def _no_json(headers: Callable[..., Mapping[str, str]], _body: bytes) -> tuple[Any, bytes]:
    return headers(b"{"), b"{"


def _too_large(headers: Callable[..., Mapping[str, str]], body: bytes) -> tuple[Any, bytes]:
    large = body + b" " * MAX_BODY_BYTES
    return headers(large), large


@pytest.mark.parametrize(
    ("made", "status", "word"),
    [
        (_late, 401, "not accepted"),
        (_early, 401, "not accepted"),
        (_changed, 401, "not accepted"),
        (_unsigned, 400, "not a webhook"),
        (_no_json, 400, "not a webhook"),
        (_too_large, 413, "too large"),
    ],
)
async def test_anything_else_is_refused_in_a_word_and_leaves_nothing(
    bought: Any, http: httpx.AsyncClient, clock: Any, made: Callable[..., Any], status: int, word: str
) -> None:
    before = (kinds(bought), due(bought))
    headers, body = made(lambda sent, **when: signed(clock, sent, **when), event(bought.intent.job_id))
    answer = await http.post(PATH, content=body, headers=headers)
    assert (answer.status_code, answer.text.strip()) == (status, word)
    assert (kinds(bought), due(bought), bought.ledger.deliveries.count()) == (*before, 0)


async def test_a_body_that_is_sent_on_and_on_is_cut_off(http: httpx.AsyncClient, clock: Any) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    answer = await http.post(PATH, content=endless(), headers=signed(clock, b""))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/webhooks/together", 404), ("POST", "/webhooks/nobody", 404), ("GET", PATH, 405), ("GET", "/", 404)],
)
async def test_other_paths_and_methods_are_not_there(
    http: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    assert (await http.request(method, path)).status_code == status


async def test_neither_body_nor_signature_is_logged(
    bought: Any, http: httpx.AsyncClient, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = event(bought.intent.job_id)
    headers = signed(clock, body)
    for sent in (body, body + b" "):
        await http.post(PATH, content=sent, headers=headers)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    told = "\n".join([*ours, *(notice.text for notice in bought.told)])
    assert [word for word in (SECRET, headers["webhook-signature"], "data") if word in told] == []


async def test_who_sends_too_fast_is_told_so(bought: Any, listen: Callable[..., Any], clock: Any) -> None:
    http = await listen(bought.desk, rate=Rate(per_s=0.001, burst=2))
    body = event(bought.intent.job_id)
    answers = [await http.post(PATH, content=body, headers=signed(clock, body)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert answers[-1].headers["retry-after"] == "1"


def test_the_rate_is_counted_by_source_and_comes_back_with_time() -> None:
    now = [0.0]
    rate = Rate(per_s=2, burst=3, now_s=lambda: now[0])
    assert [rate.allows("a") for _ in range(4)] == [True, True, True, False]
    assert rate.allows("b")
    now[0] = 1.0
    assert [rate.allows("a") for _ in range(3)] == [True, True, False]


def test_a_crowd_of_sources_takes_no_memory_for_ever() -> None:
    rate = Rate()
    for number in range(3000):
        rate.allows(str(number))
    assert len(rate._left) == 1000


async def test_a_body_that_does_not_come_is_not_waited_for(bought: Any, listen: Callable[..., Any]) -> None:
    http = await listen(bought.desk, body_s=0.05)
    said = await anyio.to_thread.run_sync(_half_a_request, str(http.base_url), 4096)
    assert said.startswith(b"HTTP/1.1 408")


async def test_a_sender_that_leaves_breaks_nothing(http: httpx.AsyncClient) -> None:
    await anyio.to_thread.run_sync(_half_a_request, str(http.base_url), 0)
    assert (await http.get("/healthz")).text.strip() == "ok"


def _half_a_request(url: str, read: int) -> bytes:
    """A POST whose body never comes; leaves at once, or waits for an answer."""
    where = urlsplit(url)
    with socket.create_connection((str(where.hostname), where.port or 0), timeout=10) as sent:
        sent.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{".encode())
        return sent.recv(read) if read else b""


@pytest.mark.sqlite_only
async def test_a_ledger_that_cannot_be_written_asks_for_another_delivery(
    bought: Any, http: httpx.AsyncClient, clock: Any
) -> None:
    engine, body = bought.ledger._engine, event(bought.intent.job_id)
    engine.dispose()
    sa.event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA query_only=ON"))
    answer = await http.post(PATH, content=body, headers=signed(clock, body))
    assert (answer.status_code, answer.text.strip()) == (503, "try again")


async def test_the_port_is_free_again_once_it_is_stopped(bench: Any) -> None:
    async def once(port: int) -> int:
        here: list[Serving] = []
        async with anyio.create_task_group() as group:

            def ready(serving: Serving) -> None:
                here.append(serving)
                group.cancel_scope.cancel()

            await serve(bench.desk, senders(ENVIRON), "127.0.0.1", port, ready)
        return urlsplit(here[0].url).port or 0

    port = await once(0)
    assert await once(port) == port


# ── as a library ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_backend_with_a_server_of_its_own_hands_deliveries_in(
    bought: Any, tmp_path: Any, clock: Any, environ_of: Any
) -> None:
    from orchestrator import AsyncOrchestrator

    environ = ENVIRON | environ_of(tmp_path / "home")
    library = AsyncOrchestrator(tmp_path / "home", environ=environ, clock=clock)
    body = event(bought.intent.job_id)
    assert await library.webhooks.receive("openai", signed(clock, body), body) is Arrival.LOOKING
    assert await library.webhooks.receive("openai", signed(clock, body), body) is Arrival.REPEATED
    with pytest.raises(Auth):
        await library.webhooks.receive("openai", signed(clock, body), body + b" ")
    library.session.desk.ledger.close()
