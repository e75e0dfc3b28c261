"""The sandbox's Fireworks wire: its answers satisfy the published contract, and the stock SDK runs against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import loopback
import pytest

from providers.sandbox import RunningSandbox, Sandbox

fireworks = pytest.importorskip("fireworks")
jsonschema = pytest.importorskip("jsonschema")
yaml = pytest.importorskip("yaml")

CONTRACTS = Path(__file__).parents[2] / "../shared/contracts"
GATEWAY, CHAT = CONTRACTS / "fireworks-finetune.yaml", CONTRACTS / "fireworks-chat.yaml"
ROOT = "/fireworks/v1/accounts/sandbox"
SFT, DPO = f"{ROOT}/supervisedFineTuningJobs", f"{ROOT}/dpoJobs"
EIGHT = "accounts/fireworks/models/qwen3-8b"
FILE = "accounts/sandbox/datasets/rows"

published = pytest.mark.skipif(not GATEWAY.exists(), reason="the shared contracts are not here")


@pytest.fixture
def fire(served: RunningSandbox) -> Iterator[Any]:
    """The stock client, pointed here by its own three variables."""
    with fireworks.Fireworks(
        base_url=served.fireworks_base_url, api_key=served.api_key, account_id="sandbox", max_retries=0
    ) as stock:
        yield stock


@pytest.fixture
def rows(fire: Any, sandbox: Sandbox, chat_file: Callable[..., bytes], pairs: Any) -> str:
    """A data set that is READY."""
    return _filled(fire, sandbox, "rows", chat_file(pairs))


def _filled(fire: Any, sandbox: Sandbox, id: str, data: bytes) -> str:
    fire.datasets.create(dataset_id=id, dataset={"user_uploaded": {}, "example_count": str(data.count(b"\n"))})
    fire.datasets.upload(id, file=("rows.jsonl", data))
    sandbox.advance(1000)
    return f"accounts/sandbox/datasets/{id}"


class Contract:
    """A published document; objects are held to the properties that it names, which JSON Schema alone lets pass."""

    def __init__(self, path: Path) -> None:
        self._doc = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    def check(self, schema: str, body: Any) -> None:
        jsonschema.Draft202012Validator({**self._doc, "$ref": f"#/components/schemas/{schema}"}).validate(body)
        assert set(body) <= set(self._doc["components"]["schemas"][schema]["properties"])


@pytest.fixture(scope="module")
def gateway() -> Contract:
    return Contract(GATEWAY)


@pytest.fixture(scope="module")
def chat() -> Contract:
    return Contract(CHAT)


def supervised(http: httpx.Client, id: str = "tw-one", **changes: Any) -> httpx.Response:
    body = {"dataset": FILE, "baseModel": EIGHT, "epochs": 3, "outputModel": f"{id}-out", "displayName": id, **changes}
    return http.post(SFT, params={"supervisedFineTuningJobId": id}, json=body)


@published
@pytest.mark.parametrize("passed_s", [0, 3, 5, 15, 33, 1000])
def test_supervised_jobs_at_every_station_satisfy_the_contract(
    gateway: Contract, sandbox: Sandbox, http: httpx.Client, rows: str, passed_s: float
) -> None:
    made = supervised(http, evaluationDataset=rows)
    gateway.check("gatewaySupervisedFineTuningJob", made.json())
    sandbox.advance(passed_s)
    gateway.check("gatewaySupervisedFineTuningJob", http.get(f"{SFT}/tw-one").json())
    gateway.check("gatewayListSupervisedFineTuningJobsResponse", http.get(SFT).json())


@published
@pytest.mark.parametrize("fate", ["job_failed", "cancelled", "paused"])
def test_jobs_that_end_or_stand_otherwise_satisfy_the_contract(
    gateway: Contract, sandbox: Sandbox, http: httpx.Client, rows: str, fate: str
) -> None:
    if fate == "job_failed":
        sandbox.faults.set(fate)
    supervised(http)
    if fate == "cancelled":
        assert http.post(f"{SFT}/tw-one:cancel", json={}).json() == {}
    if fate == "paused":
        sandbox.book.pause("tw-one")
    sandbox.advance(1000)
    found = http.get(f"{SFT}/tw-one").json()
    gateway.check("gatewaySupervisedFineTuningJob", found)
    assert found["state"] == f"JOB_STATE_{'FAILED' if fate == 'job_failed' else fate.upper()}"


@published
def test_preference_jobs_satisfy_the_contract(
    gateway: Contract, sandbox: Sandbox, http: httpx.Client, fire: Any
) -> None:
    sides = {"preferred_output": [_said("hello")], "non_preferred_output": [_said("what")]}
    row = json.dumps({"input": {"messages": [{"role": "user", "content": "hi"}]}, **sides}) + "\n"
    body = {
        "dataset": _filled(fire, sandbox, "prefer", row.encode() * 12),
        "trainingConfig": {"baseModel": EIGHT, "epochs": 2},
        "lossConfig": {"method": "DPO", "dpo": {"beta": 0.3}},
    }
    gateway.check("gatewayDpoJob", http.post(DPO, params={"dpoJobId": "tw-two"}, json=body).json())
    assert http.get(f"{DPO}/tw-two:getMetricsFileEndpoint").json() == {}
    sandbox.advance(1000)
    gateway.check("gatewayDpoJob", http.get(f"{DPO}/tw-two").json())
    gateway.check("gatewayListDpoJobsResponse", http.get(DPO).json())
    told = http.get(f"{DPO}/tw-two:getMetricsFileEndpoint").json()
    gateway.check("gatewayGetDpoJobMetricsFileResponse", told)
    lines = [json.loads(line) for line in loopback.get(told["signedUrl"]).text.splitlines()]
    assert lines[-1]["train/margin"] > lines[0]["train/margin"]


def _said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@published
def test_data_sets_models_estimates_and_deployments_satisfy_the_contract(
    gateway: Contract, sandbox: Sandbox, http: httpx.Client, fire: Any, rows: str
) -> None:
    supervised(http)
    fire.datasets.create(dataset_id="waiting", dataset={"user_uploaded": {}})
    asked = {"filenameToSize": {"a.jsonl": "10"}}
    sandbox.advance(1000)
    model = http.get(f"{ROOT}/models/tw-one-out").json()
    body = {"baseModel": model["name"], "displayName": "d", "minReplicaCount": 0, "maxReplicaCount": 1}
    policy = {"autoscalingPolicy": {"scaleToZeroWindow": "600s"}}
    deployment = http.post(f"{ROOT}/deployments", params={"deploymentId": "tw-three"}, json=body | policy).json()
    estimate = http.post(f"{SFT}:estimateCost", json={"dataset": rows, "baseModel": EIGHT, "epochs": 2}).json()
    answers = {
        "gatewayDataset": http.get(f"{ROOT}/datasets/rows").json(),
        "gatewayListDatasetsResponse": http.get(f"{ROOT}/datasets").json(),
        "gatewayGetDatasetUploadEndpointResponse": http.post(
            f"{ROOT}/datasets/waiting:getUploadEndpoint", json=asked
        ).json(),
        "gatewayModel": model,
        "gatewayListModelsResponse": http.get(f"{ROOT}/models").json(),
        "gatewayEstimateSupervisedFineTuningJobCostResponse": estimate,
        "gatewayDeployment": deployment,
        "gatewayListDeploymentsResponse": http.get(f"{ROOT}/deployments").json(),
    }
    for schema, answer in answers.items():
        gateway.check(schema, answer)
    gateway.check("gatewayModel", http.get(f"/fireworks/v1/{EIGHT}").json())
    for _ in range(2):  # up, then gone
        sandbox.advance(1000)
        gateway.check("gatewayDeployment", http.get(f"{ROOT}/deployments/tw-three").json())
        http.delete(f"{ROOT}/deployments/tw-three")


@published
def test_questions_and_their_answers_satisfy_the_contract(chat: Contract, http: httpx.Client) -> None:
    body = {"model": EIGHT, "messages": [{"role": "user", "content": "hello there"}]}
    chat.check("ChatCompletionRequest", body)
    path = "/fireworks/inference/v1/chat/completions"
    chat.check("ChatCompletionResponse", http.post(path, json=body).json())
    with http.stream("POST", path, json=body | {"stream": True}) as stream:
        chunks = [line.removeprefix("data: ") for line in stream.iter_lines() if line.startswith("data: {")]
    for chunk in chunks:
        chat.check("ChatCompletionStreamResponse", json.loads(chunk))
    assert json.loads(chunks[-1])["usage"]["completion_tokens"]


# ── what it does ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_id_is_given_once(http: httpx.Client, rows: str) -> None:
    assert supervised(http).status_code == 200
    again = supervised(http, epochs=7)
    assert (again.status_code, again.json()["code"]) == (409, 6)
    assert len(http.get(SFT).json()["supervisedFineTuningJobs"]) == 1


def test_a_job_stops_early_when_the_validation_loss_no_longer_falls(
    sandbox: Sandbox, http: httpx.Client, fire: Any, rows: str, chat_file: Callable[..., bytes], pairs: Any
) -> None:
    """The held-out labels are wrong on purpose: what is learned makes the loss on them rise."""
    labels = sorted({label for _, label in pairs})
    wrong = [(text, next(label for label in labels if label != own)) for text, own in pairs[:20]]
    held_out = _filled(fire, sandbox, "wrong", chat_file(wrong))
    supervised(http, evaluationDataset=held_out, earlyStop=True, epochs=30)
    supervised(http, id="tw-whole", evaluationDataset=held_out, epochs=30)
    sandbox.advance(100_000)
    stopped, whole = (http.get(f"{SFT}/{id}").json() for id in ("tw-one", "tw-whole"))
    assert (stopped["state"], whole["state"]) == ("JOB_STATE_EARLY_STOPPED", "JOB_STATE_COMPLETED")
    assert stopped["jobProgress"]["epoch"] < 30
    assert http.get(f"{ROOT}/models/tw-one-out").status_code == 200


def test_a_job_that_the_platform_has_paused_goes_on_when_resumed(
    sandbox: Sandbox, fire: Any, http: httpx.Client, rows: str
) -> None:
    supervised(http)
    sandbox.trainer.settle()
    sandbox.advance(10)
    sandbox.book.pause("tw-one")
    assert fire.supervised_fine_tuning_jobs.get("tw-one").state == "JOB_STATE_PAUSED"
    assert fire.supervised_fine_tuning_jobs.resume("tw-one", body={}).state != "JOB_STATE_PAUSED"
    sandbox.advance(1000)
    assert fire.supervised_fine_tuning_jobs.get("tw-one").state == "JOB_STATE_COMPLETED"


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"dataset": "accounts/sandbox/datasets/absent"}, 404, "absent"),
        ({"baseModel": "accounts/fireworks/models/absent"}, 404, "absent"),
        ({"warmStartFrom": "accounts/sandbox/models/x"}, 400, "Only one of"),
        ({"epochs": 0}, 400, "epochs"),
        ({"earlyStop": True}, 400, "evaluationDataset"),
        ({"outputModel": "Capital"}, 400, "outputModel"),
        ({"evalAutoCarveout": True}, 400, "evalAutoCarveout"),
    ],
)
def test_a_bad_request_is_refused_in_the_gateways_own_shape(
    http: httpx.Client, rows: str, changes: dict[str, Any], status: int, says: str
) -> None:
    refused = supervised(http, **changes)
    assert refused.status_code == status
    assert set(refused.json()) == {"code", "message", "details"}
    assert says in refused.json()["message"]
    assert http.get(SFT).json()["totalSize"] == 0


def test_a_list_comes_in_pages(http: httpx.Client, rows: str) -> None:
    for id in ("tw-a", "tw-b", "tw-c"):
        supervised(http, id=id)
    first = http.get(SFT, params={"pageSize": 2}).json()
    second = http.get(SFT, params={"pageSize": 2, "pageToken": first["nextPageToken"]}).json()
    names = [job["name"][-4:] for page in (first, second) for job in page["supervisedFineTuningJobs"]]
    assert (names, second["nextPageToken"]) == (["tw-a", "tw-b", "tw-c"], "")


def test_a_machine_that_sleeps_is_woken_by_a_question_and_bills_only_while_it_is_up(
    sandbox: Sandbox, http: httpx.Client, fire: Any, ask: Callable[[str], list[dict[str, str]]], rows: str
) -> None:
    supervised(http)
    sandbox.advance(1000)
    made = fire.deployments.create(
        base_model="accounts/sandbox/models/tw-one-out",
        deployment_id="tw-three",
        min_replica_count=0,
        autoscaling_policy={"scale_to_zero_window": "600s"},
    )
    body = {"model": f"{made.base_model}#{made.name}", "messages": ask("my parcel is late")}
    path = "/fireworks/inference/v1/chat/completions"
    assert http.post(path, json=body).status_code == 503
    sandbox.advance(10)
    assert http.post(path, json=body).json()["choices"][0]["message"]["content"] == "shipping"
    sandbox.advance(100 * 3600)
    billed = sandbox.serving.bill_usd()
    assert billed < 2  # ten idle minutes and a few seconds of a $7 hour, not a hundred hours
    asleep = http.post(path, json=body)
    assert (asleep.status_code, asleep.json()["error"]["code"]) == (503, "DEPLOYMENT_SCALING_UP")
    sandbox.advance(10)
    assert http.post(path, json=body).status_code == 200
    assert http.get("/together/v2/projects/proj_sandbox/endpoints").json()["data"] == []


def test_the_sdks_own_helper_is_told_that_a_loopback_address_is_not_https(fire: Any, train_file: Path) -> None:
    """`upload_dataset_shards` sends to https alone; ours takes loopback, where the sandbox is."""
    from fireworks.lib.dataset_upload import DatasetUploadError, upload_dataset_shards

    fire.datasets.create(dataset_id="shards", dataset={"user_uploaded": {}})
    with pytest.raises(DatasetUploadError, match="https"):
        upload_dataset_shards(fire, "shards", str(train_file))
