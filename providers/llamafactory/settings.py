"""What may be set for a LLaMA-Factory job, under this project's names, and how its own options are called. Pure.

Names, defaults and refusals are those of llamafactory 0.9.5 (`llamafactory.hparams`), read on 2026-11-26.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Unsupported
from ..records import Hyperparameters, Method
from ..settings import Setting, given_settings, refuse_unusable

__all__ = ["NAME", "check", "options"]

NAME = "llamafactory"

_FRACTION = Setting(kind="float", low=0, high=1)
_NOT_NEGATIVE = Setting(kind="float", low=0)
_POSITIVE = Setting(kind="float", above=0)
_COUNT = Setting(kind="int", low=1)
_FLAG = Setting(kind="bool")
_TEXT = Setting(kind="text")

_SETTINGS: Mapping[str, Setting] = {
    "epochs": _COUNT,
    "learning_rate": _POSITIVE,
    "batch_size": _COUNT,
    "seed": Setting(kind="int", low=0),
    "lora": _FLAG,
    "qlora": _FLAG,
    "lora_r": _COUNT,
    "lora_alpha": _COUNT,
    "lora_dropout": Setting(kind="float", low=0, high=0.999999),
    "lora_trainable_modules": _TEXT,
    "gradient_accumulation_steps": _COUNT,
    "max_seq_length": _COUNT,
    "lr_scheduler_type": Setting(
        kind="text",
        words=("cosine", "linear", "constant", "constant_with_warmup", "cosine_with_restarts", "polynomial"),
    ),
    "warmup_ratio": _FRACTION,
    "weight_decay": _NOT_NEGATIVE,
    "max_grad_norm": _NOT_NEGATIVE,
    "precision": Setting(kind="text", words=("bf16", "fp16")),
    "gradient_checkpointing": _FLAG,
    "save_steps": _COUNT,
    "save_total_limit": _COUNT,
    "eval_steps": _COUNT,
    "early_stopping_patience": _COUNT,
    "template": _TEXT,
    "enable_thinking": _FLAG,
}
_SUPERVISED: Mapping[str, Setting] = {
    "train_on_inputs": _FLAG,
    "mask_history": _FLAG,
    "packing": _FLAG,
}
_PREFERENCE: Mapping[str, Setting] = {
    "beta": _POSITIVE,
    "preference_loss": Setting(kind="text", words=("sigmoid", "hinge", "ipo", "orpo", "simpo")),
    "preference_sft_weight": _NOT_NEGATIVE,
    "label_smoothing": Setting(kind="float", low=0, high=0.5),
    "simpo_gamma": _NOT_NEGATIVE,
}
_NOT_TAKEN: Mapping[str, str] = {
    "learning_rate_multiplier": "LLaMA-Factory takes an absolute rate; use --learning-rate",
    "quantization_bit": "use --set qlora=true: the base in 4 bits (nf4) by bitsandbytes under a LoRA adapter",
    "hf_hub_token": "keys are never part of a plan; export HF_TOKEN where the model needs it",
    "wandb_api_key": "keys are never part of a plan",
    "from_checkpoint": "name the model that it goes on from: --to llamafactory:BASE@JOB",
    "adapter_name_or_path": "name the model that it goes on from: --to llamafactory:BASE@JOB",
    "output_dir": "each job has a folder of its own",
    "overwrite_output_dir": "it deletes the log of the attempt before; a job resumes from its last checkpoint instead",
    "trust_remote_code": "a model that brings code of its own is run by your own trainer, not here",
    "report_to": "the log file is read; nothing is sent elsewhere",
}
_OWN_NAMES: Mapping[str, str] = {
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "lora_rank": "lora_r",
    "lora_target": "lora_trainable_modules",
    "cutoff_len": "max_seq_length",
    "train_on_prompt": "train_on_inputs",
    "finetuning_type": "lora",
    "pref_beta": "beta",
    "pref_loss": "preference_loss",
    "pref_ftx": "preference_sft_weight",
    "dpo_label_smoothing": "label_smoothing",
    "early_stopping_steps": "early_stopping_patience",
    "bf16": "precision",
    "fp16": "precision",
}
_ELSEWHERE: Mapping[Method, Mapping[str, str]] = {
    Method.SFT: dict.fromkeys(_PREFERENCE, "only preference training has it; use --method dpo"),
    Method.DPO: dict.fromkeys(_SUPERVISED, "preference training learns from the two answers alone"),
}
_LORA_ONLY = ("qlora", "lora_r", "lora_alpha", "lora_dropout", "lora_trainable_modules")

_RENAMED: Mapping[str, str] = {
    "epochs": "num_train_epochs",
    "learning_rate": "learning_rate",
    "seed": "seed",
    "lora_r": "lora_rank",
    "lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    "max_seq_length": "cutoff_len",
    "lr_scheduler_type": "lr_scheduler_type",
    "warmup_ratio": "warmup_ratio",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "save_total_limit": "save_total_limit",
    "train_on_inputs": "train_on_prompt",
    "mask_history": "mask_history",
    "packing": "packing",
    "beta": "pref_beta",
    "preference_loss": "pref_loss",
    "preference_sft_weight": "pref_ftx",
    "label_smoothing": "dpo_label_smoothing",
    "simpo_gamma": "simpo_gamma",
}
"""Options that mean the same under another name; the rest is translated in `options`."""


def check(method: Method, hyperparameters: Hyperparameters) -> None:
    """Raises `Unsupported` naming what cannot be trained with, also where two settings contradict each other."""
    known = {**_SETTINGS, **(_PREFERENCE if method is Method.DPO else _SUPERVISED)}
    renamed = {name: f"is called {ours} here" for name, ours in _OWN_NAMES.items()}
    refuse_unusable(hyperparameters, known, {**renamed, **_NOT_TAKEN, **_ELSEWHERE[method]}, NAME)
    given = given_settings(hyperparameters)
    for problem in _contradictions(given):
        raise Unsupported(problem, provider=NAME, nothing_created=True)


def options(method: Method, hyperparameters: Hyperparameters, *, validated: bool) -> dict[str, Any]:
    """The settings under LLaMA-Factory's own names. Raises `Unsupported` where one needs a validation file."""
    check(method, hyperparameters)
    given = given_settings(hyperparameters)
    told = {theirs: given[ours] for ours, theirs in _RENAMED.items() if ours in given}
    return {
        **told,
        "stage": "dpo" if method is Method.DPO else "sft",
        **_tuning(given),
        **_batch(given),
        **({given["precision"]: True} if "precision" in given else {}),
        **({"disable_gradient_checkpointing": True} if given.get("gradient_checkpointing") is False else {}),
        **_saving(given),
        **_evaluating(given, validated),
    }


def _contradictions(given: Mapping[str, Any]) -> list[str]:
    found = [
        f"{name}: means nothing in full training" for name in _LORA_ONLY if name in given and given.get("lora") is False
    ]
    batch, steps = given.get("batch_size", 1), given.get("gradient_accumulation_steps", 1)
    if batch % steps:
        found.append(f"gradient_accumulation_steps: {steps} does not divide the batch of {batch}")
    if given.get("mask_history") and given.get("train_on_inputs"):
        found.append("mask_history: contradicts train_on_inputs, which learns the questions too")
    if given.get("label_smoothing") and given.get("preference_loss", "sigmoid") != "sigmoid":
        found.append("label_smoothing: only the sigmoid loss has it")
    if "simpo_gamma" in given and given.get("preference_loss") != "simpo":
        found.append("simpo_gamma: only means something with preference_loss=simpo")
    if "early_stopping_patience" in given and given.get("save_steps") != given.get("eval_steps"):
        found.append("early_stopping_patience: save_steps must equal eval_steps, so that the best can be kept")
    return found


def _tuning(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("lora") is False:
        return {"finetuning_type": "full"}
    modules = given.get("lora_trainable_modules")
    targets = {} if modules is None else {"lora_target": "all" if modules == "all-linear" else modules}
    # nf4 with double quantisation is the package's own default; it is written out, so that a later one changes nothing.
    quantised = {
        "quantization_bit": 4,
        "quantization_method": "bnb",
        "quantization_type": "nf4",
        "double_quantization": True,
    }
    return {"finetuning_type": "lora", **targets, **(quantised if given.get("qlora") else {})}


def _batch(given: Mapping[str, Any]) -> dict[str, Any]:
    """`batch_size` is what one device takes for one step of the optimiser, in so many parts."""
    steps = given.get("gradient_accumulation_steps", 1)
    if "batch_size" not in given:
        return {"gradient_accumulation_steps": steps}
    return {"per_device_train_batch_size": given["batch_size"] // steps, "gradient_accumulation_steps": steps}


def _saving(given: Mapping[str, Any]) -> dict[str, Any]:
    if "save_steps" in given:
        return {"save_strategy": "steps", "save_steps": given["save_steps"]}
    return {"save_strategy": "epoch"}


def _evaluating(given: Mapping[str, Any], validated: bool) -> dict[str, Any]:
    if not validated:
        needing = next((name for name in ("eval_steps", "early_stopping_patience") if name in given), None)
        if needing:
            raise Unsupported(f"{needing}: needs a validation file", provider=NAME, nothing_created=True)
        return {"eval_strategy": "no"}
    found: dict[str, Any] = {"eval_strategy": "epoch"}
    if "eval_steps" in given:
        found = {"eval_strategy": "steps", "eval_steps": given["eval_steps"]}
    if "early_stopping_patience" in given:
        found |= {
            "early_stopping_steps": given["early_stopping_patience"],
            "load_best_model_at_end": True,
            "metric_for_best_model": "eval_loss",
            "greater_is_better": False,
        }
    return found
