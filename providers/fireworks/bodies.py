"""The requests of a submission to Fireworks, as pure data: what `--dry-run` prints is what is sent.

A job's id is our tag, so the platform itself gives it once. Where a setting is not given, the platform's own default
applies and the field is left out: the contract (Gateway REST API 4.259.0) names no defaults that we could write out.
Only the rank is always written, for rank 0 trains every weight, and on this wire a number left out may be read as 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import Unsupported
from ..plans import training_files
from ..records import Hyperparameters, Method, Plan, PlannedRequest, ProviderFile
from ..settings import Setting, given_settings, refuse_unusable
from ..tags import with_suffix
from .names import ID_LIMIT, collection_of, dataset_id, is_own_id, resource

__all__ = ["OWN_HOST", "SUFFIX_LIMIT", "check", "create_body", "dataset_body", "id_parameter", "planned_requests"]

OWN_HOST = "https://api.fireworks.ai"
SUFFIX_LIMIT = ID_LIMIT - 20
"""Most characters of the user's own suffix in the tuned model's id; our tag and a dash take 20."""

_USUAL_RANK = 8

_COUNT = Setting(kind="int", low=1)
_FLAG = Setting(kind="bool")

_SETTINGS: Mapping[str, Setting] = {
    "epochs": _COUNT,
    "learning_rate": Setting(kind="float", above=0),
    "batch_size": _COUNT,
    "lora": _FLAG,
    "lora_rank": _COUNT,
    "max_context_length": _COUNT,
    "batch_size_tokens": _COUNT,
    "gradient_accumulation_steps": _COUNT,
    "learning_rate_warmup_steps": Setting(kind="int", low=0),
    "optimizer_weight_decay": Setting(kind="float", low=0),
    "warm_start_from": Setting(kind="text"),
}
_SUPERVISED: Mapping[str, Setting] = {"early_stop": _FLAG}
_PREFERENCE: Mapping[str, Setting] = {
    "beta": Setting(kind="float", above=0),
    "lora_alpha": _COUNT,
    "lora_dropout": Setting(kind="float", low=0, high=0.999999),
}
_NOT_TAKEN: Mapping[str, str] = {
    "seed": "Fireworks takes none; its training is not repeatable to the bit",
    "learning_rate_multiplier": "Fireworks takes an absolute rate; use --learning-rate",
    "lora_r": "is called lora_rank here",
    "wandb_api_key": "keys are never part of a plan",
}
_ELSEWHERE: Mapping[Method, Mapping[str, str]] = {
    Method.SFT: dict.fromkeys(_PREFERENCE, "only preference training has it; use --method dpo"),
    Method.DPO: {"early_stop": "preference jobs have no evaluation data set to stop by"},
}
_WIRE: Mapping[str, str] = {
    "epochs": "epochs",
    "learning_rate": "learningRate",
    "batch_size": "batchSizeSamples",
    "batch_size_tokens": "batchSize",
    "max_context_length": "maxContextLength",
    "gradient_accumulation_steps": "gradientAccumulationSteps",
    "learning_rate_warmup_steps": "learningRateWarmupSteps",
    "optimizer_weight_decay": "optimizerWeightDecay",
    "early_stop": "earlyStop",
    "lora_alpha": "loraAlpha",
    "lora_dropout": "loraDropout",
}
"""Ours → the wire's. `batch_size` counts examples, as everywhere; the wire's own `batchSize` counts packed tokens."""


def check(method: Method, hyperparameters: Hyperparameters, provider: str) -> None:
    """Raises `Unsupported` naming what cannot be sent, also where two settings contradict each other."""
    known = {**_SETTINGS, **(_PREFERENCE if method is Method.DPO else _SUPERVISED)}
    refuse_unusable(hyperparameters, known, {**_NOT_TAKEN, **_ELSEWHERE[method]}, provider)
    given = given_settings(hyperparameters)
    for name in ("lora_rank", "lora_alpha", "lora_dropout"):
        if name in given and given.get("lora") is False:
            raise _refused(f"{name}: means nothing in full training", provider)
    if given.get("max_context_length", 0) % 16:
        raise _refused(f"max_context_length: {given['max_context_length']} is not divisible by 16", provider)


def create_body(plan: Plan, files: Mapping[str, str], tag: str, account: str) -> dict[str, Any]:
    """The body of the one paid request. `files` maps role to data set id.

    A preference job has no field for an evaluation data set; `preflight` says so before anything is bought.
    """
    check(plan.method, plan.hyperparameters, plan.provider)
    given = given_settings(plan.hyperparameters)
    ids = training_files(plan, files)
    if given.get("early_stop") and ids.validation is None:
        raise _refused("early_stop: needs validation rows to stop by", plan.provider)
    name = _name(plan, tag)
    settings = {wire: given[ours] for ours, wire in _WIRE.items() if ours in given} | _start(plan, given)
    settings |= {"outputModel": name} if name != tag else {}
    common = {"displayName": name, "dataset": resource(account, "datasets", ids.train)}
    if plan.method is Method.DPO:
        loss = {"method": "DPO"} | ({"dpo": {"beta": given["beta"]}} if "beta" in given else {})
        return common | {"trainingConfig": settings, "lossConfig": loss}
    held_out = ids.validation and resource(account, "datasets", ids.validation)
    return common | settings | ({"evaluationDataset": held_out} if held_out else {})


def dataset_body(file: ProviderFile) -> dict[str, Any]:
    """A data set for these bytes, still without them."""
    id = dataset_id(file)
    return {
        "datasetId": id,
        "dataset": {"displayName": file.remote_name, "exampleCount": str(file.rows), "userUploaded": {}},
    }


def id_parameter(method: Method) -> str:
    """The query parameter in which the client says under which id the job shall be made."""
    return "dpoJobId" if method is Method.DPO else "supervisedFineTuningJobId"


def planned_requests(
    plan: Plan,
    files: Sequence[ProviderFile],
    tag: str,
    base_url: str,
    account: str,
    known: Mapping[str, str] | None = None,
) -> tuple[PlannedRequest, ...]:
    """Everything a submission sends, in order; what only the platform can give stands in angle brackets."""
    ids: dict[str, str] = {file.role: dataset_id(file) for file in files} | dict(known or {})
    root, body = f"{base_url}/v1/accounts/{account}", create_body(plan, ids, tag, account)
    jobs = f"{root}/{collection_of(plan.method)}"
    estimate = [] if plan.method is Method.DPO else [PlannedRequest("POST", f"{jobs}:estimateCost", body)]
    return (
        PlannedRequest("GET", f"{base_url}/v1/{plan.model}"),
        *[request for file in files for request in _upload(file, root)],
        *estimate,
        PlannedRequest("GET", f"{jobs}/{tag}"),
        PlannedRequest("POST", f"{jobs}?{id_parameter(plan.method)}={tag}", body, paid=True),
    )


def _upload(file: ProviderFile, root: str) -> tuple[PlannedRequest, ...]:
    one = f"{root}/datasets/{dataset_id(file)}"
    return (
        PlannedRequest("GET", one),
        PlannedRequest("POST", f"{root}/datasets", dataset_body(file)),
        PlannedRequest("POST", f"{one}:upload", f"{file.size} bytes, sha256 {file.sha256}"),
    )


def _start(plan: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    """The base or the adapter to go on from, of which the API takes one; and the rank."""
    warm = given.get("warm_start_from")
    begin = {"warmStartFrom": warm} if warm else {"baseModel": plan.model}
    return begin | {"loraRank": 0 if given.get("lora") is False else given.get("lora_rank", _USUAL_RANK)}


def _name(plan: Plan, tag: str) -> str:
    """The tuned model's id, and what people see of the job."""
    name = with_suffix(plan.suffix, tag)
    if name and not is_own_id(name):
        reason = f"{plan.suffix!r}: small letters, digits and -, a letter first, at most {SUFFIX_LIMIT} of them"
        raise _refused(f"suffix: {reason}", plan.provider)
    return name


def _refused(message: str, provider: str) -> Unsupported:
    return Unsupported(message, provider=provider, nothing_created=True)
