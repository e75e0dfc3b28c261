"""What the sandbox answers on Bedrock's wire, held against AWS's own service model: names, types, words, patterns.

botocore reads answers leniently; here nothing may be missing that is required, nothing be there that the model does not
know, every enumeration hold its words and every name its pattern.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import loopback
import pytest

from providers.sandbox import Clock, Sandbox, serve

pytest.importorskip("boto3")
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session

ROWS = [
    {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": "Answer with one label"}],
        "messages": [
            {"role": "user", "content": [{"text": f"my card is lost {n}" if n % 2 else f"please refund {n}"}]},
            {"role": "assistant", "content": [{"text": "lost_card" if n % 2 else "refund"}]},
        ],
    }
    for n in range(24)
]
BODY = {
    "jobName": "tw-abcdefghijklmnop",
    "customModelName": "labels-tw-abcdefghijklmnop",
    "roleArn": "arn:aws:iam::123456789012:role/tuner",
    "clientRequestToken": "tw-abcdefghijklmnop",
    "baseModelIdentifier": "amazon.nova-micro-v1:0:128k",
    "trainingDataConfig": {"s3Uri": "s3://rows/train.jsonl"},
    "validationDataConfig": {"validators": [{"s3Uri": "s3://rows/train.jsonl"}]},
    "outputDataConfig": {"s3Uri": "s3://rows/out/"},
    "hyperParameters": {"epochCount": "2", "learningRate": "0.00001"},
}


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    session = botocore.session.get_session()
    return {name: session.get_service_model(name) for name in ("bedrock", "bedrock-runtime")}


class Wire:
    """Signed requests by hand, and their raw answers: what botocore would make of them is not asked."""

    def __init__(self, running: Any) -> None:
        self._running = running
        told = running.environ
        self._keys = botocore.credentials.Credentials(told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"])

    def ask(self, method: str, path: str, body: Any = None, service: str = "bedrock") -> httpx.Response:
        url = f"{self._running.aws_base_url}{path}"
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        request = botocore.awsrequest.AWSRequest(method, url, data=data)
        botocore.auth.SigV4Auth(self._keys, service, "us-east-1").add_auth(request)
        return loopback.request(method, url, content=data, headers=dict(request.headers))


@pytest.fixture(scope="module")
def place() -> Iterator[Any]:
    with Sandbox(None, clock=Clock(1_795_000_000.0, running=False), pace_s=30) as sandbox, serve(sandbox) as running:
        wire = Wire(running)
        data = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
        assert wire.ask("PUT", "/rows/train.jsonl", data, "s3").status_code == 200
        yield sandbox, wire


def hold(shape: Any, value: Any, at: str = "answer") -> Iterator[str]:
    """Everything in the value that is not as the shape says."""
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            yield f"{at}: no object"
            return
        told = {m.serialization.get("name", name): m for name, m in shape.members.items()}
        yield from (f"{at}.{name}: unknown" for name in value if name not in told)
        yield from (f"{at}.{name}: missing" for name in shape.required_members if name not in value)
        for name, member in told.items():
            if name in value:
                yield from hold(member, value[name], f"{at}.{name}")
    elif kind == "list":
        for number, item in enumerate(value):
            yield from hold(shape.member, item, f"{at}[{number}]")
    elif kind == "map":
        for key, item in value.items():
            yield from hold(shape.key, key, f"{at}.{key}")
            yield from hold(shape.value, item, f"{at}.{key}")
    elif kind == "string":
        yield from _text(shape, value, at)
    elif kind == "timestamp":
        datetime.fromisoformat(value)
    elif kind in ("integer", "long", "float", "double"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{at}: {value!r} is no number"
        elif value < shape.metadata.get("min", value) or value > shape.metadata.get("max", value):
            yield f"{at}: {value} out of range"


def _text(shape: Any, value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{at}: {value!r} is no text"
        return
    if shape.enum and value not in shape.enum:
        yield f"{at}: {value!r} is none of {shape.enum}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{at}: {value!r} does not fit {pattern}"
    if not shape.metadata.get("min", 0) <= len(value) <= shape.metadata.get("max", len(value)):
        yield f"{at}: {len(value)} characters"


def check(models: dict[str, Any], service: str, operation: str, answer: httpx.Response) -> Any:
    """Raises for anything that the operation's output does not say; answers the body."""
    told = models[service].operation_model(operation)
    assert answer.status_code == told.http.get("responseCode", 200)
    body = answer.json()
    assert list(hold(told.output_shape, body)) == []
    return body


def test_the_check_sees_what_is_wrong(models: dict[str, Any]) -> None:
    shape = models["bedrock"].operation_model("GetModelCustomizationJob").output_shape
    wrong = {"jobName": "-x", "status": "Reticulating", "madeUp": 1}
    found = " ".join(hold(shape, wrong))
    for word in ("madeUp: unknown", "jobArn: missing", "Reticulating", "does not fit"):
        assert word in found


def test_jobs_models_and_what_they_answer_behind_fit_at_every_station(models: dict[str, Any], place: Any) -> None:
    sandbox, wire = place
    jobs = "/model-customization-jobs"
    check(models, "bedrock", "CreateModelCustomizationJob", wire.ask("POST", jobs, BODY))
    seen = []
    for _ in range(60):
        job = check(models, "bedrock", "GetModelCustomizationJob", wire.ask("GET", f"{jobs}/{BODY['jobName']}"))
        listed = check(models, "bedrock", "ListModelCustomizationJobs", wire.ask("GET", jobs))
        assert listed["modelCustomizationJobSummaries"][0]["status"] == job["status"]
        seen.append((job["status"], job["statusDetails"]["trainingDetails"]["status"]))
        if job["status"] == "Completed":
            break
        sandbox.advance(10)
    assert list(dict.fromkeys(seen)) == [
        ("InProgress", "NotStarted"),
        ("InProgress", "InProgress"),
        ("Completed", "Completed"),
    ]
    check(models, "bedrock", "GetCustomModel", wire.ask("GET", f"/custom-models/{job['outputModelArn']}"))
    check(models, "bedrock", "ListCustomModels", wire.ask("GET", "/custom-models"))
    _serving(models, wire, sandbox, job["outputModelArn"])


def _serving(models: dict[str, Any], wire: Wire, sandbox: Sandbox, arn: str) -> None:
    ways = {
        "/model-customization/custom-model-deployments": (
            "CustomModelDeployment",
            {"modelDeploymentName": "tw-a", "modelArn": arn},
            "customModelDeploymentArn",
            "/model-customization/custom-model-deployments",
        ),
        "/provisioned-model-throughput": (
            "ProvisionedModelThroughput",
            {"provisionedModelName": "tw-a", "modelId": arn, "modelUnits": 1},
            "provisionedModelArn",
            "/provisioned-model-throughputs",
        ),
    }
    for path, (name, body, field, listing) in ways.items():
        made = check(models, "bedrock", f"Create{name}", wire.ask("POST", path, body))[field]
        for _ in range(2):
            check(models, "bedrock", f"Get{name}", wire.ask("GET", f"{path}/{made}"))
            check(models, "bedrock", f"List{name}s", wire.ask("GET", listing))
            sandbox.advance(60)
        asked = {"messages": [{"role": "user", "content": [{"text": "my card is lost"}]}]}
        check(models, "bedrock-runtime", "Converse", wire.ask("POST", f"/model/{made}/converse", asked))
        assert wire.ask("DELETE", f"{path}/{made}").status_code == 200


@pytest.mark.parametrize(
    "model",
    ["amazon.nova-micro-v1:0:128k", "anthropic.claude-3-haiku-20240307-v1:0:200k", "meta.llama3-1-8b-instruct-v1:0"],
)
def test_base_models_fit(models: dict[str, Any], place: Any, model: str) -> None:
    check(models, "bedrock", "GetFoundationModel", place[1].ask("GET", f"/foundation-models/{model}"))


@pytest.mark.parametrize(
    ("body", "name", "status"),
    [
        ({**BODY, "clientRequestToken": "another"}, "ConflictException", 400),
        ({**BODY, "jobName": "tw-b", "customModelName": "b", "clientRequestToken": "b", "baseModelIdentifier": "no"},
         "ValidationException", 400),
        ({**BODY, "jobName": "tw-c", "customModelName": "c", "clientRequestToken": "c",
          "trainingDataConfig": {"s3Uri": "s3://rows/absent"}}, "ValidationException", 400),
    ],
)  # fmt: skip
def test_refusals_bear_the_names_of_the_service_model(
    models: dict[str, Any], place: Any, body: dict[str, Any], name: str, status: int
) -> None:
    place[1].ask("POST", "/model-customization-jobs", BODY)
    answer = place[1].ask("POST", "/model-customization-jobs", body)
    known = models["bedrock"].operation_model("CreateModelCustomizationJob").error_shapes
    told = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in known}
    assert (answer.headers["x-amzn-errortype"], answer.status_code) == (name, status)
    assert told[name] == status
