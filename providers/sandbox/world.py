"""The sandbox's world: one account's files, jobs, models and machines, with its clock and its faults. No HTTP here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from .base import base_answer
from .batches import Batches
from .book import Book, new_id
from .catalog import BaseModel, base_model
from .checkpoints import kept
from .clock import Clock
from .faults import FAULTS, Faults
from .files import Files
from .jobs import Job, TrainedEpoch, View, tuned_name
from .judging import Judge
from .lesson import Learner
from .s3_objects import S3Objects
from .serving import Serving
from .store import Records, Store
from .throttle import Throttle
from .throughput import Throughput
from .training import Trainer
from .webhooks import Webhooks

__all__ = ["Sandbox", "Tuned"]

_CHECKPOINT = ":ckpt-step-"


@dataclass(frozen=True, slots=True)
class Tuned:
    """A tuned model that may be asked: which job made it, and after which epoch."""

    name: str
    job: Job
    epoch: int
    step: int
    checkpoint: bool


class Sandbox:
    """One account on platforms that exist only here. `pace_s`: least time that an epoch takes on the clock.

    With a `state_dir` everything is kept there, and a training that was interrupted goes on; without, nothing stays.
    """

    def __init__(
        self,
        state_dir: Path | None,
        *,
        clock: Clock | None = None,
        pace_s: float = 0.5,
        faults: Faults | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.faults = faults or Faults()
        self.pace_s = pace_s
        self.throttle = Throttle(self.clock.now)
        self.judge = Judge()
        self.store = Store(state_dir)
        self._advanced = Records(self.store, "advanced", lambda body: float(body["s"]), lambda s: {"s": s})
        self.clock.advance(self._advanced.get("clock") or 0.0)
        self.files = Files(self.store, self.clock.now)
        self.book = Book(self.store, self.clock.now)
        self.objects = S3Objects(self.store, self.clock.now)
        self.throughput = Throughput(self.store, self.clock.now, pace_s)
        self.serving = Serving(self.store, self.clock.now, pace_s)
        self.batches = Batches(self.store, self.files, self.faults, self.clock.now, pace_s)
        self.trainer = Trainer(self.book, self.files, self.store)
        self.webhooks = Webhooks(self.store, self.book, self.clock.now, self.faults)
        for job_id in self.book.unfinished():
            self.trainer.submit(job_id)

    def advance(self, seconds: float) -> float:
        """Let `seconds` pass; trainings under way are computed first, so what is due by then is seen."""
        self.trainer.settle()
        now = self.clock.advance(seconds)
        self._advanced.put("clock", (self._advanced.get("clock") or 0.0) + seconds)
        self.webhooks.look()
        return now

    def close(self) -> None:
        """Stop training and let go of the files. Closing twice is fine."""
        self.webhooks.close()
        self.trainer.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def create_job(self, wire: str, prefix: str, id: str | None = None, **fields: Any) -> Job:
        """A new job, met by whatever job faults are on, and its training. `id`: where a client has chosen it."""
        fate = {}
        for name in (fault.name for fault in FAULTS.values() if fault.scope == "job"):
            if (fault := self.faults.take("job", name=name)) is not None:
                fate[name] = fault.seconds
        job = self.book.create(id or new_id(prefix), wire=wire, pace_s=self.pace_s, fate=fate, **fields)
        self.trainer.submit(job.id)
        return job

    def delete_job(self, id: str) -> None:
        self.book.delete(id)
        self.trainer.forget(id)

    def lease_lag_s(self) -> float:
        """How long the endpoint or deployment that is made now is missing from lists."""
        fault = self.faults.take("lease")
        return fault.seconds if fault else 0.0

    # ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def tuned(self, wire: str) -> list[Tuned]:
        """Every tuned model and checkpoint that answers now, newest job first."""
        return [model for seen in self.book.views(wire) for model in _models_of(seen)]

    def model(self, wire: str, name: str) -> BaseModel | Tuned | None:
        """What answers to that name on that wire."""
        base = base_model(wire, name)
        if base is not None:
            return base
        job_id = self.book.named(wire, name.partition(_CHECKPOINT)[0])
        seen = self.book.view(job_id) if job_id else None
        return next((tuned for tuned in _models_of(seen) if tuned.name == name), None) if seen else None

    def mind(self, model: Tuned) -> Learner | None:
        """What a tuned model has learned, if it is in memory; else ask `recall`, in a thread."""
        return self.trainer.known(model.job.id, model.epoch)

    def recall(self, model: Tuned) -> Learner:
        """What a tuned model has learned, trained again where a restart has lost it (seconds)."""
        return self.trainer.learned(model.job, model.epoch)

    def ask_base(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """A judging prompt is judged, anything else answered."""
        return self.judge.answer(messages) or base_answer(messages)


def _models_of(seen: View) -> list[Tuned]:
    """The final model and the checkpoints that were kept, once the platform serves them."""
    if seen.phase != "succeeded" or seen.now < (seen.ended_at or 0.0) + seen.job.fate.get("model_not_ready", 0.0):
        return []
    return [_model(seen.job, epoch) for epoch in reversed(kept(seen.job, seen.epochs))]


def _model(job: Job, epoch: TrainedEpoch) -> Tuned:
    last, step = epoch.number == job.last_epoch, epoch.points[-1].step
    name = tuned_name(job) if last else f"{tuned_name(job)}{_CHECKPOINT}{step}"
    return Tuned(name, job, epoch.number, step, not last)
