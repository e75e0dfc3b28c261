"""The settings of a training on this machine: what each may be, and what holds where none was given. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Unsupported
from ..records import Hyperparameters, Method, Recipe
from ..settings import Setting, complete, given_settings, refuse_unusable

__all__ = ["NAME", "recipe_for"]

NAME = "local"

_TABLE: Mapping[str, Setting] = {
    "epochs": Setting(kind="int", low=1, high=1000),
    "learning_rate": Setting(kind="float", above=0, high=1),
    "batch_size": Setting(kind="int", low=1, high=4096),
    "seed": Setting(kind="int", low=0, high=2**31 - 1),
    "lora": Setting(kind="bool"),
    "qlora": Setting(kind="bool"),
    "lora_r": Setting(kind="int", low=1, high=512),
    "lora_alpha": Setting(kind="int", low=1, high=1024),
    "lora_dropout": Setting(kind="float", low=0, high=0.9),
    "lora_layers": Setting(kind="int", low=1, high=1000),
    "max_length": Setting(kind="int", low=16),
    "long_rows": Setting(kind="text", words=("refuse", "truncate")),
    "micro_batch_size": Setting(kind="int", low=1, high=4096),
    "warmup_ratio": Setting(kind="float", low=0, high=0.9),
    "weight_decay": Setting(kind="float", low=0, high=1),
    "lr_scheduler": Setting(kind="text", words=("linear", "cosine", "constant")),
    "gradient_checkpointing": Setting(kind="bool"),
    "n_checkpoints": Setting(kind="int", low=1, high=100),
    "n_evals": Setting(kind="int", low=0, high=100),
    "max_hours": Setting(kind="float", above=0, high=10_000),
    "beta": Setting(kind="float", above=0, high=10),
}
_OF_ADAPTERS = ("qlora", "lora_r", "lora_alpha", "lora_dropout", "lora_layers")
_TARGET_EPOCHS, _LEAST_SEEN, _MOST_EPOCHS = 3, 100, 10


def recipe_for(method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
    """`given` completed by presets. Raises `Unsupported` naming any value that cannot be taken."""
    told = given_settings(given)
    no = {} if method is Method.DPO else {"beta": "only preference training takes it"}
    if told.get("lora") is False:
        no |= dict.fromkeys(_OF_ADAPTERS, "only an adapter has it, and lora is false")
    refuse_unusable(given, _TABLE, no, NAME)
    _refuse_uneven(told)
    return complete(given, _presets(method, told, rows, validation_rows))


def _presets(method: Method, told: Mapping[str, Any], rows: int, validation_rows: int) -> dict[str, tuple[Any, str]]:
    epochs, why = _epochs(rows)
    epochs = int(told.get("epochs", epochs))
    found: dict[str, tuple[Any, str]] = {
        "epochs": (epochs, why),
        "batch_size": (8, "small enough for a small machine, large enough for a steady loss"),
        "seed": (7, "a fixed seed, so that the same data and settings can be run again"),
        "lora": (True, "an adapter learns a task with a hundredth of the memory, and is asked beside its base"),
        "n_checkpoints": (max(epochs, 4), "so often is what was learned saved: a killed training loses no more"),
    }
    if validation_rows:
        found["n_evals"] = (max(epochs, 4), "so often is the loss on the validation file measured")
    if method is Method.DPO:
        found["beta"] = (0.1, "the usual start: lower follows the preferences faster, higher stays nearer to the base")
    rate = (2e-4, "the usual start for an adapter") if told.get("lora", True) else (2e-5, "the usual start")
    if method is Method.DPO:
        rate = (rate[0] / 10, "a tenth of the supervised start: preferences overshoot easily")
    found["learning_rate"] = rate
    if told.get("lora", True):
        found["lora_r"] = (16, "the usual rank; more for tasks that are far from what the base knows")
    return found


def _epochs(rows: int) -> tuple[int, str]:
    if rows < 1 or rows * _TARGET_EPOCHS >= _LEAST_SEEN:
        return _TARGET_EPOCHS, f"{_TARGET_EPOCHS} passes: cautious against memorising"
    epochs = min(_MOST_EPOCHS, -(-_LEAST_SEEN // rows))
    return epochs, f"only {rows:,} rows: {epochs} passes bring the model near {_LEAST_SEEN} examples"


def _refuse_uneven(told: Mapping[str, Any]) -> None:
    micro, batch = told.get("micro_batch_size"), told.get("batch_size", 8)
    if micro is not None and batch % micro:
        raise Unsupported(
            f"micro_batch_size: {micro} does not divide the batch of {batch}",
            provider=NAME,
            nothing_created=True,
            fix="choose one that divides batch_size",
        )
