"""The stock openai SDK, over real HTTP, runs a whole job against the sandbox."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import openai
import pytest

from providers.sandbox import RunningSandbox, Sandbox

NewJob = Callable[..., str]
Ask = Callable[[str], Any]


def test_a_job_ends_in_a_tuned_model_that_answers(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob, ask: Ask
) -> None:
    id = new_job(suffix="desk")
    sandbox.advance(100)
    job = client.fine_tuning.jobs.retrieve(id)
    assert job.status == "succeeded"
    assert job.fine_tuned_model == f"ft:sandbox-small:sandbox:desk:{id[-8:]}"
    answer = client.chat.completions.create(model=job.fine_tuned_model, messages=ask("where is my parcel courier"))
    assert answer.choices[0].message.content == "shipping"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 10


def test_the_status_walks_through_the_platforms_stations(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob
) -> None:
    id = new_job(method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}})
    sandbox.trainer.settle()
    seen = []
    for _ in range(20):
        seen.append(client.fine_tuning.jobs.retrieve(id).status)
        sandbox.advance(1.9)
    assert list(dict.fromkeys(seen)) == ["validating_files", "queued", "running", "succeeded"]


def test_a_running_job_says_when_it_will_finish_and_not_yet_what_it_cost(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob
) -> None:
    id = new_job()
    sandbox.advance(6)
    job = client.fine_tuning.jobs.retrieve(id)
    assert job.status == "running"
    assert job.estimated_finish is not None
    assert job.estimated_finish > sandbox.clock.now()
    assert (job.trained_tokens, job.fine_tuned_model, job.finished_at) == (None, None, None)


def test_billed_tokens_are_the_files_tokens_times_the_epochs(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob
) -> None:
    jobs = []
    for epochs in (1, 4):
        jobs.append(new_job(method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}}))
    sandbox.advance(1000)
    one, four = (client.fine_tuning.jobs.retrieve(id).trained_tokens or 0 for id in jobs)
    assert four == 4 * one > 0


def test_jobs_are_found_by_their_metadata(client: openai.OpenAI, new_job: NewJob) -> None:
    wanted, _ = new_job(metadata={"intent": "a"}), new_job(metadata={"intent": "b"})
    found = client.fine_tuning.jobs.list(metadata={"intent": "a"})
    assert [job.id for job in found.data] == [wanted]


def test_events_come_newest_first_in_pages_of_twenty(client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob) -> None:
    id = new_job()
    sandbox.advance(1000)
    first = client.fine_tuning.jobs.list_events(id)
    assert len(first.data) == 20
    assert first.data[0].message == "The job has successfully completed"
    every = list(client.fine_tuning.jobs.list_events(id))
    assert every[-1].message == f"Created fine-tuning job: {id}"
    assert every[-1].data is None
    assert len({event.id for event in every}) == len(every)


def test_event_ids_stay_what_they_were_as_the_job_goes_on(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob
) -> None:
    id = new_job()
    known: dict[str, str] = {}
    for _ in range(12):
        sandbox.advance(4)
        now = {event.id: event.message for event in client.fine_tuning.jobs.list_events(id, limit=500)}
        assert known.items() <= now.items()
        known = now


def test_the_result_file_is_base64_csv_with_every_step(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob
) -> None:
    id = new_job()
    sandbox.advance(1000)
    (result,) = client.fine_tuning.jobs.retrieve(id).result_files
    lines = base64.b64decode(client.files.content(result).content).decode().splitlines()
    assert lines[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert len(lines) == 1 + 60 * 3


def test_the_last_three_epochs_are_checkpoints_that_answer(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob, ask: Ask
) -> None:
    five = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 5}}}
    id = new_job(model="gpt-4.1-nano-2025-04-14", method=five)
    sandbox.advance(1000)
    checkpoints = client.fine_tuning.jobs.checkpoints.list(id).data
    assert [checkpoint.step_number for checkpoint in checkpoints] == [300, 240, 180]
    name = checkpoints[-1].fine_tuned_model_checkpoint
    assert name.endswith(":ckpt-step-180")
    answer = client.chat.completions.create(model=name, messages=ask("my invoice refund"))
    assert answer.choices[0].message.content == "billing"


def test_of_the_sandboxs_own_model_eight_epochs_of_all_are_checkpoints(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob
) -> None:
    sixteen = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 16, "batch_size": 60}}}
    id = new_job(method=sixteen)
    sandbox.advance(1000)
    checkpoints = client.fine_tuning.jobs.checkpoints.list(id).data
    assert [checkpoint.step_number for checkpoint in checkpoints] == [16, 14, 12, 10, 8, 6, 4, 2]


def test_validation_loss_is_told_at_the_end_of_each_epoch(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob, chat_file: Callable[..., bytes]
) -> None:
    held_out = client.files.create(file=("v.jsonl", chat_file([("a lost parcel", "shipping")])), purpose="fine-tune")
    id = new_job(validation_file=held_out.id)
    sandbox.advance(1000)
    metrics = [checkpoint.metrics for checkpoint in client.fine_tuning.jobs.checkpoints.list(id).data]
    assert all(metric.full_valid_loss is not None for metric in metrics)


def test_a_streamed_answer_is_the_same_answer(client: openai.OpenAI, ask: Ask) -> None:
    whole = client.chat.completions.create(model="sandbox-small", messages=ask("my parcel"))
    with client.chat.completions.create(
        model="sandbox-small", messages=ask("my parcel"), stream=True, stream_options={"include_usage": True}
    ) as chunks:
        pieces = list(chunks)
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text == whole.choices[0].message.content
    assert pieces[-1].usage == whole.usage


def test_max_tokens_cuts_the_answer(client: openai.OpenAI) -> None:
    long = "several remarkable considerations regarding undeliverable consignments"
    answer = client.chat.completions.create(
        model="sandbox-small", messages=[{"role": "user", "content": long}], max_completion_tokens=2
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 2


def test_a_paused_job_stands_still_until_it_is_resumed(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob
) -> None:
    id = new_job()
    sandbox.advance(15)
    client.fine_tuning.jobs.pause(id)
    before = len(list(client.fine_tuning.jobs.list_events(id)))
    sandbox.advance(10_000)
    assert str(client.fine_tuning.jobs.retrieve(id).status) == "paused"
    assert len(list(client.fine_tuning.jobs.list_events(id))) == before
    client.fine_tuning.jobs.resume(id)
    assert client.fine_tuning.jobs.retrieve(id).status == "running"
    sandbox.advance(100)
    assert client.fine_tuning.jobs.retrieve(id).status == "succeeded"


def test_a_cancelled_job_is_over_and_cannot_be_cancelled_again(client: openai.OpenAI, new_job: NewJob) -> None:
    id = new_job()
    assert client.fine_tuning.jobs.cancel(id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.cancel(id)


def test_a_deleted_tuned_model_no_longer_answers(
    client: openai.OpenAI, sandbox: Sandbox, new_job: NewJob, ask: Ask
) -> None:
    id = new_job()
    sandbox.advance(1000)
    model = client.fine_tuning.jobs.retrieve(id).fine_tuned_model or ""
    assert client.models.delete(model).deleted
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=model, messages=ask("x"))


def test_a_file_uploaded_in_parts_is_a_file_like_any_other(client: openai.OpenAI) -> None:
    data = b'{"messages": []}\n' * 40
    upload = client.uploads.create(filename="big.jsonl", purpose="fine-tune", bytes=len(data), mime_type="text/jsonl")
    parts = [client.uploads.parts.create(upload.id, data=half).id for half in (data[:300], data[300:])]
    done = client.uploads.complete(upload.id, part_ids=parts)
    assert done.file is not None
    assert client.files.content(done.file.id).content == data


def test_a_deleted_file_is_gone(client: openai.OpenAI) -> None:
    file = client.files.create(file=("t.jsonl", b"{}\n"), purpose="fine-tune")
    assert client.files.delete(file.id).deleted
    assert client.files.list(purpose="fine-tune").data == []


def test_base_models_carry_their_shutdown_date(client: openai.OpenAI) -> None:
    assert client.models.retrieve("gpt-4.1-mini-2025-04-14").shutdown_date == "2027-01-14"


def test_a_shutdown_date_that_has_passed_is_not_repeated(client: openai.OpenAI, sandbox: Sandbox) -> None:
    sandbox.advance(400 * 86_400)
    assert client.models.retrieve("gpt-4.1-mini-2025-04-14").shutdown_date is None


def test_an_unknown_model_is_refused_in_the_platforms_shape(client: openai.OpenAI, ask: Ask) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="gpt-none", messages=ask("x"))
    assert refused.value.code == "model_not_found"


def test_a_model_that_cannot_be_tuned_is_refused_at_create(
    client: openai.OpenAI, chat_file: Callable[..., bytes]
) -> None:
    file = client.files.create(file=("t.jsonl", chat_file([("a", "b")])), purpose="fine-tune")
    with pytest.raises(openai.BadRequestError) as refused:
        client.fine_tuning.jobs.create(model="gpt-6-luna", training_file=file.id)
    assert refused.value.code == "model_not_available"


@pytest.mark.parametrize(("name", "value"), [("n_epochs", 51), ("batch_size", 0), ("learning_rate_multiplier", -1)])
def test_a_hyperparameter_out_of_range_is_refused_by_name(new_job: NewJob, name: str, value: float) -> None:
    with pytest.raises(openai.BadRequestError, match=name):
        new_job(method={"type": "supervised", "supervised": {"hyperparameters": {name: value}}})


def test_a_wrong_key_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="nope").models.list()
    assert refused.value.code == "invalid_api_key"


def test_any_sandbox_key_is_welcome(served: RunningSandbox) -> None:
    with openai.OpenAI(base_url=served.openai_base_url, api_key="sk-sandbox-mine", max_retries=0) as friend:
        assert friend.models.list().data
