"""Batches in the sandbox, by the stock clients: what is answered, and what each fault makes of the next one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
import together

from providers.sandbox import Sandbox

Buy = Callable[..., str]


def lines(model: str, count: int = 6) -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    rows = ({"custom_id": f"q{n}", "method": "POST", "url": "/v1/chat/completions", "body": body} for n in range(count))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def buy(client: openai.OpenAI) -> Buy:
    def start() -> str:
        file = client.files.create(file=("in.jsonl", lines("gpt-4.1-mini")), purpose="batch").id
        return client.batches.create(input_file_id=file, endpoint="/v1/chat/completions", completion_window="24h").id

    return start


def output(client: openai.OpenAI, file: str | None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in client.files.content(file).text.splitlines()] if file else []


def test_every_request_is_answered_under_its_own_id(sandbox: Sandbox, client: openai.OpenAI, buy: Buy) -> None:
    id = buy()
    sandbox.advance(60)
    batch = client.batches.retrieve(id)
    assert {row["custom_id"] for row in output(client, batch.output_file_id)} == {f"q{n}" for n in range(6)}
    assert (batch.status, batch.error_file_id) == ("completed", None)


def test_together_answers_by_its_own_wire(sandbox: Sandbox, tog: together.Together, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines("Qwen/Qwen3-8B"))
    file = tog.files.upload(tmp_path / "in.jsonl", purpose="batch-api", check=False).id
    job = tog.batches.create(endpoint="/v1/chat/completions", input_file_id=file).job
    assert job is not None
    sandbox.advance(60)
    done = tog.batches.retrieve(str(job.id))
    assert (done.status, done.input_file_id) == ("COMPLETED", file)


def test_batch_lag_keeps_it_out_of_lists_alone(sandbox: Sandbox, client: openai.OpenAI, buy: Buy) -> None:
    sandbox.faults.set("batch_lag")
    id = buy()
    assert client.batches.list().data == []
    assert client.batches.retrieve(id).id == id
    sandbox.advance(31)
    assert [batch.id for batch in client.batches.list().data] == [id]


def test_batch_stuck_makes_it_late(sandbox: Sandbox, client: openai.OpenAI, buy: Buy) -> None:
    sandbox.faults.set("batch_stuck")
    id = buy()
    sandbox.advance(3600)
    assert client.batches.retrieve(id).status == "in_progress"


def test_batch_refused_says_why(sandbox: Sandbox, client: openai.OpenAI, buy: Buy) -> None:
    sandbox.faults.set("batch_refused")
    id = buy()
    sandbox.advance(60)
    batch = client.batches.retrieve(id)
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert (batch.status, "token limit" in str(batch.errors.data[0].message)) == ("failed", True)


def test_batch_expired_answers_a_part_and_names_the_rest(sandbox: Sandbox, client: openai.OpenAI, buy: Buy) -> None:
    sandbox.faults.set("batch_expired")
    id = buy()
    sandbox.advance(25 * 3600)
    batch = client.batches.retrieve(id)
    assert (batch.status, len(output(client, batch.output_file_id))) == ("expired", 3)
    assert {row["error"]["code"] for row in output(client, batch.error_file_id)} == {"batch_expired"}


def test_batch_rows_fail_one_in_three(sandbox: Sandbox, client: openai.OpenAI, buy: Buy) -> None:
    sandbox.faults.set("batch_rows_fail")
    id = buy()
    sandbox.advance(60)
    batch = client.batches.retrieve(id)
    failed = output(client, batch.error_file_id)
    assert [row["response"]["status_code"] for row in failed] == [500, 500]


def test_a_cancelled_batch_cannot_be_cancelled_again(sandbox: Sandbox, client: openai.OpenAI, buy: Buy) -> None:
    id = buy()
    assert client.batches.cancel(id).status == "validating"
    sandbox.advance(60)
    assert client.batches.retrieve(id).status == "cancelled"
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(id)


def test_a_restart_keeps_batches_and_answers_them(tmp_path: Path) -> None:
    from providers.sandbox.clock import Clock

    with Sandbox(tmp_path, clock=Clock(1_795_000_000.0, running=False), pace_s=10) as first:
        file = first.files.add("openai", "in.jsonl", "batch", lines("gpt-4.1-mini")).id
        id = first.batches.create("openai", file, "/v1/chat/completions", None).id
    with Sandbox(tmp_path, clock=Clock(1_795_000_060.0, running=False), pace_s=10) as second:
        found = second.batches.get("openai", id)
        assert found is not None
        assert (found.phase(second.clock.now()), found.total) == ("completed", 6)
