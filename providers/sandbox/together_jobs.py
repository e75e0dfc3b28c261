"""Together's limits, price estimates, and create-job requests checked and made into a job's fields."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .catalog import BaseModel, base_model
from .files import StoredFile
from .jobs import tuned_name
from .refusals import Refused
from .world import Sandbox, Tuned

__all__ = ["estimate", "is_lora", "job_fields", "job_tokens", "limited", "limits_body", "method_of"]

_WIRE = "together"
_MAX_EPOCHS, _MAX_EVALS, _MAX_CHECKPOINTS, _MAX_SUFFIX = 20, 100, 10, 40
_LOW_RATE, _HIGH_RATE = 1e-8, 1.0
_MIN_BATCH, _MAX_BATCH, _MAX_BATCH_DPO = 8, 32, 16
_DEFAULT_RANK, _MAX_RANK = 8, 64
_USUAL_RATE = 1e-5  # the SDK's default learning rate: the learner's own step size stands for it
_NOT_HERE = ("from_hf_model", "early_stopping_enabled")
_NOT_LEARNED = ("rpo_alpha", "simpo_gamma", "dpo_normalize_logratios_by_length")
_USUAL_BETA = 0.1  # the platform's default (docs.together.ai/docs/fine-tuning/preference-tuning, 2026-11-23)
_TARGETS = ["k_proj", "up_proj", "o_proj", "q_proj", "down_proj", "v_proj", "gate_proj"]


def tunable(name: Any) -> BaseModel:
    """The base of that name. Raises `Refused` (404) when it cannot be tuned."""
    base = base_model(_WIRE, name) if isinstance(name, str) else None
    if base is None or not base.tunable:
        raise Refused(404, f"Model {name} is not supported for fine-tuning", code="model_not_available", param="model")
    return base


def limited(world: Sandbox, name: Any) -> BaseModel:
    """The base whose limits hold for that name: its own, or the one of a checkpoint. Raises `Refused` (404)."""
    found = _checkpoint(world, name) if isinstance(name, str) else None
    return tunable(found.job.model if found else name)


def limits_body(base: BaseModel) -> dict[str, Any]:
    """`model_limits` of one base."""
    batch = {"max_batch_size": _MAX_BATCH, "max_batch_size_dpo": _MAX_BATCH_DPO, "min_batch_size": _MIN_BATCH}
    lora = {"default_rank": _DEFAULT_RANK, "max_rank": _MAX_RANK, "target_modules": _TARGETS}
    return {
        "model_name": base.name,
        "default_gradient_accumulation_steps": 1,
        "lora_training": batch | lora,
        "full_training": batch if base.full else None,
        "supports_full_training": base.full,
        "max_learning_rate": _HIGH_RATE,
        "min_learning_rate": _LOW_RATE,
        "max_num_checkpoints": _MAX_CHECKPOINTS,
        "max_num_epochs": _MAX_EPOCHS,
        "max_num_evals": _MAX_EVALS,
        "max_seq_length_sft": base.context_tokens,
        "max_seq_length_dpo": base.context_tokens // 2,
        "min_max_seq_length": 512,
        "merge_output_lora": True,
        "supports_reasoning": False,
        "supports_tools": True,
        "supports_vision": False,
    }


# ── creating ────────────────────────────────────────────────────────────────────────────────────────────────────────


def job_fields(world: Sandbox, body: Mapping[str, Any]) -> dict[str, Any]:
    """The new job's fields. Raises `Refused` naming the parameter at fault."""
    for name in _NOT_HERE:
        if body.get(name):
            raise Refused(400, f"{name} is not available in the sandbox", param=name)
    start, method = _start(world, body), method_of(body)
    base = tunable(start["model"])
    if not is_lora(body) and not base.full:
        raise Refused(400, f"Full training is not supported for {base.name}", param="training_type")
    validation = _file(world, body, "validation_file")
    rate = _number(body, "learning_rate", _USUAL_RATE, _LOW_RATE, _HIGH_RATE)
    return {
        **start,
        "method": "dpo" if method == "dpo" else "supervised",
        "beta": _beta(body),
        "training_file": _required(_file(world, body, "training_file")).id,
        "validation_file": validation.id if validation else None,
        "suffix": _suffix(body),
        "seed": body["random_seed"] if isinstance(body.get("random_seed"), int) else random.randrange(1 << 31),
        "epochs": int(_number(body, "n_epochs", 1, 1, _MAX_EPOCHS)),
        "batch_size": _batch(body, method),
        "rate": _learner_rate(rate),
        "evals": int(_number(body, "n_evals", 0, 0, _MAX_EVALS)) if validation else 0,
        "request": {"n_checkpoints": int(_number(body, "n_checkpoints", 1, 1, _MAX_CHECKPOINTS))} | dict(body),
    }


def _start(world: Sandbox, body: Mapping[str, Any]) -> dict[str, Any]:
    """The base, or the checkpoint to go on from with its base: one of them, not both."""
    checkpoint = body.get("from_checkpoint")
    if not checkpoint:
        return {"model": tunable(body.get("model")).name}
    if body.get("model"):
        raise Refused(400, "Give either model or from_checkpoint, not both", param="from_checkpoint")
    found = _checkpoint(world, str(checkpoint))
    if found is None:
        raise Refused(404, f"Checkpoint {checkpoint} not found", code="not_found", param="from_checkpoint")
    if method_of(body) != "dpo":
        raise Refused(400, "here only preference training goes on from a checkpoint", param="from_checkpoint")
    return {"model": found.job.model, "parent": found.job.id, "parent_epoch": found.epoch}


def _checkpoint(world: Sandbox, name: str) -> Tuned | None:
    """`JOB` or `MODEL`, perhaps with `:STEP`, of a job that has succeeded."""
    whole, _, step = name.partition(":")
    mine = [model for model in world.tuned(_WIRE) if whole in (model.job.id, tuned_name(model.job))]
    return next((model for model in mine if not step or str(model.step) == step), None)


def _beta(body: Mapping[str, Any]) -> float:
    given = body.get("training_method") or {}
    for name in _NOT_LEARNED:
        if given.get(name):
            raise Refused(400, f"{name} is not available in the sandbox", param="training_method")
    return _number(given, "dpo_beta", _USUAL_BETA, 1e-6, 100)


def method_of(body: Mapping[str, Any]) -> str:
    """`sft` or `dpo`."""
    method = (body.get("training_method") or {}).get("method", "sft")
    if method not in ("sft", "dpo"):
        raise Refused(400, f"Unknown training method {method!r}", param="training_method")
    return str(method)


def is_lora(body: Mapping[str, Any]) -> bool:
    """LoRA is the platform's default when no training type is given."""
    return bool((body.get("training_type") or {}).get("type", "Lora") == "Lora")


def _learner_rate(rate: float) -> float:
    """The learner's own step size spans far less than a network's: the fifth root, within a quarter and four."""
    return min(4.0, max(0.25, float((rate / _USUAL_RATE) ** 0.2)))


def _number(body: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Refused(400, f"{name} must be between {low:g} and {high:g} (got {value!r})", param=name)
    return value


def _batch(body: Mapping[str, Any], method: str) -> int:
    most = _MAX_BATCH_DPO if method == "dpo" else _MAX_BATCH
    if body.get("batch_size", "max") == "max":
        return most
    return int(_number(body, "batch_size", most, _MIN_BATCH, most))


def _suffix(body: Mapping[str, Any]) -> str:
    suffix = body.get("suffix") or ""
    if not isinstance(suffix, str) or len(suffix) > _MAX_SUFFIX:
        raise Refused(400, f"suffix must have at most {_MAX_SUFFIX} characters", param="suffix")
    return suffix


def _file(world: Sandbox, body: Mapping[str, Any], param: str) -> StoredFile | None:
    id = body.get(param)
    if not id:
        return None
    file = world.files.get(_WIRE, str(id))
    if file is None or not file.arrived:
        raise Refused(404, f"{param} {id} not found", code="file_not_found", param=param)
    if file.error is not None and world.clock.now() >= file.ready_at:
        raise Refused(400, f"{param} {id} did not pass validation: {file.error}", code="invalid_file", param=param)
    return file


def _required(file: StoredFile | None) -> StoredFile:
    if file is None:
        raise Refused(400, "training_file is required", param="training_file")
    return file


# ── estimating ──────────────────────────────────────────────────────────────────────────────────────────────────────


def estimate(world: Sandbox, body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of estimate-price: dollars and tokens, or why there is no estimate."""
    base = tunable(_start(world, body)["model"])
    train, valid = world.files.get(_WIRE, str(body.get("training_file"))), None
    if body.get("validation_file"):
        valid = world.files.get(_WIRE, str(body["validation_file"]))
    for file, side in ((train, "train"), (valid, "eval")):
        reason = _unready(world, file, side) if file or side == "train" else None
        if reason:
            return {"estimation_available": False, "unavailable_reason": reason}
    epochs = int(_number(body, "n_epochs", 1, 1, _MAX_EPOCHS))
    evals = int(_number(body, "n_evals", 0, 0, _MAX_EVALS)) if valid else 0
    train_tokens = epochs * _tokens(train)
    eval_tokens = evals * _tokens(valid)
    usd = base.train_usd(method_of(body), is_lora(body), train_tokens + eval_tokens)
    return {
        "estimation_available": True,
        "allowed_to_proceed": True,
        "estimated_total_price": float(usd),
        "estimated_train_token_count": train_tokens,
        "estimated_eval_token_count": eval_tokens,
        "user_limit": float(Decimal(100)),
    }


def _unready(world: Sandbox, file: StoredFile | None, side: str) -> str | None:
    if file is None or not file.arrived or world.clock.now() < file.ready_at or file.lines is None:
        return f"{side}_file_not_validated"
    return f"{side}_file_invalid" if file.error else None


def _tokens(file: StoredFile | None) -> int:
    return (file.tokens or 0) if file else 0


def job_tokens(epochs: int, tokens: int, evals: int, valid_tokens: int) -> int:
    """Tokens a job processes: epochs over the training file, evaluations over the validation file."""
    return epochs * tokens + evals * valid_tokens
