"""The sandbox tells when a job ends, as the stock SDK can verify: once taken, again if not, and wrong by name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from providers.sandbox import Clock, Sandbox
from providers.sandbox.webhooks import EVENT_TYPES

NewJob = Callable[..., str]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    """Takes deliveries down, and answers as it is told."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def until(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        """Wait for so many deliveries."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.got) >= count, timeout=20), self.got
            return list(self.got)

    def told(self, count: int, secret: str = SECRET) -> list[tuple[str, str]]:
        """The first deliveries as (kind, job), each verified by the stock SDK."""
        with openai.OpenAI(api_key="sk-none", webhook_secret=secret) as client:
            events: list[Any] = [client.webhooks.unwrap(body, headers) for headers, body in self.until(count)]
        return [(event.type, event.data.id) for event in events]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(here.status)
            self.end_headers()
            with here.came:
                here.got.append((dict(self.headers.items()), body))
                here.came.notify_all()

        def log_message(self, *_words: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        here.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        yield here
        server.shutdown()
        thread.join()


@pytest.fixture
def hook(http: httpx.Client, receiver: Receiver) -> dict[str, Any]:
    return http.post("/_sandbox/webhooks", json={"url": receiver.url, "secret": SECRET}).json()  # type: ignore[no-any-return]


def deliveries(http: httpx.Client) -> list[dict[str, Any]]:
    return http.get("/_sandbox/webhooks").json()["deliveries"]  # type: ignore[no-any-return]


def settled(http: httpx.Client, done: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Wait until the sandbox has written down of its deliveries what is waited for."""
    deadline, tick = time.monotonic() + 20, threading.Event()
    while not done(deliveries(http)):
        assert time.monotonic() < deadline, deliveries(http)
        tick.wait(0.01)
    return deliveries(http)


def all_taken(sent: list[dict[str, Any]]) -> bool:
    return bool(sent) and all(item["taken"] for item in sent)


def test_a_job_that_succeeds_is_told_once(
    sandbox: Sandbox, http: httpx.Client, hook: dict[str, Any], receiver: Receiver, new_job: NewJob
) -> None:
    job = new_job()
    sandbox.advance(1000)
    assert receiver.told(1) == [("fine_tuning.job.succeeded", job)]
    settled(http, all_taken)
    sandbox.advance(1000)
    assert [(sent["job"], sent["attempts"]) for sent in settled(http, all_taken)] == [(job, 1)]


def test_a_job_that_fails_and_one_that_is_cancelled_are_told(
    sandbox: Sandbox, client: openai.OpenAI, hook: dict[str, Any], receiver: Receiver, new_job: NewJob
) -> None:
    sandbox.faults.set("job_failed")
    failing = new_job()
    cancelled = new_job()
    client.fine_tuning.jobs.cancel(cancelled)
    sandbox.advance(1000)
    assert set(receiver.told(2)) == {("fine_tuning.job.failed", failing), ("fine_tuning.job.cancelled", cancelled)}


def test_a_job_that_ended_before_the_endpoint_was_made_is_not_told(
    sandbox: Sandbox, http: httpx.Client, receiver: Receiver, new_job: NewJob
) -> None:
    new_job()
    sandbox.advance(1000)
    http.post("/_sandbox/webhooks", json={"url": receiver.url, "secret": SECRET})
    later = new_job()
    sandbox.advance(1000)
    assert [job for _, job in receiver.told(1)] == [later]
    assert [sent["job"] for sent in settled(http, all_taken)] == [later]


def test_what_is_refused_is_sent_again_under_the_same_id(
    sandbox: Sandbox, http: httpx.Client, hook: dict[str, Any], receiver: Receiver, new_job: NewJob
) -> None:
    receiver.status = 503
    new_job()
    sandbox.advance(1000)
    settled(http, lambda sent: [item["attempts"] for item in sent] == [1])
    receiver.status = 204
    sandbox.advance(6)
    assert len(receiver.told(2)) == 2
    assert len({headers["webhook-id"] for headers, _ in receiver.until(2)}) == 1
    assert [sent["attempts"] for sent in settled(http, all_taken)] == [2]


def test_what_nobody_takes_is_given_up_after_days(
    sandbox: Sandbox, http: httpx.Client, hook: dict[str, Any], receiver: Receiver, new_job: NewJob
) -> None:
    receiver.status = 500
    new_job()
    for attempt in range(1, 11):
        sandbox.advance(90_000)
        receiver.until(attempt)
        settled(http, lambda sent, so_far=attempt: sent[0]["attempts"] == so_far)  # type: ignore[misc]
    assert [(sent["attempts"], sent["given_up"]) for sent in deliveries(http)] == [(10, True)]


# ── wrong by name ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_webhook_twice_delivers_the_same_twice(
    sandbox: Sandbox, hook: dict[str, Any], receiver: Receiver, new_job: NewJob
) -> None:
    sandbox.faults.set("webhook_twice")
    new_job()
    sandbox.advance(1000)
    first, second = receiver.until(2)
    assert (first[0]["webhook-id"], first[1]) == (second[0]["webhook-id"], second[1])


@pytest.mark.parametrize("fault", ["webhook_old", "webhook_tampered"])
def test_an_old_and_a_tampered_one_are_refused_by_the_stock_sdk(
    sandbox: Sandbox, hook: dict[str, Any], receiver: Receiver, new_job: NewJob, fault: str
) -> None:
    sandbox.faults.set(fault)
    new_job()
    sandbox.advance(1000)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        receiver.told(1)


def test_webhook_late_lets_a_later_one_overtake_it(
    sandbox: Sandbox, http: httpx.Client, hook: dict[str, Any], receiver: Receiver, new_job: NewJob
) -> None:
    sandbox.faults.set("webhook_late")
    first = new_job()
    sandbox.advance(1000)
    settled(http, bool)
    second = new_job()
    sandbox.advance(59)
    assert [job for _, job in receiver.told(1)] == [second]
    sandbox.advance(2)
    assert [job for _, job in receiver.told(2)] == [second, first]


# ── across restarts ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_not_taken_before_a_restart_is_sent_after_it(
    tmp_path: Path, receiver: Receiver, pairs: Any, chat_file: Any
) -> None:
    clock = Clock(1_795_000_000.0, running=False)
    fields = {"model": "sandbox-small", "method": "supervised", "validation_file": None, "suffix": "", "seed": 7}
    numbers = {"epochs": 2, "batch_size": 8, "rate": 1.0, "evals": None, "request": {}}
    receiver.status = 500
    with Sandbox(tmp_path, clock=clock) as first:
        first.webhooks.add(receiver.url, "one", tuple(EVENT_TYPES.values()), SECRET)
        file = first.files.add("openai", "t.jsonl", "fine-tune", chat_file(pairs)).id
        job = first.create_job("openai", "ftjob-", training_file=file, **fields, **numbers).id
        first.advance(1000)
        receiver.until(1)
    receiver.status = 204
    with Sandbox(tmp_path, clock=Clock(1_795_000_000.0, running=False)) as second:
        second.advance(10)
        assert receiver.told(2)[-1] == ("fine_tuning.job.succeeded", job)


# ── management, with the stock SDK ──────────────────────────────────────────────────────────────────────────────────


def test_the_stock_sdk_makes_lists_changes_tries_and_deletes_an_endpoint(
    client: openai.OpenAI, receiver: Receiver
) -> None:
    made = client.webhooks.create(event_types=["fine_tuning.job.succeeded"], name="mine", url=receiver.url)
    assert [found.id for found in client.webhooks.list()] == [made.id]
    assert client.webhooks.update(made.id, name="ours").name == "ours"
    assert client.webhooks.test(made.id, event_type="fine_tuning.job.failed").status_code == 200
    assert receiver.told(1, made.signing_secret) == [("fine_tuning.job.failed", "ftjob-test")]
    assert client.webhooks.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.webhooks.retrieve(made.id)


@pytest.mark.parametrize("kept", [True, False])
def test_a_rotated_secret_leaves_the_old_one_good_for_a_day_where_it_is_kept(
    client: openai.OpenAI, receiver: Receiver, kept: bool
) -> None:
    made = client.webhooks.create(event_types=["fine_tuning.job.succeeded"], name="mine", url=receiver.url)
    new = client.webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=kept)
    client.webhooks.test(made.id, event_type="fine_tuning.job.failed")
    assert receiver.told(1, new.signing_secret)
    if kept:
        assert receiver.told(1, made.signing_secret)
        return
    with pytest.raises(openai.InvalidWebhookSignatureError):
        receiver.told(1, made.signing_secret)


@pytest.mark.parametrize("url", ["https://example.org/hook", "http://192.0.2.1/hook", "ftp://127.0.0.1/x", "", None])
def test_it_sends_to_this_machine_only(http: httpx.Client, client: openai.OpenAI, url: Any) -> None:
    assert http.post("/_sandbox/webhooks", json={"url": url}).status_code == 400
    with pytest.raises(openai.BadRequestError):
        client.webhooks.create(event_types=["fine_tuning.job.succeeded"], name="n", url=url)


def test_the_secret_is_shown_when_it_is_made_and_never_again(http: httpx.Client, hook: dict[str, Any]) -> None:
    assert hook["secret"] == SECRET
    assert SECRET not in http.get("/_sandbox/webhooks").text
    assert SECRET not in http.get("/openai/v1/webhook_endpoints").text
