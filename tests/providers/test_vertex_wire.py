"""The Gen AI SDK's client as we use it: the body that it would send, one POST each time, credentials that hold."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

import providers
from providers.contract import Connection, Provider, Secret
from providers.errors import Auth, CannotTell, PlatformFault, ProviderError, RateLimited, Unreachable
from providers.records import Hyperparameters, Message, Plan, ProviderFile, Sampling

pytest.importorskip("google.genai")
pytest.importorskip("starlette")
from google import genai
from google.genai import types

from providers.sandbox import RunningSandbox, Sandbox, serve
from providers.vertex.bodies import create_body

pytestmark = pytest.mark.anyio

PLATFORM = providers.platform("vertex")
MODEL = "gemini-3.5-flash"
TRAIN, HELD = "gs://box/tunewright/tw-rows.jsonl", "gs://box/tunewright/tw-held.jsonl"
TOKEN = "ya29.canary-0123456789abcdef"
JOBS = "/projects/mine/locations/us-central1/tuningJobs"


@pytest.fixture
def plan(make_plan: Callable[..., Plan]) -> Plan:
    return make_plan("vertex", MODEL, hyperparameters=Hyperparameters(epochs=3))


class Google:
    """A server in the process: it notes every request, and answers by the function it is given."""

    def __init__(self, answer: Callable[[httpx2.Request], httpx2.Response]) -> None:
        self.asked: list[httpx2.Request] = []
        self._answer = answer

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        return self._answer(request)

    def count(self, method: str, ending: str) -> int:
        return sum(one.method == method and one.url.path.endswith(ending) for one in self.asked)

    @asynccontextmanager
    async def account(self, **changes: Any) -> AsyncIterator[Provider]:
        options = {"project": "mine", "location": "us-central1", "bucket": "box"}
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(self), follow_redirects=True) as http:
            given = Connection(api_key=Secret(TOKEN), project="mine", account="mine/us-central1", options=options)
            async with PLATFORM.open(replace(given, http=http, **changes)) as account:
                yield account


def job(tag: str | None = None, id: str = "1") -> dict[str, Any]:
    labels = {"labels": {"tunewright": tag}} if tag else {}
    return {"name": f"projects/7/locations/us-central1/tuningJobs/{id}", "state": "JOB_STATE_PENDING", **labels}


# ── the SDK's own call, and ours ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.filterwarnings("ignore:The SDK's tuning implementation is experimental")
@pytest.mark.parametrize("full", [False, True], ids=["plain", "every setting"])
async def test_what_is_bought_is_what_the_sdks_own_call_would_send(plan: Plan, tag: str, full: bool) -> None:
    extra = {"learning_rate_multiplier": 0.5, "adapter_size": 8, "export_last_checkpoint_only": True} if full else {}
    wanted = replace(plan, suffix="mine" if full else None, validation_sha256="b" * 64 if full else None)
    wanted = replace(wanted, hyperparameters=Hyperparameters(epochs=3, extra=extra))
    files = {"train": TRAIN, **({"validation": HELD} if full else {})}
    google = Google(lambda request: httpx2.Response(200, json=job(tag)))
    async with google.account() as account:
        await account.create(wanted, files, tag)
    config = types.CreateTuningJobConfig(
        epoch_count=3,
        learning_rate_multiplier=extra.get("learning_rate_multiplier"),
        adapter_size=types.AdapterSize.ADAPTER_SIZE_EIGHT if full else None,
        export_last_checkpoint_only=extra.get("export_last_checkpoint_only"),
        validation_dataset=types.TuningValidationDataset(gcs_uri=HELD) if full else None,
        tuned_model_display_name=f"mine-{tag}" if full else tag,
        labels={"tunewright": tag},
    )
    theirs = Google(lambda request: httpx2.Response(200, json=job(tag)))
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(theirs)) as http:
        client = stock(http)
        await client.aio.tunings.tune(
            base_model=MODEL, training_dataset=types.TuningDataset(gcs_uri=TRAIN), config=config
        )
        client.close()
    (our_post,), (their_post,) = google.asked, theirs.asked
    assert (our_post.method, our_post.url) == (their_post.method, their_post.url)
    assert json.loads(our_post.content) == json.loads(their_post.content) == create_body(wanted, files, tag)
    assert our_post.headers["authorization"] == their_post.headers["authorization"]


def stock(http: Any, **options: Any) -> Any:
    from google.oauth2.credentials import Credentials

    settings = types.HttpOptions(httpx_async_client=http, **options)
    return genai.Client(
        vertexai=True,
        project="mine",
        location="us-central1",
        credentials=Credentials(token=TOKEN),
        http_options=settings,
    )


# ── one POST ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
async def test_a_purchase_is_one_post_whatever_is_answered(plan: Plan, tag: str, status: int) -> None:
    google = Google(lambda request: httpx2.Response(status, json={"error": {"code": status, "message": "no"}}))
    async with google.account() as account:
        with pytest.raises(ProviderError) as failed:
            await account.create(plan, {"train": TRAIN}, tag)
    assert google.count("POST", JOBS) == len(google.asked) == 1
    assert failed.value.nothing_created is (status == 429)
    assert isinstance(failed.value, RateLimited) is (status == 429)


async def test_a_purchase_whose_answer_is_lost_is_one_post_and_in_doubt(plan: Plan, tag: str) -> None:
    def lose(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.RemoteProtocolError("Server disconnected without sending a response.", request=request)

    google = Google(lose)
    async with google.account() as account:
        with pytest.raises(Unreachable) as lost:
            await account.create(plan, {"train": TRAIN}, tag)
    assert (len(google.asked), lost.value.nothing_created) == (1, False)


async def test_a_purchase_is_not_sent_on_to_where_a_redirect_leads(plan: Plan, tag: str) -> None:
    """A 308 asks for the same POST once more; the client that we are given would follow it."""
    google = Google(lambda request: httpx2.Response(308, headers={"location": "https://elsewhere.example/jobs"}))
    async with google.account() as account:
        with pytest.raises(PlatformFault) as failed:
            await account.create(plan, {"train": TRAIN}, tag)
    assert [one.url.host for one in google.asked] == ["us-central1-aiplatform.googleapis.com"]
    assert failed.value.nothing_created is False


async def test_every_request_has_its_time_outs(plan: Plan, tag: str) -> None:
    """The SDK would wait for ever."""
    google = Google(lambda request: httpx2.Response(200, json=job(tag)))
    options = {"project": "mine", "location": "us-central1", "read_timeout_s": "3"}
    async with google.account(options=options) as account:
        await account.create(plan, {"train": TRAIN}, tag)
    waits = google.asked[0].extensions["timeout"]
    assert (waits["connect"], waits["read"]) == (10.0, 3.0)
    assert None not in waits.values()


# ── finding a job again ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("filtered", ["refused", "empty", "ignored"])
async def test_a_filter_that_does_not_work_hides_no_job(tag: str, filtered: str) -> None:
    """No source promises that this list can be filtered by labels: only the whole list can say "none"."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if "filter" in request.url.params and filtered == "refused":
            return httpx2.Response(400, json={"error": {"code": 400, "message": "bad filter"}})
        if "filter" in request.url.params and filtered == "empty":
            return httpx2.Response(200, json={})
        if "pageToken" not in request.url.params:
            return httpx2.Response(200, json={"tuningJobs": [job(None, "9")], "nextPageToken": "2"})
        return httpx2.Response(200, json={"tuningJobs": [job(tag, "1")]})

    async with Google(answer).account() as account:
        assert [found.id for found in await account.find(tag)] == ["1"]


async def test_a_list_that_cannot_be_had_is_no_proof_of_absence(tag: str) -> None:
    google = Google(lambda request: httpx2.Response(503, json={"error": {"code": 503, "message": "later"}}))
    async with google.account() as account:
        with pytest.raises(PlatformFault):
            await account.find(tag)
    assert len(google.asked) == 1


async def test_an_answer_that_is_no_listing_is_no_proof_of_absence_either(tag: str) -> None:
    async with Google(lambda request: httpx2.Response(200, json={"tuningJobs": "none"})).account() as account:
        with pytest.raises(PlatformFault):
            await account.find(tag)


async def test_a_listing_that_does_not_end_cannot_tell(tag: str) -> None:
    page = {"tuningJobs": [job(None, "9")], "nextPageToken": "again"}
    async with Google(lambda request: httpx2.Response(200, json=page)).account() as account:
        with pytest.raises(CannotTell):
            await account.find(tag)


# ── where it is asked ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_tuned_endpoint_is_asked_at_the_host_of_its_own_location() -> None:
    answered = {"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}]}
    google = Google(lambda request: httpx2.Response(200, json=answered))
    question = (Message("user", "hello"),)
    async with google.account() as account:
        await account.complete("projects/7/locations/us/endpoints/8", question, Sampling())
        await account.complete(MODEL, question, Sampling())
    assert [(one.url.host, one.url.path) for one in google.asked] == [
        ("aiplatform.us.rep.googleapis.com", "/v1beta1/projects/7/locations/us/endpoints/8:generateContent"),
        (
            "aiplatform.googleapis.com",
            f"/v1beta1/projects/mine/locations/global/publishers/google/models/{MODEL}:generateContent",
        ),
    ]


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-2.0-flash-001"])
async def test_a_model_that_is_gone_is_refused_at_google_itself(plan: Plan, model: str) -> None:
    google = Google(lambda request: httpx2.Response(200, json={}))
    async with google.account() as account:
        told = await account.preflight(replace(plan, model=model))
    assert bool(told.problems) is (model == "gemini-2.5-flash")  # the other is none that our facts know
    if told.problems:
        assert "2026-10-20" in told.problems[0]


async def test_a_region_that_is_not_listed_is_warned_of(plan: Plan) -> None:
    google = Google(lambda request: httpx2.Response(200, json={}))
    options = {"project": "mine", "location": "asia-east1", "bucket": "box"}
    async with google.account(options=options) as account:
        (warning,) = (await account.preflight(plan)).warnings
    assert "us-central1 and europe-west4" in warning


@pytest.mark.parametrize(("status", "words"), [(404, "no bucket 'box'"), (403, "denied")])
async def test_a_bucket_that_cannot_be_used_is_a_problem(plan: Plan, status: int, words: str) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "storage.googleapis.com":
            return httpx2.Response(status, json={"error": {"code": status, "message": "denied"}})
        return httpx2.Response(200, json={})

    async with Google(answer).account() as account:
        (problem,) = (await account.preflight(plan)).problems
    assert words in problem


# ── credentials ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Issuer(BaseHTTPRequestHandler):
    """Google's token endpoint: hands out what the server was told to, and counts."""

    def do_POST(self) -> None:
        server: Any = self.server
        length = int(self.headers["content-length"])
        server.asked.append(self.rfile.read(length).decode())
        body = json.dumps(server.answer).encode()
        self.send_response(server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def issuer() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    server.asked, server.status, server.answer = [], 200, {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def service_account(tmp_path: Path) -> Callable[[str], Path]:
    """The file that the console gives, with a key of its own."""
    cryptography = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = cryptography.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def write(token_uri: str) -> Path:
        path = tmp_path / "service-account.json"
        told = {
            "type": "service_account",
            "project_id": "sandbox",
            "client_email": "tuner@sandbox.iam.gserviceaccount.com",
            "private_key_id": "1",
            "private_key": pem,
            "token_uri": token_uri,
        }
        path.write_text(json.dumps(told))
        return path

    return write


@pytest.fixture
def running() -> Iterator[RunningSandbox]:
    with Sandbox(None, pace_s=0) as world, serve(world) as running:
        yield running


def by_file(running: RunningSandbox, file: Path, tmp_path: Path) -> Connection:
    environ = {**running.environ, "GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    del environ["GOOGLE_OAUTH_ACCESS_TOKEN"]
    return PLATFORM.connection(environ, None, tmp_path)


async def test_a_service_account_gets_its_token_once_and_works_with_it(
    running: RunningSandbox,
    issuer: Any,
    service_account: Callable[[str], Path],
    make_file: Callable[..., ProviderFile],
    plan: Plan,
    tag: str,
    tmp_path: Path,
) -> None:
    issuer.answer = {"access_token": running.api_key, "expires_in": 3600, "token_type": "Bearer"}
    file = service_account(f"http://127.0.0.1:{issuer.server_port}/token")
    async with PLATFORM.open(by_file(running, file, tmp_path)) as account:
        sent = await account.upload(make_file(PLATFORM))
        bought = await account.create(plan, {"train": sent.id}, tag)
        assert [job.id for job in await account.find(tag)] == [bought.id]
    assert len(issuer.asked) == 1
    assert "jwt-bearer" in issuer.asked[0]


async def test_a_token_that_runs_out_is_renewed(
    running: RunningSandbox, issuer: Any, service_account: Callable[[str], Path], tmp_path: Path
) -> None:
    issuer.answer = {"access_token": running.api_key, "expires_in": 1, "token_type": "Bearer"}
    file = service_account(f"http://127.0.0.1:{issuer.server_port}/token")
    async with PLATFORM.open(by_file(running, file, tmp_path)) as account:
        for _ in range(2):
            await account.jobs()
    assert len(issuer.asked) >= 2


@pytest.mark.parametrize("failure", ["refused", "unreachable", "no such file"])
async def test_credentials_that_fail_prove_that_nothing_was_bought(
    failure: str,
    running: RunningSandbox,
    issuer: Any,
    service_account: Callable[[str], Path],
    plan: Plan,
    tag: str,
    tmp_path: Path,
) -> None:
    issuer.status, issuer.answer = 400, {"error": "invalid_grant", "error_description": "account not found"}
    address = f"http://127.0.0.1:{issuer.server_port}/token" if failure == "refused" else "http://127.0.0.1:9/token"
    file = tmp_path / "absent.json" if failure == "no such file" else service_account(address)
    async with PLATFORM.open(by_file(running, file, tmp_path)) as account:
        with pytest.raises(Unreachable if failure == "unreachable" else Auth) as failed:
            await account.create(plan, {"train": TRAIN}, tag)
    assert failed.value.nothing_created
    assert "PRIVATE KEY" not in "".join(traceback.format_exception(failed.value)) + repr(vars(failed.value))


async def test_a_token_that_the_server_repeats_is_cut_out(plan: Plan) -> None:
    body = {"error": {"code": 401, "message": f"Invalid token: {TOKEN}", "status": "UNAUTHENTICATED"}}
    async with Google(lambda request: httpx2.Response(401, json=body)).account() as account:
        with pytest.raises(Auth) as refused:
            await account.preflight(plan)
    assert TOKEN not in "".join(traceback.format_exception(refused.value)) + repr(vars(refused.value))
