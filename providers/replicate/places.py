"""Which input of a trainer takes what of a plan. Pure.

Settings go under the trainer's own names. Ours (epochs, learning_rate, batch_size, seed) and the files find theirs
among the names that trainers use, or where the user says: `--set epochs_input=NAME`. Nothing is guessed beyond that:
what has no place is refused by name, with the nearest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ..errors import Unsupported
from ..records import Plan
from ..settings import given_settings, refusal
from .trainer import Inputs

__all__ = ["DESTINATION", "FILES", "OURS", "problems", "settings", "training_inputs", "usual_name"]

DESTINATION = "destination"
"""A setting and an option: the model that takes the result."""

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

FILES = ("train", "validation")
_PLACES = tuple(f"{name}_input" for name in _USUAL)
OURS = (DESTINATION, *_PLACES)


def usual_name(name: str, given: Mapping[str, Any]) -> str | None:
    """Which of our names an input of a training stands for, if it is there under a usual one."""
    return next((usual for usual in _USUAL[name] if usual in given), None)


def problems(plan: Plan, inputs: Inputs) -> tuple[str, ...]:
    """Everything about the plan that this trainer would not take, each by name; () when it fits."""
    places, found = _Places(plan, inputs), list[str]()
    for name in ("train", *(["validation"] if plan.validation_sha256 else [])):
        found += places.problem_of_file(name)
    for name, value in settings(plan):
        found += places.problem_of(name, value)
    return tuple(found) or tuple(places.missing([name for name, _ in settings(plan)]))


def training_inputs(plan: Plan, inputs: Inputs, urls: Mapping[str, str]) -> dict[str, Any]:
    """The trainer's inputs. `urls`: role → URL. Raises `Unsupported` naming the first thing that it does not take."""
    wrong = problems(plan, inputs)
    if wrong:
        raise Unsupported("; ".join(wrong), provider=plan.provider, nothing_created=True)
    places = _Places(plan, inputs)
    filled = {place: url for role, url in urls.items() if (place := places.of(role))}
    chosen = {place: value for name, value in settings(plan) if (place := places.of(name))}
    return {**filled, **chosen}


def settings(plan: Plan) -> list[tuple[str, Any]]:
    """What was given for the trainer, without what is only said to us."""
    return [(name, value) for name, value in given_settings(plan.hyperparameters).items() if name not in OURS]


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
        filled = {self.of(name) for name in (*FILES, *given)}
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
