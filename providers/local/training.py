"""Puts a TRL trainer together from an order: rows, model, settings. What is decided here is said in the log."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from transformers import PrinterCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from .order import TrainingOrder
from .rows import Lengths, UnsuitableRows, lengths_of, preference_row, read_rows, supervised
from .weights import Loaded, for_training

__all__ = ["Prepared", "build", "prepare", "steps_of"]

_DEFAULT_BETA = 0.1


class Prepared(NamedTuple):
    """One file ready to be learned from."""

    data: Any
    lengths: Lengths


def prepare(order: TrainingOrder, path: Path, tokenizer: Any, context: int | None) -> Prepared:
    """Its rows as tokens. Raises `UnsuitableRows` for rows that are too long, unless they are to be cut."""
    rows, limit = read_rows(path), _limit(order, context)
    cut = limit if order.setting("long_rows", "refuse") == "truncate" else None
    if order.preference:
        counts = [preference_row(tokenizer, row, number) for number, row in enumerate(rows, start=1)]
        data = Dataset.from_list([_preference(row) for row in rows])
    else:
        tokens = supervised(tokenizer, rows)
        counts = [len(one.ids) for one in tokens]
        data = Dataset.from_list([{"input_ids": one.ids[:cut], "labels": one.labels[:cut]} for one in tokens])
    lengths = lengths_of(counts, limit)
    if lengths.longer and cut is None:
        raise UnsuitableRows(
            f"{path.name}: {lengths.text}; shorten them, raise max_length, or say long_rows=truncate to lose those ends"
        )
    return Prepared(data, lengths)


def _limit(order: TrainingOrder, context: int | None) -> int | None:
    given = order.setting("max_length", None)
    limits = [limit for limit in (given, context) if limit]
    return min(limits) if limits else None


def _preference(row: Any) -> dict[str, Any]:
    return {key: row[key] for key in ("prompt", "chosen", "rejected", "tools") if key in row}


def steps_of(order: TrainingOrder, rows: int) -> int:
    """Steps of all epochs."""
    return math.ceil(rows / int(order.setting("batch_size", 8))) * int(order.setting("epochs", 3))


def build(
    order: TrainingOrder,
    loaded: Loaded,
    tokenizer: Any,
    train: Prepared,
    validation: Prepared | None,
    callbacks: Sequence[Any],
    folder: Path,
) -> Any:
    """The trainer. `folder`: where it saves a checkpoint before that gets its name."""
    settings = _arguments(order, folder)
    common = {
        "model": loaded.model,
        "train_dataset": train.data,
        "eval_dataset": validation.data if validation else None,
        "processing_class": tokenizer,
        "callbacks": list(callbacks),
        "peft_config": _lora(order, _layers(loaded.model)) if order.adapter and not loaded.adapted else None,
    }
    if order.preference:
        cut = train.lengths.limit if train.lengths.longer else None
        config = DPOConfig(**settings, beta=float(order.setting("beta", _DEFAULT_BETA)), max_length=cut)
        # Without an adapter to switch off, what was there before is a second model; trl would take the base for it.
        before = None if order.adapter else for_training(order).model
        trainer = DPOTrainer(args=config, ref_model=before, **common)
    else:
        config = SFTConfig(**settings, max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
        trainer = SFTTrainer(args=config, **common)
    trainer.remove_callback(PrinterCallback)  # the recorder says it once
    return trainer


def _arguments(order: TrainingOrder, folder: Path) -> dict[str, Any]:
    batch = int(order.setting("batch_size", 8))
    micro = int(order.setting("micro_batch_size", batch))
    gpu = torch.cuda.is_available()
    half = gpu and torch.cuda.is_bf16_supported()
    return {
        "output_dir": str(folder),
        "num_train_epochs": int(order.setting("epochs", 3)),
        "learning_rate": float(order.setting("learning_rate", 2e-4 if order.adapter else 2e-5)),
        "per_device_train_batch_size": micro,
        "per_device_eval_batch_size": micro,
        "gradient_accumulation_steps": batch // micro,
        "warmup_steps": float(order.setting("warmup_ratio", 0.0)),  # below 1 it is a share of all steps
        "weight_decay": float(order.setting("weight_decay", 0.0)),
        "lr_scheduler_type": str(order.setting("lr_scheduler", "linear")),
        "gradient_checkpointing": bool(order.setting("gradient_checkpointing", False)),
        "seed": order.seed,
        "data_seed": order.seed,
        "bf16": half,
        "fp16": gpu and not half,
        "use_cpu": not gpu,
        "dataloader_pin_memory": gpu,
        "logging_steps": 1,
        "save_strategy": "no",
        "eval_strategy": "no",
        "prediction_loss_only": True,
        "report_to": "none",
        "disable_tqdm": True,
    }


def _lora(order: TrainingOrder, layers: int) -> Any:
    from peft import LoraConfig

    rank = int(order.setting("lora_r", 16))
    return LoraConfig(
        r=rank,
        lora_alpha=int(order.setting("lora_alpha", 2 * rank)),
        lora_dropout=float(order.setting("lora_dropout", 0.0)),
        target_modules="all-linear",
        exclude_modules=_untouched(order, layers),
        task_type="CAUSAL_LM",
    )


def _layers(model: Any) -> int:
    return int(model.config.get_text_config().num_hidden_layers)


def _untouched(order: TrainingOrder, layers: int) -> str | None:
    """A pattern of the lower layers, where only the last so many get an adapter: less to compute, less to learn."""
    kept = order.setting("lora_layers", None)
    if kept is None or kept >= layers:
        return None
    return rf".*\.layers\.({'|'.join(str(number) for number in range(layers - int(kept)))})\..*"
