"""The requests of a submission to Replicate, as pure data: the paid one to the letter once the trainer was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import Unsupported
from ..plans import training_files
from ..records import Hyperparameters, Plan, PlannedRequest, ProviderFile
from .names import Reference, reference
from .places import DESTINATION, FILES, OURS, settings, training_inputs
from .trainer import Inputs

__all__ = [
    "OWN_HOST",
    "RATE",
    "WEBHOOK",
    "Known",
    "check",
    "create_body",
    "create_path",
    "destination_of",
    "file_ids",
    "planned_requests",
]

OWN_HOST = "https://api.replicate.com"
WEBHOOK = "webhook"
"""The option that says where Replicate shall send word."""

RATE = "usd_per_second"
"""The option that says what a second on the trainer's hardware costs."""

_EVENTS = ["completed"]


@dataclass(frozen=True, slots=True)
class Known:
    """What an opened account has learned, by which a request can be told exactly.

    `inputs`: trainer → its inputs; `urls`: file id → where the trainer finds it. Both grow while the account is open.
    """

    destination: str | None = None
    webhook: str | None = None
    inputs: dict[str, Inputs] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)


def check(model: str, hyperparameters: Hyperparameters, provider: str) -> Reference:
    """The trainer. Raises `Unsupported` for what is wrong whatever the trainer takes."""
    trainer = reference(model)
    if trainer is None or trainer.version is None:
        raise Unsupported(
            f"{model!r} names no version of a trainer",
            provider=provider,
            nothing_created=True,
            fix=f"write it as --to {provider}:OWNER/TRAINER:VERSION; the trainer's page lists its versions",
        )
    for name, value in hyperparameters.extra.items():
        if name in OURS and not isinstance(value, str):
            raise Unsupported(f"{name}: {value!r} is not text", provider=provider, nothing_created=True)
    told = hyperparameters.extra.get(DESTINATION)
    if told is not None:
        _checked_destination(str(told), provider)
    return trainer


def destination_of(plan: Plan, usual: str | None) -> str | None:
    """The model that takes the result: the plan's own, else the account's; None where neither names one.

    Raises `Unsupported` for what is no OWNER/NAME.
    """
    told = plan.hyperparameters.extra.get(DESTINATION) or usual
    return _checked_destination(str(told), plan.provider) if told else None


def _checked_destination(text: str, provider: str) -> str:
    found = reference(text)
    if found is None or found.version is not None:
        raise Unsupported(
            f"{DESTINATION}: {text!r} is not OWNER/NAME",
            provider=provider,
            nothing_created=True,
            fix="name a model of your own, without a version: the training makes its next one",
        )
    return found.model


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────


def create_path(trainer: Reference) -> str:
    """Where a training is bought."""
    return f"{trainer.version_path}/trainings"


def create_body(plan: Plan, known: Known, inputs: Inputs, urls: Mapping[str, str]) -> dict[str, Any]:
    """The body of the one paid request. Raises `Unsupported` naming what is missing or does not fit."""
    destination = destination_of(plan, known.destination)
    if destination is None:
        raise Unsupported(
            "no destination: which model takes the result is not said",
            provider=plan.provider,
            nothing_created=True,
            fix="--set destination=OWNER/NAME, or REPLICATE_DESTINATION",
        )
    body: dict[str, Any] = {"destination": destination, "input": training_inputs(plan, inputs, urls)}
    if known.webhook:
        body |= {"webhook": known.webhook, "webhook_events_filter": _EVENTS}
    return body


def planned_requests(
    plan: Plan,
    files: Sequence[ProviderFile],
    base_url: str,
    known: Known,
    ids: Mapping[str, str] | None = None,
) -> tuple[PlannedRequest, ...]:
    """Everything a submission sends, in order. The paid body is JSON once the trainer has been read, else words."""
    trainer = check(plan.model, plan.hyperparameters, plan.provider)
    destination = reference(destination_of(plan, known.destination))
    model_path = destination.model_path if destination else "/v1/models/<destination>"
    uploads = [request for file in files for request in _upload(file, base_url)]
    return (
        PlannedRequest("GET", f"{base_url}{trainer.version_path}"),
        PlannedRequest("GET", f"{base_url}{model_path}"),
        *uploads,
        PlannedRequest("POST", base_url + create_path(trainer), _paid_body(plan, files, known, ids or {}), paid=True),
    )


def _upload(file: ProviderFile, base_url: str) -> tuple[PlannedRequest, ...]:
    form = {"filename": file.remote_name, "content": f"{file.size} bytes, sha256 {file.sha256}"}
    return (PlannedRequest("GET", f"{base_url}/v1/files"), PlannedRequest("POST", f"{base_url}/v1/files", form))


def _paid_body(plan: Plan, files: Sequence[ProviderFile], known: Known, ids: Mapping[str, str]) -> dict[str, Any] | str:
    """The body itself where everything in it is known; words where the trainer was not asked yet."""
    names: dict[str, str] = {file.role: ids.get(file.role) or f"<URL of {file.remote_name}>" for file in files}
    urls = {role: known.urls.get(name, name) for role, name in names.items() if role in FILES}
    inputs = known.inputs.get(plan.model)
    if inputs is not None and destination_of(plan, known.destination) is not None:
        return create_body(plan, known, inputs, urls)
    destination = destination_of(plan, known.destination) or "<REPLICATE_DESTINATION>"
    return (
        f"destination {destination}; inputs {dict(settings(plan))} and the files {', '.join(urls.values())}, each "
        "under the trainer's own name for it, which is read from the trainer before anything is sent"
    )


def file_ids(plan: Plan, files: Mapping[str, str]) -> dict[str, str]:
    """Role → id of what the job reads. Raises `Unsupported` when the files are not those of the plan."""
    ids = training_files(plan, files)
    return {"train": ids.train, **({"validation": ids.validation} if ids.validation else {})}
