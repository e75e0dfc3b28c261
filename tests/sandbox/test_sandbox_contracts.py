"""What the sandbox answers satisfies the platforms' published contracts, their own documented oddities excepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import together

from providers.sandbox import Sandbox

jsonschema = pytest.importorskip("jsonschema")
yaml = pytest.importorskip("yaml")

CONTRACTS = Path(__file__).parents[2] / "../shared/contracts"
OPENAI = CONTRACTS / "openai-finetune.yaml"
TOGETHER = CONTRACTS / "together-sdk-3.1.1-jsonschemas.json"

pytestmark = pytest.mark.skipif(not OPENAI.exists(), reason="the shared contracts are not here")


@pytest.fixture(scope="module")
def openai_doc() -> Any:
    return yaml.load(OPENAI.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def check(doc: Any, reference: str, body: Any) -> None:
    jsonschema.Draft202012Validator({**doc, "$ref": reference}).validate(body)


def path(schema: str) -> str:
    return f"#/components/schemas/{schema}"


@pytest.fixture
def job_id(sandbox: Sandbox, new_job: Callable[..., str], client: Any, chat_file: Any, pairs: Any) -> str:
    held_out = client.files.create(file=("v.jsonl", chat_file(pairs[:5])), purpose="fine-tune")
    return new_job(validation_file=held_out.id, metadata={"k": "v"})


def _regular(job: dict[str, Any]) -> dict[str, Any]:
    """The documented oddities put right: `error` may be {}, `finished_at` may be missing."""
    return {"finished_at": None} | job | {"error": job["error"] or None}


@pytest.mark.parametrize("passed_s", [0, 5, 15, 1000])
def test_jobs_at_every_station_satisfy_the_contract(
    openai_doc: Any, sandbox: Sandbox, http: httpx.Client, job_id: str, passed_s: float
) -> None:
    sandbox.advance(passed_s)
    check(openai_doc, path("FineTuningJob"), _regular(http.get(f"/openai/v1/fine_tuning/jobs/{job_id}").json()))


def test_job_lists_events_and_checkpoints_satisfy_the_contract(
    openai_doc: Any, sandbox: Sandbox, http: httpx.Client, job_id: str
) -> None:
    sandbox.advance(1000)
    jobs = http.get("/openai/v1/fine_tuning/jobs").json()
    check(
        openai_doc,
        path("ListPaginatedFineTuningJobsResponse"),
        jobs | {"data": [_regular(job) for job in jobs["data"]]},
    )
    events = http.get(f"/openai/v1/fine_tuning/jobs/{job_id}/events").json()
    regular = [event if event["data"] else event | {"data": {}} for event in events["data"]]
    check(openai_doc, path("ListFineTuningJobEventsResponse"), events | {"data": regular})
    checkpoints = http.get(f"/openai/v1/fine_tuning/jobs/{job_id}/checkpoints").json()
    check(openai_doc, path("ListFineTuningJobCheckpointsResponse"), checkpoints)


def test_a_preference_job_satisfies_the_contract(
    openai_doc: Any, sandbox: Sandbox, http: httpx.Client, client: Any
) -> None:
    turns = [[{"role": role, "content": text}] for role, text in (("user", "hi"), ("assistant", "hello"))]
    sides = {"preferred_output": turns[1], "non_preferred_output": [{"role": "assistant", "content": "what"}]}
    row = json.dumps({"input": {"messages": turns[0]}, **sides}) + "\n"
    file = client.files.create(file=("t.jsonl", row.encode() * 12), purpose="fine-tune").id
    method = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}
    id = client.fine_tuning.jobs.create(
        model="gpt-4.1-mini", training_file=file, validation_file=file, method=method
    ).id
    sandbox.advance(1000)
    check(openai_doc, path("FineTuningJob"), _regular(http.get(f"/openai/v1/fine_tuning/jobs/{id}").json()))
    checkpoints = http.get(f"/openai/v1/fine_tuning/jobs/{id}/checkpoints").json()
    assert checkpoints["data"][0]["metrics"]["full_valid_reward_accuracy"] == 1
    check(openai_doc, path("ListFineTuningJobCheckpointsResponse"), checkpoints)


def test_files_and_models_satisfy_the_contract(openai_doc: Any, http: httpx.Client, job_id: str) -> None:
    check(openai_doc, path("ListModelsResponse"), http.get("/openai/v1/models").json())
    for file in http.get("/openai/v1/files").json()["data"]:
        check(openai_doc, path("OpenAIFile"), {key: value for key, value in file.items() if value is not None})


def test_uploads_in_parts_satisfy_the_contract(openai_doc: Any, http: httpx.Client) -> None:
    body = {"filename": "big.jsonl", "purpose": "fine-tune", "bytes": 8, "mime_type": "application/jsonl"}
    upload = http.post("/openai/v1/uploads", json=body).json()
    check(openai_doc, path("Upload"), _without_null_file(upload))
    parts = f"/openai/v1/uploads/{upload['id']}/parts"
    part = http.post(parts, files={"data": ("part", b'{"a":1}\n')}).json()
    check(openai_doc, path("UploadPart"), part)
    done = http.post(f"/openai/v1/uploads/{upload['id']}/complete", json={"part_ids": [part["id"]]}).json()
    given = {key: value for key, value in done["file"].items() if value is not None}
    check(openai_doc, path("Upload"), done | {"file": given})


def _without_null_file(upload: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in upload.items() if key != "file" or value is not None}


def test_chat_completions_satisfy_the_contract(openai_doc: Any, http: httpx.Client) -> None:
    body = {"model": "sandbox-small", "messages": [{"role": "user", "content": "hello there"}]}
    check(openai_doc, path("CreateChatCompletionResponse"), http.post("/openai/v1/chat/completions", json=body).json())
    with http.stream("POST", "/openai/v1/chat/completions", json=body | {"stream": True}) as stream:
        chunks = [line.removeprefix("data: ") for line in stream.iter_lines() if line.startswith("data: {")]
    for chunk in chunks:
        check(openai_doc, path("CreateChatCompletionStreamResponse"), json.loads(chunk))


@pytest.fixture(params=["completed", "expired", "failed", "cancelled"])
def batch_file(request: pytest.FixtureRequest, sandbox: Sandbox) -> bytes:
    """An input file that ends so; `cancelled` is asked for by the test."""
    if request.param == "expired":
        sandbox.faults.set("batch_expired")
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "hello"}]}
    line = json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}) + "\n"
    return (line * 2 if request.param == "failed" else line).encode()


def test_batches_at_every_station_satisfy_the_contract(
    openai_doc: Any, sandbox: Sandbox, http: httpx.Client, client: Any, batch_file: bytes, request: Any
) -> None:
    file = client.files.create(file=("in.jsonl", batch_file), purpose="batch").id
    wanted = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    id = http.post("/openai/v1/batches", json=wanted | {"metadata": {"k": "v"}}).json()["id"]
    if "cancelled" in request.node.name:
        check(openai_doc, path("Batch"), http.post(f"/openai/v1/batches/{id}/cancel").json())
    for passed_s in (0, 5, 6, 100_000):
        sandbox.advance(passed_s)
        check(openai_doc, path("Batch"), http.get(f"/openai/v1/batches/{id}").json())
    check(openai_doc, path("ListBatchesResponse"), http.get("/openai/v1/batches").json())
    assert http.get(f"/openai/v1/batches/{id}").json()["status"] in request.node.name


@pytest.fixture(scope="module")
def together_doc() -> Any:
    path = CONTRACTS / "together-finetune.yaml"
    return yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def test_togethers_batches_satisfy_the_contract(
    together_doc: Any, sandbox: Sandbox, http: httpx.Client, tog: together.Together, tmp_path: Path
) -> None:
    body = {"model": "Qwen/Qwen3-8B", "messages": [{"role": "user", "content": "hello"}]}
    (tmp_path / "in.jsonl").write_text(json.dumps({"custom_id": "a", "body": body}) + "\n")
    file = tog.files.upload(tmp_path / "in.jsonl", purpose="batch-api", check=False).id
    wanted = {"input_file_id": file, "endpoint": "/v1/chat/completions"}
    made = http.post("/together/v1/batches", json=wanted)
    assert made.status_code == 201
    check(together_doc, path("BatchJobWithWarning"), made.json())
    sandbox.advance(1000)
    (listed,) = http.get("/together/v1/batches").json()
    check(together_doc, path("BatchJob"), listed)
    assert listed["status"] == "COMPLETED"


@pytest.fixture(scope="module")
def together_schemas() -> Any:
    return json.loads(TOGETHER.read_text())


def test_togethers_answers_satisfy_its_sdks_own_models(
    together_schemas: Any, sandbox: Sandbox, tog: together.Together, http: httpx.Client, train_file: Path
) -> None:
    file = tog.files.upload(train_file).id
    id = tog.fine_tuning.create(model="Qwen/Qwen3-8B", training_file=file, validation_file=file, n_evals=1).id
    sandbox.advance(1000)
    asked = {"training_file": file, "model": "Qwen/Qwen3-8B"}
    limits = http.get("/together/v1/fine-tunes/models/limits", params={"model_name": "Qwen/Qwen3-8B"})
    answers = {
        "FinetuneResponse": http.get(f"/together/v1/fine-tunes/{id}"),
        "FileResponse": http.get(f"/together/v1/files/{file}"),
        "FileList": http.get("/together/v1/files"),
        "FineTuningListEventsResponse": http.get(f"/together/v1/fine-tunes/{id}/events"),
        "FineTuningListMetricsResponse": http.get(f"/together/v1/fine-tunes/{id}/metrics"),
        "FineTuningListCheckpointsResponse": http.get(f"/together/v1/fine-tunes/{id}/checkpoints"),
        "FineTuningEstimatePriceResponse": http.post("/together/v1/fine-tunes/estimate-price", json=asked),
        "FinetuneModelLimits": limits,
    }
    for name, answer in answers.items():
        jsonschema.Draft202012Validator(together_schemas[name]).validate(answer.json())
