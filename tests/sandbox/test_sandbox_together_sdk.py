"""The stock together SDK, over real HTTP, runs a whole job against the sandbox."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import together
from together.lib.resources import files as together_files

from providers.sandbox import Sandbox

BASE = "Qwen/Qwen3-8B"
Ask = Callable[[str], Any]


@pytest.fixture
def done(tog: together.Together, sandbox: Sandbox, train_file: Path) -> Any:
    """A completed LoRA job with three epochs and two evaluations."""
    file = tog.files.upload(train_file)
    job = tog.fine_tuning.create(
        model=BASE,
        training_file=file.id,
        validation_file=file.id,
        n_epochs=3,
        n_evals=2,
        suffix="desk",
        lora=True,
        random_seed=7,
    )
    sandbox.advance(1000)
    return tog.fine_tuning.retrieve(job.id)


def test_a_job_ends_completed_with_a_model_to_deploy(done: Any) -> None:
    assert done.status == "completed"
    assert done.x_model_output_name.startswith("sandbox/Qwen3-8B-desk-")
    assert done.api_model_object_id.startswith("ml_")


def test_the_bill_is_nano_dollars_and_equals_the_estimate(tog: together.Together, done: Any) -> None:
    estimate: Any = tog.fine_tuning.estimate_price(
        training_file=done.training_file, validation_file=done.training_file, model=BASE, n_epochs=3, n_evals=2
    )
    assert estimate.allowed_to_proceed
    assert done.total_price == round(estimate.estimated_total_price * 1e9) > 0
    assert done.token_count == estimate.estimated_train_token_count + estimate.estimated_eval_token_count


def test_the_same_bytes_are_the_same_file(tog: together.Together, train_file: Path) -> None:
    first = tog.files.upload(train_file)
    assert tog.files.upload(train_file).id == first.id
    with pytest.raises(together_files.FileAlreadyExistsError):
        tog.files.upload(train_file, raise_if_already_exists=True)


def test_a_file_is_validated_after_a_moment(tog: together.Together, sandbox: Sandbox, train_file: Path) -> None:
    file = tog.files.upload(train_file)
    assert file.processing_status == "RUNNING"
    sandbox.advance(10)
    report = tog.files.retrieve(file.id).validation_report
    assert report is not None
    assert (report.valid, report.dataset_format, report.nlines) == (True, "CONVERSATION", 60)


def test_a_bad_file_is_invalid_format_and_cannot_be_trained_on(
    tog: together.Together, sandbox: Sandbox, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question": "a"}\n')
    file = tog.files.upload(bad)
    sandbox.advance(10)
    seen = tog.files.retrieve(file.id)
    assert seen.processing_status == "INVALID_FORMAT"
    assert seen.validation_report is not None
    assert "Line 1" in str(seen.validation_report.error)
    with pytest.raises(together.BadRequestError):
        tog.fine_tuning.create(model=BASE, training_file=file.id)


def test_a_large_file_goes_up_in_parts(
    tog: together.Together, train_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together_files, "MULTIPART_THRESHOLD_GB", 1e-9)
    monkeypatch.setattr(together_files, "_calculate_parts", lambda size: (size // 2 + 1, 2))
    file = tog.files.upload(train_file)
    assert tog.files.content(file.id).read() == train_file.read_bytes()


def test_limits_are_told_and_an_unknown_model_has_none(tog: together.Together) -> None:
    assert tog.fine_tuning.model_limits(model_name=BASE).max_num_epochs == 20
    with pytest.raises(together.NotFoundError):
        tog.fine_tuning.model_limits(model_name="nobody/nothing")


def test_metrics_hold_the_evaluations_that_were_asked_for(tog: together.Together, done: Any) -> None:
    rows = tog.fine_tuning.list_metrics(done.id).metrics or []
    losses = [row["train/loss"] for row in rows]
    assert losses[-1] < losses[0]
    assert [row["train/global_step"] for row in rows if "eval/loss" in row] == [3.0, 6.0]


def test_without_evaluations_the_validation_file_is_ignored_with_a_warning(
    tog: together.Together, sandbox: Sandbox, train_file: Path
) -> None:
    file = tog.files.upload(train_file)
    job = tog.fine_tuning.create(model=BASE, training_file=file.id, validation_file=file.id)
    sandbox.advance(1000)
    assert all("eval/loss" not in row for row in tog.fine_tuning.list_metrics(job.id).metrics or [])
    assert "warning" in [event.type for event in tog.fine_tuning.list_events(job.id).data]


def test_events_tell_the_story_in_order(tog: together.Together, done: Any) -> None:
    kinds = [event.type for event in tog.fine_tuning.list_events(done.id).data]
    assert (kinds[0], kinds[-1]) == ("job_pending", "job_complete")
    assert kinds.count("epoch_complete") == 3


def test_the_status_walks_through_the_platforms_stations(
    tog: together.Together, sandbox: Sandbox, train_file: Path
) -> None:
    file = tog.files.upload(train_file)
    id = tog.fine_tuning.create(model=BASE, training_file=file.id).id
    sandbox.trainer.settle()
    seen = []
    for _ in range(36):
        seen.append(str(tog.fine_tuning.retrieve(id).status))
        sandbox.advance(0.5)
    assert list(dict.fromkeys(seen)) == ["pending", "queued", "running", "compressing", "uploading", "completed"]


def test_a_cancelled_job_bills_the_steps_that_were_done(
    tog: together.Together, sandbox: Sandbox, train_file: Path
) -> None:
    file = tog.files.upload(train_file)
    id = tog.fine_tuning.create(model=BASE, training_file=file.id, n_epochs=10).id
    sandbox.advance(54)
    assert tog.fine_tuning.cancel(id).status == "cancel_requested"
    sandbox.advance(10)
    job = tog.fine_tuning.retrieve(id)
    whole: Any = tog.fine_tuning.estimate_price(training_file=file.id, model=BASE, n_epochs=10)
    assert job.status == "cancelled"
    assert 0.3 < (job.total_price or 0) / 1e9 / whole.estimated_total_price < 0.7


def test_a_tuned_model_answers_only_behind_a_ready_deployment(
    tog: together.Together, sandbox: Sandbox, done: Any, ask: Ask
) -> None:
    with pytest.raises(together.BadRequestError, match="non-serverless"):
        tog.chat.completions.create(model=done.x_model_output_name, messages=ask("x"))
    endpoint = tog.endpoints.create(name="tw-desk")
    deployment = _deploy(tog, endpoint.id, done.api_model_object_id)
    tog.endpoints.update(endpoint.id, traffic_split=[{"deployment_id": deployment, "weight": 1}])
    with pytest.raises(together.InternalServerError):
        tog.chat.completions.create(model=endpoint.name, messages=ask("x"))
    sandbox.advance(60)
    answer: Any = tog.chat.completions.create(model=endpoint.name, messages=ask("my parcel courier"))
    assert answer.choices[0].message.content == "shipping"


def _deploy(tog: together.Together, endpoint: str, model: str) -> str:
    return tog.endpoints.deployments.create(
        endpoint,
        name="d",
        model=f"projects/proj_sandbox/models/{model}",
        autoscaling={"min_replicas": 1},
        inactive_timeout=60,
    ).id


def test_serving_bills_by_the_hour_until_it_is_torn_down(tog: together.Together, sandbox: Sandbox, done: Any) -> None:
    endpoint = tog.endpoints.create(name="tw-desk")
    deployment = _deploy(tog, endpoint.id, done.api_model_object_id)
    sandbox.advance(10 + 1800)
    assert float(sandbox.serving.bill_usd()) == pytest.approx(3.99 / 2)
    tog.endpoints.deployments.delete(deployment, endpoint_id=endpoint.id)
    tog.endpoints.delete(endpoint.id)
    sandbox.advance(86_400)
    assert float(sandbox.serving.bill_usd()) == pytest.approx(3.99 / 2)
    assert list(tog.endpoints.list()) == []


def test_an_idle_deployment_stops_by_itself(tog: together.Together, sandbox: Sandbox, done: Any) -> None:
    endpoint = tog.endpoints.create(name="tw-desk")
    id = _deploy(tog, endpoint.id, done.api_model_object_id)
    sandbox.advance(10 * 86_400)
    assert tog.endpoints.deployments.retrieve(id, endpoint_id=endpoint.id).status.state == "DEPLOYMENT_STATE_STOPPED"
    assert float(sandbox.serving.bill_usd()) == pytest.approx(3.99)


def test_no_replicas_stop_the_billing(tog: together.Together, sandbox: Sandbox, done: Any) -> None:
    endpoint = tog.endpoints.create(name="tw-desk")
    id = _deploy(tog, endpoint.id, done.api_model_object_id)
    none: Any = {"min_replicas": 0, "max_replicas": 0}
    tog.endpoints.deployments.update(id, endpoint_id=endpoint.id, autoscaling=none)
    sandbox.advance(86_400)
    assert sandbox.serving.bill_usd() == 0


def test_two_endpoints_cannot_share_a_name(tog: together.Together) -> None:
    tog.endpoints.create(name="tw-desk")
    with pytest.raises(together.ConflictError):
        tog.endpoints.create(name="tw-desk")


def test_instance_types_have_a_price(tog: together.Together) -> None:
    assert all(item.price_cents_per_hour > 0 for item in tog.endpoints.hardware.list().data)


def test_the_weights_can_be_downloaded(tog: together.Together, done: Any) -> None:
    with tog.fine_tuning.with_streaming_response.content(ft_id=done.id, checkpoint="adapter") as response:
        data = response.read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert "model.npz" in archive.getnames()


def test_a_streamed_answer_ends_with_its_usage(tog: together.Together, ask: Ask) -> None:
    with tog.chat.completions.create(model=BASE, messages=ask("my parcel"), stream=True) as chunks:
        last = list(chunks)[-1]
    assert last.usage is not None
    assert last.choices[0].finish_reason == "stop"


def test_a_suffix_of_more_than_forty_characters_is_refused(tog: together.Together, train_file: Path) -> None:
    file = tog.files.upload(train_file)
    with pytest.raises(together.BadRequestError, match="suffix"):
        tog.fine_tuning.create(model=BASE, training_file=file.id, suffix="x" * 41)


def test_a_wrong_key_is_refused(tog: together.Together) -> None:
    with pytest.raises(together.AuthenticationError):
        tog.with_options(api_key="nope").fine_tuning.list()


def test_the_two_wires_do_not_see_each_others_files(
    tog: together.Together, http: httpx.Client, train_file: Path
) -> None:
    tog.files.upload(train_file)
    assert http.get("/openai/v1/files").json()["data"] == []
