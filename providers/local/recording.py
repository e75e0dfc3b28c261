"""What a training writes down while it runs: a line a step, checkpoints under their name once they are whole."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import TrainerCallback

from .order import Card, TrainingOrder, write_card

__all__ = ["Recorder", "Stop", "at_steps", "put_in_place"]

_NAMES = {
    "loss": "train_loss",
    "mean_token_accuracy": "train_accuracy",
    "learning_rate": "learning_rate",
    "rewards/accuracies": "reward_accuracy",
    "rewards/margins": "reward_margin",
    "eval_loss": "valid_loss",
    "eval_mean_token_accuracy": "valid_accuracy",
    "eval_rewards/accuracies": "valid_reward_accuracy",
    "eval_rewards/margins": "valid_reward_margin",
}
"""The trainer's word → ours (`MetricPoint`), trl 1.16."""

_ONLY_TO_RESUME = ("optimizer.pt", "scheduler.pt", "rng_state.pth")


class Stop:
    """Whether SIGTERM has come, or the hours are used up: then a checkpoint is saved and the training ends.

    `before_s`: how long earlier attempts have trained.
    """

    def __init__(self, max_hours: float | None, before_s: float) -> None:
        self.asked = False
        self._most_s = None if max_hours is None else max_hours * 3600
        self._before_s = before_s
        self._since = time.monotonic()
        signal.signal(signal.SIGTERM, self._ask)

    @property
    def seconds(self) -> float:
        """How long was trained, all attempts together."""
        return self._before_s + time.monotonic() - self._since

    @property
    def overdue(self) -> bool:
        """Whether it has trained for as long as it may."""
        return self._most_s is not None and self.seconds > self._most_s

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def at_steps(total: int, times: int) -> frozenset[int]:
    """So many steps, evenly spread, of which the last is the last of all."""
    times = min(max(times, 1), total)
    return frozenset(math.ceil(total * number / times) for number in range(1, times + 1))


class Recorder(TrainerCallback):
    """Writes the metrics, says when to save and to evaluate, and stops when asked to."""

    def __init__(self, order: TrainingOrder, card: Card, stop: Stop, saves: int, evaluations: int) -> None:
        self._order = order
        self._card = card
        self._stop = stop
        self._saves = saves
        self._evaluations = evaluations
        self._point: dict[str, Any] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """The trainer does what the flags say, in this order: log, evaluate, save."""
        ends = self._stop.asked or self._stop.overdue
        control.should_save = ends or state.global_step in at_steps(state.max_steps, self._saves)
        if self._evaluations:
            control.should_evaluate = state.global_step in at_steps(state.max_steps, self._evaluations)
        if ends:
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **more: Any) -> None:
        """One line a step, and a second one of the same step with what was measured on the validation file."""
        told = {ours: logs[theirs] for theirs, ours in _NAMES.items() if logs and theirs in logs}
        if "train_loss" not in told and "valid_loss" not in told:
            return  # the summary at the end
        point = {"step": state.global_step, "epoch": round(float(state.epoch or 0), 4), **told}
        with self._order.metrics.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(point) + "\n")
        words = ", ".join(f"{name} {value:.4g}" for name, value in told.items() if name != "learning_rate")
        print(f"step {state.global_step} of {state.max_steps}: {words}", flush=True)

    def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Give the checkpoint its name; those before it are kept to be asked, and need no optimiser any more."""
        saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_card(saved, replace(self._card, seconds=self._stop.seconds))
        place = self._order.checkpoints / f"step-{state.global_step}"
        put_in_place(saved, place)
        for older in self._order.checkpoints.glob("step-*"):
            if older != place:
                for name in _ONLY_TO_RESUME:
                    (older / name).unlink(missing_ok=True)
        print(f"saved {place.name}", flush=True)


def put_in_place(draft: Path, place: Path) -> None:
    """One rename gives a whole folder its name, its files on the disk before; one of that name is replaced."""
    for path in draft.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        shutil.rmtree(place)
    draft.rename(place)
