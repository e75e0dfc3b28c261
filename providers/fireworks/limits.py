"""A plan against what Fireworks says of its base model. Pure; what is not told is not checked."""

from __future__ import annotations

from collections.abc import Iterator

from ..records import JsonObject, Method, Plan
from ..wire import integer
from .answers import shutdown

__all__ = ["breaches", "warnings"]


def breaches(plan: Plan, base: JsonObject) -> tuple[str, ...]:
    """Why this model cannot be trained so."""
    return tuple(_breaches(plan, base))


def warnings(plan: Plan, base: JsonObject) -> tuple[str, ...]:
    """What will not come as one may expect, though the job can be bought."""
    found = []
    if plan.method is Method.DPO and plan.validation_sha256 is not None:
        found.append("preference jobs take no evaluation data set here: the validation rows are not read")
    if base.get("supportsServerless") is False:
        found.append(
            f"{plan.model} is not served to everybody: to compare with it, rent a machine for it yourself and give "
            "`tunewright evaluate --base` its name, MODEL#DEPLOYMENT"
        )
    elif (last := shutdown(base)) is not None:
        found.append(
            f"{plan.model} is served to everybody only until {last}; tuned models run on machines of their own"
        )
    return tuple(found)


def _breaches(plan: Plan, base: JsonObject) -> Iterator[str]:
    full = plan.hyperparameters.lora is False
    told = base.get("supervisedFullParameterTunable" if full else "supervisedLoraTunable")
    # The older word, `tunable`, speaks of adapters alone.
    if told is False and (full or not base.get("tunable")):
        yield f"{plan.model!r} cannot be tuned here{' in full; use --lora' if full else ''}, the platform says"
    longest, wanted = integer(base.get("trainingContextLength")), plan.hyperparameters.extra.get("max_context_length")
    if longest and isinstance(wanted, int) and wanted > longest:
        yield f"max_context_length: {wanted} is above this model's {longest}"
