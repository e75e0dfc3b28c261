"""The requests of a submission to Together, as pure data: what `--dry-run` prints is what is sent.

Every setting that the SDK would fill in is written out with the SDK's own value (together 3.1.1,
`create_finetune_request`), so that a later SDK cannot change what an old plan means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import Unsupported
from ..plans import training_files
from ..records import Hyperparameters, Method, Plan, PlannedRequest, ProviderFile
from ..settings import Setting, given_settings, refuse_unusable
from ..tags import with_suffix

__all__ = ["NAME_LIMIT", "OWN_HOST", "SUFFIX_LIMIT", "check", "create_body", "estimate_body", "planned_requests"]

OWN_HOST = "https://api.together.ai"
NAME_LIMIT = 40
"""Most characters of the one free name a job has (together 3.1.1); our tag and a dash take 20 of them."""

SUFFIX_LIMIT = 19

_FRACTION = Setting(kind="float", low=0, high=1)
_NOT_NEGATIVE = Setting(kind="float", low=0)
_COUNT = Setting(kind="int", low=1)
_FLAG = Setting(kind="bool")

_SETTINGS: Mapping[str, Setting] = {
    "epochs": _COUNT,
    "learning_rate": Setting(kind="float", above=0),
    "batch_size": Setting(kind="int", low=1, words=("max",)),
    "seed": Setting(kind="int", low=0),
    "lora": _FLAG,
    "lora_r": _COUNT,
    "lora_alpha": _COUNT,
    "lora_dropout": Setting(kind="float", low=0, high=0.999999),
    "lora_trainable_modules": Setting(kind="text"),
    "n_evals": Setting(kind="int", low=0),
    "n_checkpoints": _COUNT,
    "max_seq_length": _COUNT,
    "packing": _FLAG,
    "gradient_accumulation_steps": _COUNT,
    "lr_scheduler_type": Setting(kind="text", words=("cosine", "linear")),
    "min_lr_ratio": _FRACTION,
    "scheduler_num_cycles": Setting(kind="float", above=0),
    "warmup_ratio": _FRACTION,
    "max_grad_norm": _NOT_NEGATIVE,
    "weight_decay": _NOT_NEGATIVE,
    "early_stopping_enabled": _FLAG,
    "early_stopping_patience": _COUNT,
    "early_stopping_min_delta": _NOT_NEGATIVE,
    "early_stopping_warmup_evals": Setting(kind="int", low=0),
    "from_checkpoint": Setting(kind="text"),
}
_SUPERVISED: Mapping[str, Setting] = {"train_on_inputs": Setting(kind="bool", words=("auto",))}
_BETA = Setting(kind="float", above=0)
_PREFERENCE: Mapping[str, Setting] = {
    "beta": _BETA,
    "dpo_beta": _BETA,
    "dpo_normalize_logratios_by_length": _FLAG,
    "rpo_alpha": _NOT_NEGATIVE,
    "simpo_gamma": _NOT_NEGATIVE,
}
_NOT_TAKEN: Mapping[str, str] = {
    "learning_rate_multiplier": "Together takes an absolute rate; use --learning-rate",
    "wandb_api_key": "keys are never part of a plan",
    "hf_api_token": "keys are never part of a plan",
}
_ELSEWHERE: Mapping[Method, Mapping[str, str]] = {
    Method.SFT: dict.fromkeys(_PREFERENCE, "only preference training has it; use --method dpo"),
    Method.DPO: {"train_on_inputs": "preference training learns from the two answers alone"},
}
_LORA_ONLY = ("lora_alpha", "lora_dropout", "lora_trainable_modules")
_EARLY = ("early_stopping_patience", "early_stopping_min_delta", "early_stopping_warmup_evals")
_PATIENCE, _WARMUP_EVALS = 2, 1  # the platform's own defaults for early stopping (together 3.1.1)


def check(method: Method, hyperparameters: Hyperparameters, provider: str) -> None:
    """Raises `Unsupported` naming what cannot be sent, also where two settings contradict each other."""
    known = {**_SETTINGS, **(_PREFERENCE if method is Method.DPO else _SUPERVISED)}
    refuse_unusable(hyperparameters, known, {**_NOT_TAKEN, **_ELSEWHERE[method]}, provider)
    given = given_settings(hyperparameters)
    if "beta" in given and "dpo_beta" in given:
        raise _refused("dpo_beta: is the platform's own name for beta; give one of them", provider)
    for name in ("lora_r", *_LORA_ONLY):
        if name in given and given.get("lora") is False:
            raise _refused(f"{name}: means nothing in full training", provider)
    for name in _LORA_ONLY:
        if name in given and "lora_r" not in given:
            raise _refused(f"{name}: is only sent together with lora_r", provider)


def create_body(plan: Plan, files: Mapping[str, str], tag: str) -> dict[str, Any]:
    """The body of the one paid request. `files` maps role to remote file id."""
    check(plan.method, plan.hyperparameters, plan.provider)
    given = given_settings(plan.hyperparameters)
    ids = training_files(plan, files)
    validated = ids.validation is not None
    body = {
        "training_file": ids.train,
        "validation_file": ids.validation,
        # The API takes the one or the other: a checkpoint knows its base.
        "model": None if given.get("from_checkpoint") else plan.model,
        "from_checkpoint": given.get("from_checkpoint"),
        "suffix": _name(plan, tag),
        "n_epochs": given.get("epochs", 1),
        "n_evals": _evaluations(given, validated, plan.provider),
        "n_checkpoints": given.get("n_checkpoints", 1),
        "batch_size": given.get("batch_size", "max"),
        "learning_rate": given.get("learning_rate", 1e-5),
        "lr_scheduler": _scheduler(given),
        "warmup_ratio": given.get("warmup_ratio", 0.0),
        "max_grad_norm": given.get("max_grad_norm", 1.0),
        "weight_decay": given.get("weight_decay", 0.0),
        "packing": given.get("packing", True),
        "max_seq_length": given.get("max_seq_length"),
        "gradient_accumulation_steps": given.get("gradient_accumulation_steps"),
        "random_seed": given.get("seed"),
        "training_type": _training_type(given),
        "training_method": _training_method(plan.method, given),
        **_early_stopping(given, validated, plan.provider),
    }
    return {name: value for name, value in body.items() if value is not None}


def estimate_body(plan: Plan, files: Mapping[str, str]) -> dict[str, Any]:
    """What the platform's own estimate is asked with: the part of the paid body that sets the price."""
    body = create_body(plan, files, "")
    names = ("training_file", "validation_file", "model", "from_checkpoint", "n_epochs", "n_evals", "training_type",
             "training_method")  # fmt: skip
    return {name: body[name] for name in names if name in body}


def planned_requests(
    plan: Plan, files: Sequence[ProviderFile], tag: str, base_url: str, known: Mapping[str, str] | None = None
) -> tuple[PlannedRequest, ...]:
    """Everything a submission sends, in order; what only the platform can give stands in angle brackets."""
    ids: dict[str, str] = {file.role: f"<id of {file.remote_name}>" for file in files} | dict(known or {})
    uploads = [request for file in files for request in _upload(file, base_url)]
    return (
        PlannedRequest("GET", f"{base_url}/v1/fine-tunes/models/limits?model_name={plan.model}"),
        *uploads,
        PlannedRequest("POST", f"{base_url}/v1/fine-tunes/estimate-price", estimate_body(plan, ids)),
        PlannedRequest("GET", f"{base_url}/v1/fine-tunes"),
        PlannedRequest("POST", f"{base_url}/v1/fine-tunes", create_body(plan, ids, tag), paid=True),
    )


def _upload(file: ProviderFile, base_url: str) -> tuple[PlannedRequest, ...]:
    form = {"purpose": "fine-tune", "file_name": file.path.name, "file_type": "jsonl", "checksum": file.sha256}
    return (
        PlannedRequest("GET", f"{base_url}/v1/files"),
        PlannedRequest("POST", f"{base_url}/v1/files", form),
        PlannedRequest("PUT", "<the address in the answer>", f"{file.size} bytes, sha256 {file.sha256}"),
        PlannedRequest("POST", f"{base_url}/v1/files/<id of {file.remote_name}>/preprocess"),
    )


def _name(plan: Plan, tag: str) -> str | None:
    if plan.suffix and len(plan.suffix) > SUFFIX_LIMIT:
        raise _refused(f"suffix: {len(plan.suffix)} characters, at most {SUFFIX_LIMIT} beside our tag", plan.provider)
    name = with_suffix(plan.suffix, tag)
    if len(name) > NAME_LIMIT:
        raise _refused(f"suffix: with our tag {len(name)} characters, at most {NAME_LIMIT}", plan.provider)
    return name or None


def _evaluations(given: Mapping[str, Any], validated: bool, provider: str) -> int:
    # With n_evals 0 the platform takes the validation file, and reads it never.
    wanted: int | None = given.get("n_evals")
    if validated and wanted == 0:
        raise _refused("n_evals: 0 means that the validation file is never read", provider)
    if not validated and wanted:
        raise _refused(f"n_evals: {wanted} evaluations need a validation file", provider)
    return (wanted or int(given.get("epochs", 1))) if validated else 0


def _scheduler(given: Mapping[str, Any]) -> dict[str, Any]:
    kind, args = given.get("lr_scheduler_type", "cosine"), {"min_lr_ratio": given.get("min_lr_ratio", 0.0)}
    if kind == "cosine":
        args["num_cycles"] = given.get("scheduler_num_cycles", 0.5)
    return {"lr_scheduler_type": kind, "lr_scheduler_args": args}


def _training_type(given: Mapping[str, Any]) -> dict[str, Any] | None:
    # Without a rank the field is left out: then the platform trains LoRA at the model's own default rank.
    if given.get("lora") is False:
        return {"type": "Full"}
    rank = given.get("lora_r")
    if rank is None:
        return None
    return {
        "type": "Lora",
        "lora_r": rank,
        "lora_alpha": given.get("lora_alpha", 2 * rank),
        "lora_dropout": given.get("lora_dropout", 0.0),
        "lora_trainable_modules": given.get("lora_trainable_modules", "all-linear"),
    }


def _training_method(method: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    if method is Method.SFT:
        return {"method": "sft", "train_on_inputs": given.get("train_on_inputs", "auto")}
    # A margin without a reference model is SimPO; the SDK then sets the two flags so.
    simpo = bool(given.get("simpo_gamma"))
    body = {
        "method": "dpo",
        "dpo_beta": given.get("beta", given.get("dpo_beta")),
        "dpo_normalize_logratios_by_length": simpo or given.get("dpo_normalize_logratios_by_length", False),
        "dpo_reference_free": simpo,
        "rpo_alpha": given.get("rpo_alpha"),
        "simpo_gamma": given.get("simpo_gamma"),
    }
    return {name: value for name, value in body.items() if value is not None}


def _early_stopping(given: Mapping[str, Any], validated: bool, provider: str) -> dict[str, Any]:
    if not given.get("early_stopping_enabled"):
        alone = next((name for name in _EARLY if name in given), None)
        if alone:
            raise _refused(f"{alone}: needs early_stopping_enabled=true", provider)
        return {"early_stopping_enabled": False}
    patience = given.get("early_stopping_patience", _PATIENCE)
    least = patience + given.get("early_stopping_warmup_evals", _WARMUP_EVALS) + 1
    if not validated or _evaluations(given, validated, provider) < least:
        raise _refused(f"early_stopping_enabled: needs a validation file and n_evals of at least {least}", provider)
    return {"early_stopping_enabled": True, **{name: given.get(name) for name in _EARLY}}


def _refused(message: str, provider: str) -> Unsupported:
    return Unsupported(message, provider=provider, nothing_created=True)
