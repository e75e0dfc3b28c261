"""The requests of a submission to OpenAI, as pure data: what `--dry-run` prints is what is sent.

Ranges are those of OpenAI's published API description (openai-openapi, `CreateFineTuningJobRequest`), 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from ..errors import Unsupported
from ..plans import training_files
from ..records import Hyperparameters, Method, Plan, PlannedRequest, ProviderFile
from ..settings import Setting, refuse_unusable

__all__ = ["OWN_HOST", "SUFFIX_LIMIT", "TAG_KEY", "address", "check", "create_body", "divided", "planned_requests"]

OWN_HOST = "https://api.openai.com/v1"
SUFFIX_LIMIT = 64
TAG_KEY = "tunewright"
"""The metadata key that carries our tag; jobs can be listed by it."""

_SETTINGS: Mapping[str, Setting] = {
    "epochs": Setting(kind="int", low=1, high=50),
    "batch_size": Setting(kind="int", low=1, high=256),
    "seed": Setting(kind="int", low=0, high=2**31 - 1),
    "learning_rate_multiplier": Setting(kind="float", above=0, words=("auto",)),
}
_PREFERENCE_SETTINGS: Mapping[str, Setting] = {"beta": Setting(kind="float", above=0, high=2, words=("auto",))}
_NOT_TAKEN: Mapping[str, str] = {
    "learning_rate": "OpenAI takes no absolute learning rate; "
    "use --set learning_rate_multiplier=… (a factor on a rate that OpenAI chooses)",
    "lora": "OpenAI does not let one choose between LoRA and full training",
    "dpo_beta": "OpenAI calls it beta; use --set beta=…",
    "from_checkpoint": "OpenAI goes on from a tuned model by its name; use --to PLATFORM:ft:…",
}
_NOT_SUPERVISED = {"beta": "only preference training has it; use --method dpo"}
_METHOD_NAMES: Mapping[Method, str] = {Method.SFT: "supervised", Method.DPO: "dpo"}
_WIRE_NAMES = {"epochs": "n_epochs", "batch_size": "batch_size"}


def check(method: Method, hyperparameters: Hyperparameters, provider: str) -> None:
    """Raises `Unsupported` naming what cannot be sent."""
    if method is Method.DPO:
        refuse_unusable(hyperparameters, {**_SETTINGS, **_PREFERENCE_SETTINGS}, _NOT_TAKEN, provider)
    else:
        refuse_unusable(hyperparameters, _SETTINGS, {**_NOT_TAKEN, **_NOT_SUPERVISED}, provider)


def create_body(plan: Plan, files: Mapping[str, str], tag: str) -> dict[str, Any]:
    """The body of the one paid request. `files` maps role to remote file id."""
    check(plan.method, plan.hyperparameters, plan.provider)
    ids = training_files(plan, files)
    if plan.suffix and len(plan.suffix) > SUFFIX_LIMIT:
        raise Unsupported(f"suffix: {len(plan.suffix)} characters, at most {SUFFIX_LIMIT}", provider=plan.provider,
                          nothing_created=True)  # fmt: skip
    body: dict[str, Any] = {
        "model": plan.model,
        "training_file": ids.train,
        "method": _method(plan),
        "metadata": {TAG_KEY: tag, f"{TAG_KEY}_data": plan.train_sha256[:64]},
    }
    optional = {"validation_file": ids.validation, "suffix": plan.suffix, "seed": plan.hyperparameters.seed}
    return body | {name: value for name, value in optional.items() if value is not None}


def planned_requests(
    plan: Plan, files: Sequence[ProviderFile], tag: str, base_url: str, known: Mapping[str, str] | None = None
) -> tuple[PlannedRequest, ...]:
    """Everything a submission sends, in order; ids that only the platform can give stand in angle brackets."""
    ids: dict[str, str] = {file.role: f"<id of {file.remote_name}>" for file in files} | dict(known or {})
    at = partial(address, base_url)
    uploads = [request for file in files for request in _upload(file, at)]
    return (
        PlannedRequest("GET", at(f"/models/{plan.model}")),
        *uploads,
        PlannedRequest("GET", at(f"/fine_tuning/jobs?limit=100&metadata[{TAG_KEY}]={tag}")),
        PlannedRequest("POST", at("/fine_tuning/jobs"), create_body(plan, ids, tag), paid=True),
    )


def _upload(file: ProviderFile, at: Callable[[str], str]) -> tuple[PlannedRequest, ...]:
    form = {"purpose": "fine-tune", "file": f"{file.remote_name}: {file.size} bytes, sha256 {file.sha256}"}
    return (
        PlannedRequest("GET", at("/files?limit=1000&purpose=fine-tune")),
        PlannedRequest("POST", at("/files"), form),
    )


def divided(base_url: str) -> tuple[str, dict[str, str]]:
    """A base URL without its query, and the query, which some hosts want with every request (Azure's `api-version`)."""
    url, _, query = base_url.partition("?")
    return url, dict(parse_qsl(query))


def address(base_url: str, path: str) -> str:
    """Where a request to that path goes: the base's own query stands behind it."""
    url, _, query = base_url.partition("?")
    whole = url.rstrip("/") + path
    return f"{whole}{'&' if '?' in path else '?'}{query}" if query else whole


def _method(plan: Plan) -> dict[str, Any]:
    name = _METHOD_NAMES[plan.method]
    return {"type": name, name: {"hyperparameters": _wire(plan.hyperparameters)}}


def _wire(hyperparameters: Hyperparameters) -> dict[str, Any]:
    core = {wire: getattr(hyperparameters, name) for name, wire in _WIRE_NAMES.items()}
    return {name: value for name, value in (core | dict(hyperparameters.extra)).items() if value is not None}
