"""Replicate's wire: the published contract and the stock SDK take what it answers, and it refuses as they do there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("replicate")
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError
from replicate.webhook import Webhooks, WebhookSigningSecret

import providers
from providers.contract import Secret
from providers.records import WebhookNews
from providers.sandbox import RunningSandbox, Sandbox
from providers.sandbox.replicate_trainer import DESTINATION, TRAINER, VERSION

CONTRACT = Path(__file__).parents[2] / "../shared/contracts/replicate-trainings.yaml"
MODEL = f"{TRAINER}:{VERSION}"


@pytest.fixture
def stock(served: RunningSandbox) -> Iterator[Client]:
    client = Client(api_token=served.api_key, base_url=served.replicate_base_url)
    yield client
    client._client.close()


@pytest.fixture
def train(stock: Client, http: httpx.Client, train_file: Path, sandbox: Sandbox) -> Callable[..., str]:
    """Upload the pairs and start a training of two epochs; returns its id."""
    url = stock.files.create(train_file).urls["get"]

    def start(**extra: Any) -> str:
        told = {"train_data": url, "num_train_epochs": 2, "seed": 7, **extra.pop("input", {})}
        return stock.trainings.create(model=TRAINER, version=VERSION, input=told, destination=DESTINATION, **extra).id

    return start


# ── the contract ────────────────────────────────────────────────────────────────────────────────────────────────────


def _strict(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` is a type, and an object has only the properties that are published."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _strict(value) for key, value in node.items()}
    if made.pop("nullable", False) and "type" in made:
        made["type"] = [made["type"], "null"]
    if isinstance(made.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


@pytest.fixture(scope="module")
def contract() -> Callable[[str, Any], None]:
    """Hold an answer against one of the published schemas."""
    jsonschema, yaml = pytest.importorskip("jsonschema"), pytest.importorskip("yaml")
    if not CONTRACT.exists():
        pytest.skip("the shared contracts are not here")
    document = _strict(yaml.load(CONTRACT.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))

    def hold(schema: str, body: Any) -> None:
        reference = f"#/components/schemas/schemas_{schema}"
        jsonschema.Draft202012Validator({**document, "$ref": reference}).validate(body)

    return hold


@pytest.mark.parametrize("passed_s", [0, 5, 15, 1000])
def test_trainings_at_every_station_satisfy_the_contract(
    contract: Any, sandbox: Sandbox, http: httpx.Client, train: Callable[..., str], passed_s: float
) -> None:
    id = train()
    sandbox.advance(passed_s)
    contract("training_response", http.get(f"/replicate/v1/trainings/{id}").json())


@pytest.mark.parametrize("fault", ["job_failed", "stuck_queue"])
def test_trainings_that_fail_or_are_cancelled_satisfy_the_contract(
    contract: Any, sandbox: Sandbox, http: httpx.Client, train: Callable[..., str], fault: str
) -> None:
    sandbox.faults.set(fault)
    id = train()
    contract("training_response", http.post(f"/replicate/v1/trainings/{id}/cancel").json())
    sandbox.advance(1000)
    ended = http.get(f"/replicate/v1/trainings/{id}").json()
    contract("training_response", ended)
    assert ended["status"] == "canceled"


def test_listings_models_versions_and_files_satisfy_the_contract(
    contract: Any, sandbox: Sandbox, http: httpx.Client, train: Callable[..., str]
) -> None:
    train()
    sandbox.advance(1000)
    for training in http.get("/replicate/v1/trainings").json()["results"]:
        contract("training_response", training)
    contract("model_response", http.get(f"/replicate/v1/models/{TRAINER}").json())
    contract("paginated_version_response", http.get(f"/replicate/v1/models/{DESTINATION}/versions").json())
    contract("version_response", http.get(f"/replicate/v1/models/{TRAINER}/versions/{VERSION}").json())
    (file,) = http.get("/replicate/v1/files").json()["results"]
    contract("file_response", {key: value for key, value in file.items() if key not in ("name", "etag")})  # the SDK's


@pytest.mark.parametrize("fault", [None, "prediction_slow", "prediction_failed"])
@pytest.mark.parametrize("headers", [{}, {"Prefer": "wait=60"}])
def test_predictions_satisfy_the_contract(
    contract: Any, sandbox: Sandbox, http: httpx.Client, fault: str | None, headers: dict[str, str]
) -> None:
    if fault:
        sandbox.faults.set(fault)
    body = {"version": MODEL, "input": {"prompt": "one label: billing, login. my password"}}
    contract("version_prediction_request", body)
    made = http.post("/replicate/v1/predictions", json=body, headers=headers)
    contract("prediction_response", made.json())
    contract("prediction_response", http.get(f"/replicate/v1/predictions/{made.json()['id']}").json())
    assert made.status_code == (202 if fault == "prediction_slow" and headers else 201)


def test_what_the_adapter_sends_satisfies_the_contract(contract: Any, train: Callable[..., str], http: Any) -> None:
    id = train(webhook="http://127.0.0.1:9/hook", webhook_events_filter=["completed"])
    told = http.get(f"/replicate/v1/trainings/{id}").json()["input"]
    hook = {"webhook": "http://127.0.0.1:9/hook", "webhook_events_filter": ["completed"]}
    contract("training_request", {"destination": DESTINATION, "input": told, **hook})


# ── the stock SDK ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_stock_sdk_trains_watches_and_asks(sandbox: Sandbox, stock: Client, train: Callable[..., str]) -> None:
    id = train()
    assert stock.trainings.get(id).status == "starting"
    sandbox.advance(1000)
    done = stock.trainings.get(id)
    assert (done.status, done.destination) == ("succeeded", DESTINATION)
    assert '"step": ' in (done.logs or "")
    words = {"prompt": "my password and account no 3", "system_prompt": "Sort the message."}
    assert "".join(stock.run(done.output["version"], input=words)) == "login"  # type: ignore[index]
    assert [training.id for training in stock.trainings.list()] == [id]
    assert stock.accounts.current().username == "sandbox"
    assert "cpu" in [hardware.sku for hardware in stock.hardware.list()]


def test_the_stock_sdk_sees_a_model_fail(sandbox: Sandbox, stock: Client) -> None:
    sandbox.faults.set("prediction_failed")
    with pytest.raises(ModelError, match="raised an exception"):
        stock.run(MODEL, input={"prompt": "hello"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"input": {"momentum": 0.9}}, "Additional property momentum is not allowed"),
        ({"input": {"num_train_epochs": 99}}, "less than or equal to 20"),
        ({"input": {"learning_rate": "fast"}}, "Expected: number"),
        ({"input": {"lr_scheduler": "step"}}, "must be one of cosine, linear, constant"),
        ({"input": {"train_data": "https://elsewhere.example/x.jsonl"}}, "knows no file at"),
        ({"webhook": "https://elsewhere.example/hook"}, "127.0.0.1 only"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_the_platforms_shape(
    train: Callable[..., str], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ReplicateError) as refused:
        train(**changes)
    assert refused.value.status == 422
    assert words in str(refused.value.detail)


def test_an_absent_thing_and_a_wrong_key_are_told_in_the_platforms_shape(http: httpx.Client) -> None:
    for path in ("trainings/x", "files/x", "models/a/b", "predictions/x", "nothing"):
        answer = http.get(f"/replicate/v1/{path}")
        assert (answer.status_code, answer.json()["status"]) == (404, 404)
        assert answer.headers["content-type"] == "application/problem+json"
    wrong = http.get("/replicate/v1/account", headers={"Authorization": "Bearer r8_wrong"})
    assert (wrong.status_code, wrong.json()["status"]) == (401, 401)


# ── webhooks ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Receiver(BaseHTTPRequestHandler):
    taken: list[tuple[dict[str, str], bytes]]
    news: threading.Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.taken.append((dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()
        self.news.set()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]], threading.Event]]:
    handler = type("Receiver", (_Receiver,), {"taken": [], "news": threading.Event()})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", handler.taken, handler.news  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_word_of_the_end_is_signed_as_the_stock_sdk_validates_it_and_names_the_training(
    sandbox: Sandbox, stock: Client, train: Callable[..., str], receiver: Any
) -> None:
    url, taken, news = receiver
    secret = stock.webhooks.default.secret()
    sandbox.faults.set("webhook_twice")
    id = train(webhook=url, webhook_events_filter=["completed"])
    assert not taken
    sandbox.advance(1000)
    assert news.wait(60)
    sandbox.webhooks.close()  # when it has closed, whatever it was sending has been sent
    first, second = taken
    assert first[0]["webhook-id"] == second[0]["webhook-id"]  # they may repeat: the same news
    headers, body = first
    Webhooks.validate(headers=headers, body=body.decode(), secret=secret, tolerance=300)
    assert json.loads(body)["output"]["version"].startswith(f"{DESTINATION}:")
    platform, now = providers.platform("replicate"), datetime.now(UTC)
    told = platform.webhook(headers, body, (Secret(secret.key),), now)
    assert told == WebhookNews(id=headers["webhook-id"], kind="succeeded", job_id=id)


def test_the_stock_sdk_and_we_refuse_the_same_forgery() -> None:
    secret = WebhookSigningSecret(key="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1795000000", "webhook-signature": "v1,AAAA"}
    with pytest.raises(ValueError, match="signature"):
        Webhooks.validate(headers=headers, body="{}", secret=secret)
    moment = datetime.fromtimestamp(1_795_000_000, UTC)
    with pytest.raises(providers.errors.Auth, match="signature"):
        providers.platform("replicate").webhook(headers, b"{}", (Secret(secret.key),), moment)
