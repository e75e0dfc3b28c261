"""The requests of a submission to Replicate, as pure data: which input of the trainer takes what.

Settings go under the trainer's own names. Ours (epochs, learning_rate, batch_size, seed) and the files find theirs
among the names that trainers use, or where the user says: `--set epochs_input=NAME`. Nothing is guessed beyond that:
what has no place is refused by name, with the nearest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from ..errors import Unsupported
from ..plans import training_files
from ..records import Hyperparameters, Plan, PlannedRequest, ProviderFile
from ..settings import given_settings, refusal
from .names import Reference, reference
from .trainer import Inputs

__all__ = [
    "DESTINATION",
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
    "problems",
    "training_inputs",
    "usual_name",
]

OWN_HOST = "https://api.replicate.com"
DESTINATION = "destination"
"""A setting and an option: the model that takes the result."""

WEBHOOK = "webhook"
"""The option that says where Replicate shall send word."""

RATE = "usd_per_second"
"""The option that says what a second on the trainer's hardware costs."""

_NONE = "none"
_USUAL: Mapping[str, tuple[str, ...]] = {
    "train": ("train_data", "training_data", "train_file", "training_file", "dataset", "data"),
    "validation": ("validation_data", "eval_data", "val_data", "validation_file", "test_data"),
    "epochs": ("num_train_epochs", "epochs", "num_epochs", "n_epochs"),
    "learning_rate": ("learning_rate", "lr"),
    "batch_size": ("train_batch_size", "batch_size", "per_device_train_batch_size"),
    "seed": ("seed", "random_seed"),
    "lora": ("lora", "use_lora"),
}
"""What trainers call it. `train_data`, `num_train_epochs` and `train_batch_size` are those of Replicate's own guide to
tuning a language model (https://replicate.com/docs/guides/fine-tune-a-language-model, stored copy of 2024); the rest
are the words of Hugging Face's Trainer and of scripts made after it."""

_FILES = ("train", "validation")
_PLACES = tuple(f"{name}_input" for name in _USUAL)
_OURS = (DESTINATION, *_PLACES)
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
        if name in _OURS and not isinstance(value, str):
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


# ── inputs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def usual_name(name: str, given: Mapping[str, Any]) -> str | None:
    """Which of our names an input of a training stands for, if it is there under a usual one."""
    return next((usual for usual in _USUAL[name] if usual in given), None)


def problems(plan: Plan, inputs: Inputs) -> tuple[str, ...]:
    """Everything about the plan that this trainer would not take, each by name; () when it fits."""
    places, found = _Places(plan, inputs), list[str]()
    for name in ("train", *(["validation"] if plan.validation_sha256 else [])):
        found += places.problem_of_file(name)
    for name, value in _settings(plan):
        found += places.problem_of(name, value)
    return tuple(found) or tuple(places.missing([name for name, _ in _settings(plan)]))


def training_inputs(plan: Plan, inputs: Inputs, urls: Mapping[str, str]) -> dict[str, Any]:
    """The trainer's inputs. `urls`: role → URL. Raises `Unsupported` naming the first thing that it does not take."""
    wrong = problems(plan, inputs)
    if wrong:
        raise Unsupported("; ".join(wrong), provider=plan.provider, nothing_created=True)
    places = _Places(plan, inputs)
    filled = {place: url for role, url in urls.items() if (place := places.of(role))}
    settings = {place: value for name, value in _settings(plan) if (place := places.of(name))}
    return {**filled, **settings}


def _settings(plan: Plan) -> list[tuple[str, Any]]:
    """What was given for the trainer, without what is only said to us."""
    return [(name, value) for name, value in given_settings(plan.hyperparameters).items() if name not in _OURS]


class _Places:
    """Where each thing goes, at one trainer."""

    def __init__(self, plan: Plan, inputs: Inputs) -> None:
        self._inputs = inputs
        extra = plan.hyperparameters.extra
        self._told = {name: str(extra[place]) for name, place in zip(_USUAL, _PLACES, strict=True) if place in extra}

    def of(self, name: str) -> str | None:
        """The input for it; None where there is none, or where the user says that there is none."""
        told = self._told.get(name)
        if told is not None:
            return None if told == _NONE else told
        usual = self._inputs.first(*_USUAL.get(name, (name,)))
        return usual or (self._only_file() if name == "train" else None)

    def problem_of_file(self, name: str) -> Iterator[str]:
        place = self.of(name)
        which = "training" if name == "train" else "validation"
        if place is None:
            takers = ", ".join(self._inputs.files) or "none"
            yield (
                f"{name}_input: it is not known which input of this trainer takes the {which} file; say --set "
                f"{name}_input=NAME (its inputs that take a file: {takers})"
            )
        elif place not in self._inputs.fields:
            yield self._unknown(f"{name}_input", place)

    def problem_of(self, name: str, value: Any) -> Iterator[str]:
        place = self.of(name)
        if place is None:
            if self._told.get(name) != _NONE:
                yield self._homeless(name)
            return
        if place not in self._inputs.fields:
            yield self._unknown(f"{name}_input", place)
            return
        setting = self._inputs.setting(place)
        wrong = refusal(place, value, {place: setting}) if setting else None
        if wrong:
            yield f"{name}: {wrong}"

    def missing(self, given: Sequence[str]) -> Iterator[str]:
        """Inputs that must be given and are not."""
        filled = {self.of(name) for name in (*_FILES, *given)}
        for name in self._inputs.required:
            if name not in filled and self._inputs.fields.get(name, {}).get("default") is None:
                yield f"{name}: the trainer needs it; give it with --set {name}=…"

    def _only_file(self) -> str | None:
        """The one input that must be given and takes a file, where there is just one."""
        found = [name for name in self._inputs.files if name in self._inputs.required]
        return found[0] if len(found) == 1 else None

    def _homeless(self, name: str) -> str:
        if name not in _USUAL:
            return self._unknown(name, name)
        return (
            f"{name}: this trainer has no input for it under a usual name; say --set {name}_input=NAME, or "
            f"--set {name}_input={_NONE} to leave it to the trainer{self._listed()}"
        )

    def _unknown(self, name: str, place: str) -> str:
        near = get_close_matches(place, self._inputs.fields, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else self._listed()
        said = "" if name == place else f"{place!r} "
        return f"{name}: {said}is not an input of this trainer{hint}"

    def _listed(self) -> str:
        return f"; its inputs: {', '.join(self._inputs.fields) or 'none'}"


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
    urls = {role: known.urls.get(name, name) for role, name in names.items() if role in _FILES}
    inputs = known.inputs.get(plan.model)
    if inputs is not None and destination_of(plan, known.destination) is not None:
        return create_body(plan, known, inputs, urls)
    destination = destination_of(plan, known.destination) or "<REPLICATE_DESTINATION>"
    return (
        f"destination {destination}; inputs {dict(_settings(plan))} and the files {', '.join(urls.values())}, each "
        "under the trainer's own name for it, which is read from the trainer before anything is sent"
    )


def file_ids(plan: Plan, files: Mapping[str, str]) -> dict[str, str]:
    """Role → id of what the job reads. Raises `Unsupported` when the files are not those of the plan."""
    ids = training_files(plan, files)
    return {"train": ids.train, **({"validation": ids.validation} if ids.validation else {})}
