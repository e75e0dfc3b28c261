"""Each fault, switched on by name, does what it says to stock clients."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import together

from providers.sandbox import FAULTS, Faults, Sandbox

NewJob = Callable[..., str]
Ask = Callable[[str], Any]
CREATE = "/openai/v1/fine_tuning/jobs"


def jobs(sandbox: Sandbox) -> int:
    return len(sandbox.book.views("openai"))


def test_rate_limit_answers_429_with_retry_after_as_often_as_told(sandbox: Sandbox, client: openai.OpenAI) -> None:
    sandbox.faults.set("rate_limit", count=2, seconds=3)
    for _ in range(2):
        with pytest.raises(openai.RateLimitError) as refused:
            client.models.list()
        assert refused.value.response.headers["retry-after"] == "3"
    assert client.models.list().data


def test_server_error_answers_500_and_creates_nothing(sandbox: Sandbox, new_job: NewJob) -> None:
    sandbox.faults.set("server_error", path="jobs$")
    with pytest.raises(openai.InternalServerError):
        new_job()
    assert jobs(sandbox) == 0


def test_server_error_may_come_after_the_job_was_created(sandbox: Sandbox, new_job: NewJob) -> None:
    sandbox.faults.set("server_error", path="jobs$", processed=True)
    with pytest.raises(openai.InternalServerError):
        new_job()
    assert jobs(sandbox) == 1


def test_bad_gateway_answers_502_in_html(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults.set("bad_gateway")
    answer = http.get("/together/v1/files")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")


def test_slow_processes_the_request_even_when_the_client_has_left(
    sandbox: Sandbox, client: openai.OpenAI, new_job: NewJob
) -> None:
    file = client.files.create(file=("t.jsonl", b"{}\n"), purpose="fine-tune")
    sandbox.faults.set("slow", path="jobs$", seconds=0.4)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.2).fine_tuning.jobs.create(model="sandbox-small", training_file=file.id)
    assert jobs(sandbox) == 0
    _until(lambda: jobs(sandbox) == 1)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline


def test_reset_cuts_the_connection_before_anything_is_created(sandbox: Sandbox, new_job: NewJob) -> None:
    sandbox.faults.set("reset", path="jobs$")
    with pytest.raises(openai.APIConnectionError):
        new_job()
    assert jobs(sandbox) == 0


def test_lost_reply_creates_the_job_and_says_nothing(sandbox: Sandbox, new_job: NewJob) -> None:
    sandbox.faults.set("lost_reply", path="jobs$")
    with pytest.raises(openai.APIConnectionError):
        new_job()
    assert jobs(sandbox) == 1


@pytest.mark.parametrize("value", ["framed", "cut"])
def test_truncated_creates_the_job_and_tears_the_answer(sandbox: Sandbox, new_job: NewJob, value: str) -> None:
    sandbox.faults.set("truncated", path="jobs$", value=value)
    with pytest.raises((ValueError, openai.APIConnectionError)):
        new_job()
    assert jobs(sandbox) == 1


def test_html_answers_200_with_a_page(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults.set("html")
    answer = http.get("/openai/v1/models")
    assert answer.status_code == 200
    assert answer.text.startswith("<!doctype html>")


def test_training_not_available_answers_403_at_create_only(
    sandbox: Sandbox, client: openai.OpenAI, new_job: NewJob
) -> None:
    sandbox.faults.set("training_not_available")
    assert client.models.list().data
    with pytest.raises(openai.PermissionDeniedError) as refused:
        new_job()
    assert refused.value.code == "training_not_available"


def test_insufficient_quota_is_named(sandbox: Sandbox, new_job: NewJob) -> None:
    sandbox.faults.set("insufficient_quota")
    with pytest.raises(openai.RateLimitError) as refused:
        new_job()
    assert refused.value.code == "insufficient_quota"


def test_insufficient_quota_on_the_other_wire_is_402(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.faults.set("insufficient_quota")
    assert http.post("/together/v1/fine-tunes", json={}).status_code == 402


def test_duplicate_delivery_creates_the_job_twice(sandbox: Sandbox, new_job: NewJob) -> None:
    sandbox.faults.set("duplicate_delivery")
    new_job()
    assert jobs(sandbox) == 2


def test_stuck_queue_keeps_the_job_queued(sandbox: Sandbox, client: openai.OpenAI, new_job: NewJob) -> None:
    sandbox.faults.set("stuck_queue", seconds=5000)
    id = new_job()
    sandbox.advance(4000)
    assert client.fine_tuning.jobs.retrieve(id).status == "queued"
    sandbox.advance(2000)
    assert client.fine_tuning.jobs.retrieve(id).status == "succeeded"


def test_unknown_status_shows_for_as_many_reads_as_told(
    sandbox: Sandbox, client: openai.OpenAI, new_job: NewJob
) -> None:
    id = new_job()
    sandbox.faults.set("unknown_status", count=1)
    assert str(client.fine_tuning.jobs.retrieve(id).status) == "reticulating"
    assert client.fine_tuning.jobs.retrieve(id).status == "validating_files"


def test_list_lag_hides_a_new_job_from_lists_but_not_by_id(
    sandbox: Sandbox, client: openai.OpenAI, new_job: NewJob
) -> None:
    sandbox.faults.set("list_lag", seconds=30)
    id = new_job(metadata={"k": "v"})
    assert client.fine_tuning.jobs.list(metadata={"k": "v"}).data == []
    assert client.fine_tuning.jobs.retrieve(id).id == id
    sandbox.advance(31)
    assert [job.id for job in client.fine_tuning.jobs.list(metadata={"k": "v"}).data] == [id]


def test_lease_lag_hides_a_new_endpoint_and_its_deployment_from_lists_but_not_by_id(
    sandbox: Sandbox, tog: together.Together
) -> None:
    sandbox.faults.set("lease_lag", seconds=30)
    endpoint = tog.endpoints.create(name="tw-desk")
    assert [tog.endpoints.retrieve(endpoint.id).id, *tog.endpoints.list()] == [endpoint.id]
    sandbox.advance(31)
    sandbox.faults.set("lease_lag", seconds=30)
    model = tog.models.list_supported(search="Qwen3-8B").data[0]
    path = f"projects/{model.base_model_id}/models/{model.base_model_id}"
    tog.endpoints.deployments.create(
        endpoint.id, name="one", model=path, autoscaling={"min_replicas": 1, "max_replicas": 1}
    )
    shown = [len(found.deployments or ()) for found in (*tog.endpoints.list(), tog.endpoints.retrieve(endpoint.id))]
    assert shown == [0, 1]


def test_job_failed_fails_the_job_after_its_first_epoch(
    sandbox: Sandbox, client: openai.OpenAI, new_job: NewJob
) -> None:
    sandbox.faults.set("job_failed")
    id = new_job()
    sandbox.advance(1000)
    job = client.fine_tuning.jobs.retrieve(id)
    assert (job.status, job.error and job.error.code) == ("failed", "internal_error")


def test_safety_block_refuses_the_model_after_training(
    sandbox: Sandbox, client: openai.OpenAI, new_job: NewJob
) -> None:
    sandbox.faults.set("safety_block")
    id = new_job()
    sandbox.advance(1000)
    job = client.fine_tuning.jobs.retrieve(id)
    assert (job.status, job.fine_tuned_model) == ("failed", None)
    assert "safety" in str(job.error)


def test_model_not_ready_answers_404_for_a_while_after_success(
    sandbox: Sandbox, client: openai.OpenAI, new_job: NewJob, ask: Ask
) -> None:
    sandbox.faults.set("model_not_ready", seconds=2000)
    id = new_job()
    sandbox.advance(1000)
    model = client.fine_tuning.jobs.retrieve(id).fine_tuned_model or ""
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=model, messages=ask("x"))
    sandbox.advance(2000)
    assert client.chat.completions.create(model=model, messages=ask("x")).choices


def test_faults_strike_the_other_wire_too(sandbox: Sandbox, tog: together.Together) -> None:
    sandbox.faults.set("reset", path="fine-tunes$")
    with pytest.raises(together.APIConnectionError):
        tog.fine_tuning.list()


def test_every_fault_is_tested_here_or_beside_what_it_strikes() -> None:
    others = ("test_sandbox_webhooks.py", "test_sandbox_batches.py", "test_sandbox_replicate.py")
    source = "".join(Path(__file__).with_name(name).read_text() for name in (Path(__file__).name, *others))
    assert [name for name in FAULTS if f'"{name}"' not in source] == []


def test_an_unknown_fault_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no fault 'gremlins'"):
        Faults().set("gremlins")


def test_faults_are_set_listed_and_cleared_over_http(http: httpx.Client) -> None:
    assert http.post("/_sandbox/faults", json={"name": "slow", "seconds": 1}).json()["seconds"] == 1
    assert [fault["name"] for fault in http.get("/_sandbox/faults").json()["faults"]] == ["slow"]
    assert http.delete("/_sandbox/faults").json() == {"faults": []}
    assert http.post("/_sandbox/faults", json={"name": "gremlins"}).status_code == 400


def test_requests_are_counted_even_when_they_are_cut(sandbox: Sandbox, http: httpx.Client, new_job: NewJob) -> None:
    sandbox.faults.set("reset", path="jobs$")
    with pytest.raises(openai.APIConnectionError):
        new_job()
    counted = {(row["method"], row["path"]): row["count"] for row in http.get("/_sandbox/requests").json()["requests"]}
    assert counted["POST", CREATE] == 1


def test_the_clock_is_advanced_over_http(sandbox: Sandbox, http: httpx.Client) -> None:
    before = http.get("/_sandbox/clock").json()["now"]
    assert http.post("/_sandbox/clock", json={"advance_s": 60}).json()["now"] == before + 60
