"""Measures a few real steps of an ordered training: `python -m providers.local.probe`, told like the trainer.

Its last line on standard output is one JSON object: `tokens`, `steps`, `seconds` (least and most) and `text` for
people, or `problem` where the rows are unsuitable. Nothing that it learns is kept.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

import transformers
from transformers import TrainerCallback

from .order import TrainingOrder, read_order
from .rows import UnsuitableRows
from .training import build, prepare, steps_of
from .weights import NotHere, context_of, for_training, load_tokenizer

__all__ = ["main", "measured", "spoken"]

_STEPS = 4
_MOST_PROBE_S = 60.0
"""The first step warms up and is not counted; one after it is, and no further ones are begun after so long."""


class _Watch(TrainerCallback):
    """The moments between steps."""

    def __init__(self) -> None:
        self.took_s: list[float] = []
        self._since = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self._since = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.took_s.append(time.perf_counter() - self._since)
        long_enough = len(self.took_s) > 1 and sum(self.took_s) > _MOST_PROBE_S
        control.should_training_stop = len(self.took_s) >= _STEPS or long_enough

    @property
    def counted_s(self) -> list[float]:
        """Without the first, where there is another."""
        return self.took_s[1:] or self.took_s


def measured(order: TrainingOrder) -> dict[str, Any]:
    """What is told. Raises `UnsuitableRows`, `NotHere`."""
    tokenizer = load_tokenizer(order.source)
    loaded = for_training(order)
    context = context_of(loaded.model)
    train = prepare(order, order.train_file, tokenizer, context)
    if order.validation_file is not None:
        prepare(order, order.validation_file, tokenizer, context)
    watch, steps = _Watch(), steps_of(order, len(train.data))
    build(order, loaded, tokenizer, train, None, [watch], order.checkpoints).train()
    low, high = min(watch.counted_s), max(watch.counted_s)
    text = f"{train.lengths.text}; {len(watch.counted_s)} of {steps:,} steps were measured on this machine"
    span = " to ".join(dict.fromkeys((spoken(steps * low), spoken(steps * high))))
    return {
        "tokens": sum(train.lengths.tokens) * int(order.setting("epochs", 3)),
        "steps": steps,
        "seconds": [steps * low, steps * high],
        "text": f"{text}: training takes about {span}, loading and saving aside",
    }


def spoken(seconds: float) -> str:
    """A duration for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def main() -> int:
    """Unsuitable rows are an answer; anything else that fails is an error."""
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)  # what these libraries tell those who build on them
    try:
        with redirect_stdout(sys.stderr):
            told = measured(replace(read_order(), resume_from=None))
    except (UnsuitableRows, NotHere) as error:
        told = {"problem": str(error)}
    print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
