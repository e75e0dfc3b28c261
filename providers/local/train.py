"""The training program of this machine: `python -m providers.local.train`, told by the file in `TUNEWRIGHT_JOB`.

Supervised and preference training (DPO), of the whole model, an adapter (LoRA), or an adapter over a base in 4 bits
(QLoRA). SIGTERM saves a checkpoint and stops with exit status 75; the next start goes on from the last checkpoint.
"""

from __future__ import annotations

import shutil
import sys
import warnings
from typing import Any

import transformers

from .order import Card, TrainingOrder, card_of, read_order, write_card
from .recording import Recorder, Stop, put_in_place
from .rows import UnsuitableRows
from .training import build, prepare, steps_of
from .weights import NotHere, context_of, for_training, load_tokenizer

__all__ = ["main", "train"]

_PLEASE_RESUME = 75
"""EX_TEMPFAIL of sysexits.h: saved, and not at its end."""


def train(order: TrainingOrder) -> int:
    """Run it; answers the exit status. Raises `UnsuitableRows`, `NotHere`."""
    before = card_of(order.resume_from) if order.resume_from else None
    stop = Stop(order.setting("max_hours", None), before.seconds if before else 0.0)
    work = order.checkpoints.parent / ".saving"
    shutil.rmtree(work, ignore_errors=True)
    loaded, tokenizer = for_training(order), load_tokenizer(order.source)
    context = context_of(loaded.model)
    train_rows = prepare(order, order.train_file, tokenizer, context)
    print(f"training rows: {train_rows.lengths.text}", flush=True)
    validation = None
    if order.validation_file is not None:
        validation = prepare(order, order.validation_file, tokenizer, context)
        print(f"validation rows: {validation.lengths.text}", flush=True)
    epochs = int(order.setting("epochs", 3))
    card = Card(loaded.base if order.adapter else None, order.method)
    recorder = Recorder(
        order,
        card,
        stop,
        saves=int(order.setting("n_checkpoints", epochs)),
        evaluations=int(order.setting("n_evals", epochs)) if validation else 0,
    )
    trainer = build(order, loaded, tokenizer, train_rows, validation, [recorder], work)
    print(f"{steps_of(order, len(train_rows.data))} steps; {_size(trainer.model)}", flush=True)
    if order.resume_from is not None:
        print(f"going on from {order.resume_from.name}", flush=True)
    trainer.train(resume_from_checkpoint=str(order.resume_from) if order.resume_from else None)
    if trainer.state.global_step < trainer.state.max_steps:
        step = f"saved at step {trainer.state.global_step} of {trainer.state.max_steps}"
        if not stop.asked:
            print(f"max_hours are over: {step}; raise them, and train on from its checkpoint", flush=True)
            return 1
        print(f"told to stop: {step}", flush=True)
        return _PLEASE_RESUME
    _save(order, trainer, tokenizer, card)
    return 0


def _size(model: Any) -> str:
    learned = sum(one.numel() for one in model.parameters() if one.requires_grad)
    return f"{learned:,} of {sum(one.numel() for one in model.parameters()):,} parameters are trained"


def _save(order: TrainingOrder, trainer: Any, tokenizer: Any, card: Card) -> None:
    draft = order.artefact.with_name(f".{order.artefact.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    only = {"selected_adapters": ["default"]} if order.adapter else {}
    trainer.model.save_pretrained(draft, **only)
    tokenizer.save_pretrained(draft)
    write_card(draft, card)
    put_in_place(draft, order.artefact)


def main() -> int:
    """What cannot be done is said in one line, and ends with exit status 1."""
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)  # what these libraries tell those who build on them
    try:
        return train(read_order())
    except (UnsuitableRows, NotHere, OSError) as error:
        print(f"{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
