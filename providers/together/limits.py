"""A plan against the live limits of its base model (`GET /v1/fine-tunes/models/limits`). Pure; each breach by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..records import JsonObject, Method, Plan
from ..settings import given_settings
from ..wire import number

__all__ = ["breaches"]


def breaches(plan: Plan, limits: JsonObject) -> tuple[str, ...]:
    """One sentence for each setting that the model does not allow; a limit that is not told is not checked."""
    given = given_settings(plan.hyperparameters)
    return (*_training(given, limits, plan.method), *_lengths(given, limits, plan.method))


def _lengths(given: Mapping[str, Any], limits: JsonObject, method: Method) -> Iterator[str]:
    yield from _between("epochs", given.get("epochs"), None, limits.get("max_num_epochs"))
    yield from _between("n_evals", given.get("n_evals"), None, limits.get("max_num_evals"))
    yield from _between("n_checkpoints", given.get("n_checkpoints"), None, limits.get("max_num_checkpoints"))
    rate = given.get("learning_rate")
    yield from _between("learning_rate", rate, limits.get("min_learning_rate"), limits.get("max_learning_rate"))
    longest, shortest = limits.get(f"max_seq_length_{method.value}"), limits.get("min_max_seq_length")
    yield from _between("max_seq_length", given.get("max_seq_length"), shortest, longest)


def _training(given: Mapping[str, Any], limits: JsonObject, method: Method) -> Iterator[str]:
    full = given.get("lora") is False
    if full and (limits.get("supports_full_training") is False or not limits.get("full_training")):
        yield "lora: this model is not offered for full training; use --lora"
        return
    kind = limits.get("full_training" if full else "lora_training")
    bounds: Mapping[str, Any] = kind if isinstance(kind, Mapping) else {}
    most = bounds.get("max_batch_size_dpo" if method is Method.DPO else "max_batch_size")
    yield from _between("batch_size", given.get("batch_size"), bounds.get("min_batch_size"), most)
    yield from _between("lora_r", given.get("lora_r"), None, bounds.get("max_rank"))
    yield from _modules(given.get("lora_trainable_modules"), bounds.get("target_modules"))


def _between(name: str, value: object, low: object, high: object) -> Iterator[str]:
    wanted, least, most = number(value), number(low), number(high)
    if wanted is None or isinstance(value, str):
        return
    if least is not None and wanted < least:
        yield f"{name}: {value} is below this model's {low}"
    if most is not None and wanted > most:
        yield f"{name}: {value} is above this model's {high}"


def _modules(wanted: object, offered: object) -> Iterator[str]:
    if not isinstance(wanted, str) or wanted == "all-linear" or not isinstance(offered, list):
        return
    missing = [name for name in (part.strip() for part in wanted.split(",")) if name not in offered]
    if missing:
        yield f"lora_trainable_modules: {', '.join(missing)} not among this model's {', '.join(map(str, offered))}"
