"""The sandbox's Vertex AI wire: the stock Gen AI SDK runs against it, and knows every field of its answers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from providers.sandbox import RunningSandbox, Sandbox

genai = pytest.importorskip("google.genai")
types = genai.types

HOME = "/vertex/v1beta1/projects/sandbox/locations"
JOBS, BUCKET = f"{HOME}/us-central1/tuningJobs", "/vertex/upload/storage/v1/b/box/o"
FLASH = "gemini-3.5-flash"
ASK = "I cannot find my card"

pytestmark = pytest.mark.filterwarnings("ignore:The SDK's tuning implementation is experimental")


@pytest.fixture
def stock(served: RunningSandbox) -> Iterator[Any]:
    """The stock client, as its own documentation makes it."""
    from google.oauth2.credentials import Credentials

    client = genai.Client(
        vertexai=True,
        project="sandbox",
        location="us-central1",
        credentials=Credentials(token=served.api_key),
        http_options=types.HttpOptions(base_url=served.vertex_base_url),
    )
    yield client
    client.close()


def line(number: int) -> str:
    lost = number % 2 == 0
    words = f"my card is lost {number}" if lost else f"please refund order {number}"
    turns = [("user", words), ("model", "lost_card" if lost else "refund")]
    return json.dumps({"contents": [{"role": role, "parts": [{"text": text}]} for role, text in turns]})


@pytest.fixture
def rows(http: httpx.Client) -> str:
    """Where a training file lies."""
    data = "".join(f"{line(number)}\n" for number in range(24))
    told = http.post(BUCKET, params={"uploadType": "media", "name": "a/rows.jsonl"}, content=data)
    assert told.json()["size"] == str(len(data))
    return "gs://box/a/rows.jsonl"


def made(http: httpx.Client, rows: str, **changes: Any) -> httpx.Response:
    spec = {"trainingDatasetUri": rows, "hyperParameters": {"epochCount": 2}}
    return http.post(JOBS, json={"baseModel": FLASH, "supervisedTuningSpec": spec, **changes})


@pytest.mark.parametrize("passed_s", [0, 3, 5, 15, 33, 1000])
@pytest.mark.parametrize("fate", ["", "job_failed", "cancelled"])
def test_jobs_at_every_station_hold_only_what_the_sdk_knows(
    sandbox: Sandbox, http: httpx.Client, rows: str, fate: str, passed_s: float
) -> None:
    if fate == "job_failed":
        sandbox.faults.set(fate)
    job = made(http, rows, labels={"tunewright": "tw-one"}, tunedModelDisplayName="one").json()
    types.TuningJob.model_validate(job)  # which forbids every other field
    if fate == "cancelled":
        assert http.post(f"{JOBS}/{job['name'].rpartition('/')[2]}:cancel", json={}).json() == {}
    sandbox.advance(passed_s)
    found = http.get(f"{JOBS}/{job['name'].rpartition('/')[2]}").json()
    read = types.TuningJob.model_validate(found)
    if passed_s == 1000:
        assert read.state == f"JOB_STATE_{ {'': 'SUCCEEDED', 'job_failed': 'FAILED', 'cancelled': 'CANCELLED'}[fate] }"
        assert read.has_ended


def test_the_stock_sdk_tunes_lists_cancels_and_asks(stock: Any, sandbox: Sandbox, rows: str) -> None:
    config = types.CreateTuningJobConfig(epoch_count=3, labels={"tunewright": "tw-one"}, tuned_model_display_name="x")
    data = types.TuningDataset(gcs_uri=rows)
    job = stock.tunings.tune(base_model=FLASH, training_dataset=data, config=config)
    other = stock.tunings.tune(base_model=FLASH, training_dataset=data)
    stock.tunings.cancel(name=other.name)
    sandbox.advance(1000)
    assert stock.tunings.get(name=other.name).state == "JOB_STATE_CANCELLED"
    listed = stock.tunings.list(config={"page_size": 1, "filter": "labels.tunewright=tw-one"})
    assert [one.name for one in listed] == [job.name]
    assert len(list(stock.tunings.list(config={"page_size": 1}))) == 2
    done = stock.tunings.get(name=job.name)
    assert [one.epoch for one in done.tuned_model.checkpoints] == [1, 2, 3]
    assert done.tuned_model.checkpoints[-1].endpoint == done.tuned_model.endpoint
    answer = stock.models.generate_content(model=done.tuned_model.endpoint, contents=ASK)
    assert answer.text == "lost_card"
    pieces = [
        piece.text for piece in stock.models.generate_content_stream(model=done.tuned_model.endpoint, contents=ASK)
    ]
    assert "".join(pieces) == "lost_card"
    assert answer.usage_metadata.total_token_count == (
        answer.usage_metadata.prompt_token_count + answer.usage_metadata.candidates_token_count
    )


def test_a_base_answers_where_gemini_3_is_served(http: httpx.Client) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "one of: red, green"}]}]}
    for location, status in (("global", 200), ("us", 200), ("eu", 200), ("us-central1", 404)):
        path = f"{HOME}/{location}/publishers/google/models/{FLASH}:generateContent"
        assert http.post(path, json=body).status_code == status, location


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"baseModel": "gemini-absent"}, "not supported for tuning"),
        ({"batchSize": 3}, 'Unknown name "batchSize"'),
        ({"labels": {"tunewright": "Upper"}}, "small letters"),
        ({"labels": {"tunewright": "x" * 64}}, "at most 63"),
        ({"tunedModelDisplayName": "x" * 129}, "128"),
        ({"supervisedTuningSpec": None}, "required"),
        ({"supervisedTuningSpec": {"trainingDatasetUri": "gs://box/absent"}}, "was not found"),
    ],
)
def test_a_job_that_google_would_not_take_is_refused(
    http: httpx.Client, rows: str, changes: dict[str, Any], words: str
) -> None:
    refused = made(http, rows, **changes)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert words in error["message"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"adapterSize": "ADAPTER_SIZE_THIRTY_TWO"}, "adapter size"),
        ({"epochCount": "0"}, "between 1 and"),
        ({"epochCount": "many"}, "Invalid value"),
        ({"learningRateMultiplier": -1}, "between"),
    ],
)
def test_settings_that_google_would_not_take_are_refused(
    http: httpx.Client, rows: str, settings: dict[str, Any], words: str
) -> None:
    spec = {"trainingDatasetUri": rows, "hyperParameters": settings}
    assert words in made(http, rows, supervisedTuningSpec=spec).json()["error"]["message"]


def test_a_region_that_does_not_tune_is_refused(http: httpx.Client, rows: str) -> None:
    spec = {"trainingDatasetUri": rows}
    told = http.post(f"{HOME}/asia-east1/tuningJobs", json={"baseModel": FLASH, "supervisedTuningSpec": spec})
    assert told.status_code == 400


def test_another_project_is_not_ones_own(http: httpx.Client) -> None:
    assert http.get("/vertex/v1/projects/other/locations/us-central1/tuningJobs").status_code == 403


@pytest.mark.parametrize(
    "bad",
    [
        {"messages": []},
        {"contents": []},
        {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
        {"contents": [{"role": "model", "parts": [{"text": "x"}]}] * 2},
        {"contents": [{"role": "user", "parts": []}, {"role": "model", "parts": [{"text": "x"}]}]},
        {"contents": [{"role": "user", "parts": [{"image": 1}]}, {"role": "model", "parts": [{"text": "x"}]}]},
    ],
)
def test_rows_of_another_form_fail_the_job(
    sandbox: Sandbox, http: httpx.Client, rows: str, bad: dict[str, Any]
) -> None:
    data = f"{line(0)}\n{json.dumps(bad)}\n"
    http.post(BUCKET, params={"uploadType": "media", "name": "bad.jsonl"}, content=data)
    job = made(http, "gs://box/bad.jsonl").json()
    sandbox.advance(1000)
    found = http.get(f"{JOBS}/{job['name'].rpartition('/')[2]}").json()
    assert (found["state"], found["error"]["code"]) == ("JOB_STATE_FAILED", 3)
    assert "Line 2" in found["error"]["message"]


# ── Cloud Storage ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_object_is_made_once_under_a_precondition(http: httpx.Client) -> None:
    query = {"uploadType": "media", "name": "once", "ifGenerationMatch": "0"}
    assert http.post(BUCKET, params=query, content=b"first").status_code == 200
    assert http.post(BUCKET, params=query, content=b"second").status_code == 412
    read = "/vertex/storage/v1/b/box/o/once"
    assert http.get(read, params={"alt": "media"}).content == b"first"
    assert http.get(read).json()["name"] == "once"
    assert http.get("/vertex/storage/v1/b/box/o/other").status_code == 404


def test_bytes_of_any_kind_come_out_of_a_multipart_upload_as_they_went_in(http: httpx.Client) -> None:
    lottery = random.Random(7)
    for number in range(20):
        data = bytes(lottery.choice(b"\r\n-ab\x00") for _ in range(lottery.randrange(200)))
        frame = json.dumps({"name": f"o{number}"}).encode()
        head = b"--mark\r\ncontent-type: application/json\r\n\r\n" + frame + b"\r\n--mark\r\ncontent-type: a/b\r\n\r\n"
        kind = {"content-type": "multipart/related; boundary=mark"}
        content = head + data + b"\r\n--mark--\r\n"
        assert http.post(BUCKET, params={"uploadType": "multipart"}, content=content, headers=kind).status_code == 200
        assert http.get(f"/vertex/storage/v1/b/box/o/o{number}", params={"alt": "media"}).content == data


def test_a_wrong_checksum_is_refused(http: httpx.Client) -> None:
    head = b'--mark\r\n\r\n{"name": "x", "md5Hash": "AAAA"}\r\n--mark\r\n\r\ndata\r\n--mark--\r\n'
    kind = {"content-type": "multipart/related; boundary=mark"}
    told = http.post(BUCKET, params={"uploadType": "multipart"}, content=head, headers=kind)
    assert (told.status_code, "MD5" in told.text) == (400, True)
