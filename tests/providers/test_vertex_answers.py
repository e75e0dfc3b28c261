"""What Vertex AI answers, read without its SDK: states, bills, lines of a log that it does not keep, refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.classify import Asked, translate
from providers.errors import (
    Auth,
    Billing,
    Capacity,
    InvalidData,
    NotFound,
    PlatformFault,
    ProviderError,
    Quota,
    RateLimited,
    Unsupported,
)
from providers.records import JobState, Message, Method, Sampling
from providers.vertex import answers
from providers.vertex.places import Home, bucket_of, endpoint_location, host_of, object_of
from providers.vertex.questions import GatheredAnswer, request_of, thinking_of

FACTS = Path(__file__).parents[2] / "../shared/facts/status_map.json"
TAG = "tw-a2b3c4d5e6f7g2h3"
JOB: dict[str, Any] = {
    "name": "projects/123/locations/us-central1/tuningJobs/456",
    "baseModel": "gemini-3.5-flash",
    "tunedModelDisplayName": f"mine-{TAG}",
    "labels": {"tunewright": TAG, "team": "support"},
    "state": "JOB_STATE_SUCCEEDED",
    "createTime": "2026-11-26T04:00:00.734198Z",
    "startTime": "2026-11-26T04:01:00Z",
    "endTime": "2026-11-26T05:00:00Z",
    "updateTime": "2026-11-26T05:00:00Z",
    "supervisedTuningSpec": {
        "trainingDatasetUri": "gs://mine/tunewright/tw-rows.jsonl",
        "validationDatasetUri": "gs://mine/tunewright/tw-held.jsonl",
        "hyperParameters": {"epochCount": "10", "learningRateMultiplier": 1, "adapterSize": "ADAPTER_SIZE_FOUR"},
    },
    "tunedModel": {
        "model": "projects/123/locations/us/models/7@1",
        "endpoint": "projects/123/locations/us/endpoints/8",
        "checkpoints": [
            {"checkpointId": "2", "epoch": "2", "step": "20", "endpoint": "projects/123/locations/us/endpoints/8"},
            {"checkpointId": "1", "epoch": "1", "step": "10", "endpoint": "projects/123/locations/us/endpoints/9"},
        ],
    },
    # The counts of a public answer of 2024, of ten epochs: the total is the data set's, once.
    "tuningDataStats": {
        "supervisedTuningDataStats": {
            "tuningDatasetExampleCount": "500",
            "userInputTokenDistribution": {"sum": "233592"},
            "userOutputTokenDistribution": {"sum": "21651"},
            "totalBillableTokenCount": "255243",
        }
    },
}


def without(*names: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**JOB, **changes}.items() if name not in names}


# ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_state_of_the_sdk_stands_in_the_table_once() -> None:
    types = pytest.importorskip("google.genai.types")
    assert set(answers.JOB_STATES) == {state.value for state in types.JobState} - {"JOB_STATE_UNSPECIFIED"}


def test_every_state_that_the_sdk_calls_ended_is_final_here() -> None:
    types = pytest.importorskip("google.genai.types")
    from providers.records import TERMINAL_STATES

    ended = {word for word in types.JOB_STATES_ENDED if word.startswith("JOB_STATE_")}
    assert {answers.JOB_STATES[word] for word in ended} <= TERMINAL_STATES


@pytest.mark.skipif(not FACTS.exists(), reason="the shared facts are not here")
def test_the_table_says_what_the_facts_say() -> None:
    told = json.loads(FACTS.read_text())["vertex"]
    assert {word: state.value for word, state in answers.JOB_STATES.items()} == told


def test_a_finished_job_is_read_whole() -> None:
    job = answers.job(JOB)
    assert (job.id, job.state, job.model, job.tag) == ("456", JobState.SUCCEEDED, "gemini-3.5-flash", TAG)
    assert job.tuned_model == "projects/123/locations/us/endpoints/8"
    assert job.finished_at == datetime(2026, 11, 26, 5, tzinfo=UTC)
    assert job.files == {
        "train": "gs://mine/tunewright/tw-rows.jsonl",
        "validation": "gs://mine/tunewright/tw-held.jsonl",
    }
    assert (job.trained.epochs, job.trained.extra) == (10, {"learning_rate_multiplier": 1.0, "adapter_size": 4})
    assert (job.method, job.error) == (Method.SFT, None)


def test_the_billed_tokens_are_the_data_set_times_the_epochs() -> None:
    assert answers.job(JOB).billed_tokens == 10 * (233_592 + 21_651)


@pytest.mark.parametrize(
    "job",
    [
        without("tuningDataStats"),
        without(supervisedTuningSpec={"trainingDatasetUri": "gs://a/b"}),
        without(state="JOB_STATE_CANCELLED"),
        without(state="JOB_STATE_FAILED"),
        without(tuningDataStats={"supervisedTuningDataStats": {"totalBillableTokenCount": "many"}}),
    ],
    ids=["no statistics", "no epochs", "cancelled", "failed", "nonsense"],
)
def test_where_a_bill_is_not_told_none_is_assumed(job: dict[str, Any]) -> None:
    assert answers.job(job).billed_tokens is None


def test_a_model_without_an_endpoint_can_be_asked_nowhere() -> None:
    """As in a public answer: the model was uploaded, and its endpoint could not be made."""
    error = {"code": 13, "message": "Failed to create endpoint."}
    job = answers.job(without(state="JOB_STATE_FAILED", tunedModel={"model": "m@1"}, error=error))
    assert (job.state, job.tuned_model) == (JobState.FAILED, None)
    assert (job.error, job.error_code) == ("Failed to create endpoint.", "13")
    assert answers.job(without(tunedModel={"model": "m@1"})).tuned_model is None


@pytest.mark.parametrize("state", ["JOB_STATE_RETICULATING", "JOB_STATE_UNSPECIFIED", None])
def test_an_unknown_state_is_shown_as_it_came(state: str | None) -> None:
    job = answers.job(without(state=state))
    assert (job.state, job.raw_status) == (JobState.UNKNOWN, state or "")
    assert job.finished_at is None


def test_a_tag_is_read_from_the_models_name_where_the_label_is_gone() -> None:
    assert answers.job(without("labels")).tag == TAG
    assert answers.job(without("labels", "tunedModelDisplayName")).tag is None


@pytest.mark.parametrize("odd", [{"labels": 7}, {"tunedModel": []}, {"error": "no"}, {"tuningDataStats": None}])
def test_an_odd_field_breaks_nothing(odd: dict[str, Any]) -> None:
    assert answers.job(without(**odd)).id == "456"
    assert answers.events(without(**odd), None)


def test_an_answer_without_a_name_is_no_job() -> None:
    with pytest.raises(PlatformFault):
        answers.job({"state": "JOB_STATE_PENDING"})


def test_checkpoints_come_by_step_with_their_endpoints() -> None:
    first, second = answers.checkpoints(JOB)
    assert (first.step, first.model) == (10, "projects/123/locations/us/endpoints/9")
    assert second.model == answers.job(JOB).tuned_model
    assert answers.checkpoints(without("tunedModel")) == ()


# ── a log that nobody keeps ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_followed_look_by_look_tells_each_line_once() -> None:
    waiting = without(
        "startTime", "endTime", state="JOB_STATE_PENDING", tuningJobState="TUNING_JOB_STATE_PROCESSING_DATASET"
    )
    running = without("endTime", state="JOB_STATE_RUNNING", tuningJobMetadata={"completedEpochCount": "1"})
    stats = {
        "tuningDatasetExampleCount": "500",
        "totalTruncatedExampleCount": "3",
        "droppedExampleReasons": ["too long"],
    }
    dropped = {**running, "tuningDataStats": {"supervisedTuningDataStats": stats}}
    done = {**JOB, "tuningDataStats": dropped["tuningDataStats"]}
    said, cursor = [], None
    for look in (waiting, waiting, running, dropped, dropped, done, done):
        lines = answers.events(look, cursor)
        said += [line.message for line in lines]
        cursor = lines[-1].id if lines else cursor
    assert said == [
        "the job was made",
        "pending, processing dataset",
        "the job has started",
        "running, 1 epochs done",
        "3 of 500 rows were left out: too long",
        "running, 1 epochs done",
        "succeeded",
    ]


def test_a_failure_is_a_line_of_its_own() -> None:
    failed = without("tunedModel", state="JOB_STATE_FAILED", error={"code": 3, "message": "bad rows"})
    last = answers.events(failed, None)[-1]
    assert (last.level, last.message, last.type) == ("error", "failed: bad rows", "failed")


# ── places ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
    ],
)
def test_each_location_has_its_host(location: str, host: str) -> None:
    assert host_of(location) == host


def test_the_sdk_goes_to_the_same_hosts() -> None:
    """What we tell it, it would have chosen by itself."""
    genai = pytest.importorskip("google.genai")
    from google.auth.credentials import AnonymousCredentials

    for location in ("us-central1", "europe-west4", "us", "eu", "global"):
        client = genai.Client(vertexai=True, project="p", location=location, credentials=AnonymousCredentials())
        assert client._api_client._http_options.base_url.rstrip("/") == host_of(location)
        client.close()


def test_an_endpoint_is_told_from_a_base_model() -> None:
    assert endpoint_location("projects/1/locations/eu/endpoints/2") == "eu"
    for other in ("gemini-3.5-flash", "projects/1/locations/eu/models/2@1", "projects/1/locations/eu/endpoints/2:x"):
        assert endpoint_location(other) is None


def test_a_job_is_named_in_our_project_whatever_project_its_name_tells() -> None:
    home = Home("mine", "us-central1")
    assert home.job("456") == home.job("projects/123/locations/us-central1/tuningJobs/456")
    assert home.job("456") == "projects/mine/locations/us-central1/tuningJobs/456"


@pytest.mark.parametrize("told", ["gs://box/a/b/", "box/a/b"])
def test_a_bucket_is_written_with_or_without_its_scheme(told: str) -> None:
    bucket = bucket_of({"bucket": told})
    assert (bucket.name, bucket.prefix) == ("box", "a/b/")


@pytest.mark.parametrize("odd", ["file-1", "s3://a/b", "gs://a", "gs:///b"])
def test_what_is_no_object_is_not_found(odd: str) -> None:
    with pytest.raises(NotFound):
        object_of(odd)


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────


def refused(
    status: int, name: str, message: str, reason: str | None = None, headers: Mapping[str, str] = {}
) -> ProviderError:
    """As Google's API answers it, in the error of our tree."""
    httpx2 = pytest.importorskip("httpx2")
    pytest.importorskip("google.genai")
    from providers.vertex.wire import Refused

    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    body = {"error": {"code": status, "message": message, "status": name, "details": details}}
    return translate(Refused(httpx2.Response(status, json=body, headers=headers)), Asked("vertex", "create"))


@pytest.mark.parametrize(
    ("told", "kind", "code"),
    [
        ((401, "UNAUTHENTICATED", "Request had invalid authentication credentials."), Auth, "UNAUTHENTICATED"),
        ((403, "PERMISSION_DENIED", "Permission denied on resource."), Auth, "PERMISSION_DENIED"),
        ((403, "PERMISSION_DENIED", "It is disabled.", "SERVICE_DISABLED"), Auth, "SERVICE_DISABLED"),
        ((403, "PERMISSION_DENIED", "Enable it.", "BILLING_DISABLED"), Billing, "BILLING_DISABLED"),
        ((403, "PERMISSION_DENIED", "This API method requires billing to be enabled."), Billing, "PERMISSION_DENIED"),
        ((400, "INVALID_ARGUMENT", "The adapter size is not supported."), InvalidData, "INVALID_ARGUMENT"),
        ((404, "NOT_FOUND", "TuningJob was not found."), NotFound, "NOT_FOUND"),
        ((429, "RESOURCE_EXHAUSTED", "Resource exhausted, please try again later."), RateLimited, "RESOURCE_EXHAUSTED"),
        ((429, "RESOURCE_EXHAUSTED", "Quota exceeded: Global concurrent tuning jobs."), Quota, "RESOURCE_EXHAUSTED"),
        ((503, "UNAVAILABLE", "The model is overloaded."), Capacity, "UNAVAILABLE"),
        ((500, "INTERNAL", "Internal error encountered."), PlatformFault, "INTERNAL"),
    ],
)
def test_a_refusal_is_told_by_what_it_is(told: Any, kind: type[ProviderError], code: str) -> None:
    error = refused(*told)
    assert (type(error), error.wire_code) == (kind, code)
    assert error.nothing_created is (told[0] < 500)


def test_a_wait_is_read_from_the_headers() -> None:
    assert refused(429, "RESOURCE_EXHAUSTED", "later", headers={"retry-after": "7"}).retry_after_s == 7


def test_a_token_of_googles_shape_is_in_no_refusal() -> None:
    """Also one that nobody told us of."""
    error = refused(401, "UNAUTHENTICATED", "Invalid token ya29.a0AfH6SMBcanary_0123456789")
    assert "canary" not in error.message + str(error.body)


def test_the_refusal_of_a_stream_is_a_list_of_one() -> None:
    httpx2 = pytest.importorskip("httpx2")
    pytest.importorskip("google.genai")
    from providers.vertex.wire import Refused

    body = [{"error": {"code": 404, "message": "no such endpoint", "status": "NOT_FOUND"}}]
    error = translate(Refused(httpx2.Response(404, json=body)), Asked("vertex", "complete"))
    assert (type(error), error.message, error.wire_code) == (NotFound, "no such endpoint", "NOT_FOUND")


# ── questions and answers ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_question_has_the_shape_of_a_training_line_without_its_answer() -> None:
    from providers.dialects import GEMINI
    from providers.records import Example

    asked = (Message("system", "Be brief."), Message("user", "Why is the sky blue?"))
    body = request_of(asked, Sampling(max_tokens=99), (), {"thinkingLevel": "MINIMAL"})
    line = GEMINI.encode(Example((*asked, Message("assistant", "It scatters."))))
    assert body["systemInstruction"] == line["systemInstruction"]
    assert body["contents"] == line["contents"][:-1]
    assert body["generationConfig"] == {
        "temperature": 0.0,
        "maxOutputTokens": 99,
        "seed": 7,
        "thinkingConfig": {"thinkingLevel": "MINIMAL"},
    }


@pytest.mark.parametrize(
    ("model", "chosen", "told"),
    [
        ("gemini-3.5-flash", "", {"thinkingLevel": "MINIMAL"}),
        ("", "", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.5-flash", "low", {"thinkingLevel": "LOW"}),
        ("gemini-3.5-flash", "default", None),
        ("gemini-2.5-flash", "", {"thinkingBudget": 0}),
        ("gemini-2.0-flash-001", "", None),
    ],
)
def test_thinking_is_turned_down_as_far_as_a_model_knows(model: str, chosen: str, told: Any) -> None:
    assert thinking_of(model, chosen) == told


def test_a_level_of_thinking_that_there_is_not_is_refused() -> None:
    with pytest.raises(Unsupported, match="harder"):
        thinking_of("gemini-3.5-flash", "harder")


def gathered(*pieces: dict[str, Any]) -> Any:
    answer = GatheredAnswer()
    for place, piece in enumerate(pieces):
        answer.add(piece, 0.1 * (place + 1))
    return answer.completion(1.0, {})


def said(*parts: dict[str, Any], stop: str | None = None, **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, **({"finishReason": stop} if stop else {})}
    return {"candidates": [candidate], **more}


def test_pieces_make_one_answer_without_its_thoughts() -> None:
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 3, "thoughtsTokenCount": 4}
    answer = gathered(
        said({"text": "hm", "thought": True}),
        said({"text": "blue"}, modelVersion="gemini-3.5-flash", responseId="r1"),
        said({"text": " sky"}, stop="STOP", usageMetadata=usage),
    )
    assert (answer.text, answer.finish_reason, answer.model) == ("blue sky", "stop", "gemini-3.5-flash")
    assert (answer.input_tokens, answer.output_tokens) == (5, 7)  # thoughts are paid as output
    assert (answer.first_token_s, answer.request_id) == (0.2, "r1")


@pytest.mark.parametrize(
    ("piece", "reason", "refusal"),
    [
        (said(stop="MAX_TOKENS"), "length", None),
        (said(stop="SAFETY"), "content_filter", "SAFETY"),
        (said(stop="A_NEW_REASON"), "a_new_reason", None),
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "content_filter", "PROHIBITED_CONTENT"),
    ],
)
def test_why_an_answer_ended_is_told(piece: dict[str, Any], reason: str, refusal: str | None) -> None:
    answer = gathered(piece)
    assert (answer.text, answer.finish_reason, answer.refusal) == ("", reason, refusal)


@pytest.mark.parametrize("piece", [{}, {"candidates": []}, said({"text": "half"})])
def test_an_answer_that_has_no_end_is_none(piece: dict[str, Any]) -> None:
    with pytest.raises(PlatformFault):
        gathered(piece)
