"""The files that a LLaMA-Factory run reads: its YAML for training and for serving, and `dataset_info.json`. Pure.

Everything that decides what a run means is written out, with the package's own default where nothing was chosen, so
that a later release cannot change what an old plan means. Paths are relative to the run's folder: the launcher splits
its command line at white space when it starts torchrun children (llamafactory 0.9.5, `launcher.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ..dialects.llama_factory import dataset_info
from ..errors import Unsupported
from ..records import Hyperparameters, Method
from .settings import NAME, options
from .templates import template_of

__all__ = ["DATA_DIR", "OUTPUT_DIR", "Base", "dataset_json", "serving", "training", "yaml_text"]

DATA_DIR = "data"
OUTPUT_DIR = "output"

_DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 5e-5,
    "num_train_epochs": 3,
    "per_device_train_batch_size": 8,
    "cutoff_len": 2048,
    "lr_scheduler_type": "linear",
    "warmup_ratio": 0.0,
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "seed": 42,
}
"""What the package would take by itself (0.9.5 with transformers 5.6)."""

_LORA_DEFAULTS: Mapping[str, Any] = {"lora_rank": 8, "lora_dropout": 0.0, "lora_target": "all"}
_PREFERENCE_DEFAULTS: Mapping[str, Any] = {"pref_beta": 0.1, "pref_loss": "sigmoid", "pref_ftx": 0.0}
_SUPERVISED_DEFAULTS: Mapping[str, Any] = {"train_on_prompt": False, "mask_history": False, "packing": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What is trained or served: a folder or hub id, and the adapter of an earlier job on top of it, if any.

    `family`: the name of the base that all of it began with, by which the template is known.
    """

    model: str
    family: str
    adapter: str | None = None


def training(base: Base, method: Method, hyperparameters: Hyperparameters, *, validated: bool) -> dict[str, Any]:
    """What `llamafactory-cli train` is told. Raises `Unsupported` naming a setting that cannot be used."""
    told = options(method, hyperparameters, validated=validated)
    lora = _LORA_DEFAULTS if told["finetuning_type"] == "lora" else {}
    ours = _PREFERENCE_DEFAULTS if method is Method.DPO else _SUPERVISED_DEFAULTS
    return {
        **_model(base, hyperparameters),
        "do_train": True,
        "dataset_dir": DATA_DIR,
        "dataset": "tunewright_train",
        **({"eval_dataset": "tunewright_validation", "per_device_eval_batch_size": 8} if validated else {}),
        "output_dir": OUTPUT_DIR,
        **_DEFAULTS,
        **lora,
        **ours,
        **told,
        # One line a step, whatever becomes of the loss: by default a NaN is left out of the mean and never seen.
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "include_num_input_tokens_seen": "non_padding",
        "report_to": "none",
    }


def serving(base: Base, hyperparameters: Hyperparameters) -> dict[str, Any]:
    """What `llamafactory-cli api` is told: the template, and the base in as many bits, that it was trained with."""
    told = options(Method.SFT, _shape(hyperparameters), validated=False)
    names = ("finetuning_type", "quantization_bit", "quantization_method", "quantization_type", "double_quantization")
    return {
        **_model(base, hyperparameters),
        **{name: told[name] for name in names if name in told},
        "infer_backend": "huggingface",
    }


def dataset_json(files: Mapping[str, str], method: Method) -> str:
    """`dataset_info.json` for the files by role. Their names end in .jsonl, which tells the reader their format."""
    return json.dumps(dataset_info(files, ranking=method is Method.DPO), indent=2) + "\n"


def yaml_text(config: Mapping[str, Any]) -> str:
    """The mapping as YAML, one setting a line. Raises `Unsupported` for a text that its reader would replace."""
    return "".join(f"{name}: {_scalar(name, value)}\n" for name, value in config.items())


def _model(base: Base, hyperparameters: Hyperparameters) -> dict[str, Any]:
    template = template_of(base.family, hyperparameters.extra.get("template"))
    return {
        "model_name_or_path": base.model,
        **({"adapter_name_or_path": base.adapter} if base.adapter else {}),
        "trust_remote_code": False,
        **({"template": template} if template else {}),
        "enable_thinking": hyperparameters.extra.get("enable_thinking", False),
    }


def _shape(hyperparameters: Hyperparameters) -> Hyperparameters:
    """Only what changes how the weights are loaded."""
    kept = {name: value for name, value in hyperparameters.extra.items() if name == "qlora"}
    return Hyperparameters(lora=hyperparameters.lora, extra=kept)


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, (bool, int)):
        return json.dumps(value)
    if isinstance(value, float) and isfinite(value):
        # YAML 1.1 takes 1e-05 for a text: it wants the point.
        mantissa, _, exponent = repr(value).partition("e")
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}{'e' + exponent if exponent else ''}"
    if not isinstance(value, str) or "${" in value:
        raise Unsupported(f"{name}: {value!r} cannot be written into its YAML", provider=NAME, nothing_created=True)
    return json.dumps(value, ensure_ascii=False)
