"""The worker that trains: one thread, one job after the other, as fast as it can.

What it finds is handed to the job book epoch by epoch; when it may be *seen* is the book's and the clock's affair.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from .. import facts
from .bedrock_rows import bedrock_rows
from .book import Book
from .checkpoints import stays
from .files import Files
from .jobs import Job
from .learner import learner
from .lesson import Learner, Pair, Point, Setting
from .rows import BadFile, Rows, openai_rows, together_rows
from .store import Store
from .vertex_rows import vertex_rows

__all__ = ["Trainer"]


def _auto_batch(rows: int) -> int:
    """Batch size when the platform may choose: about 0.2 % of the rows, at most 256 (OpenAI's guide, 2023)."""
    return max(1, min(256, round(rows * 0.002)))


@dataclass(frozen=True, slots=True)
class _Material:
    train: Rows
    valid: Rows | None
    parent: Learner | None = None

    @property
    def shared(self) -> int:
        return len(set(self.train.pairs) & set(self.valid.pairs)) if self.valid else 0


class Trainer:
    """Trains submitted jobs and keeps what they learned. `close` stops it between two steps."""

    def __init__(self, book: Book, files: Files, store: Store) -> None:
        self._book, self._files, self._store = book, files, store
        self._waiting: queue.Queue[str | None] = queue.Queue()
        self._closing = threading.Event()
        self._learned: dict[tuple[str, int], Learner] = {}
        self._again = threading.RLock()  # a model may go on from one that has to be trained again too
        self._thread: threading.Thread | None = None

    def submit(self, job_id: str) -> None:
        self._waiting.put(job_id)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="sandbox-trainer", daemon=True)
            self._thread.start()

    def settle(self) -> None:
        """Wait until everything submitted has been computed (however far the clock is)."""
        self._waiting.join()

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout=30)
            self._thread = None

    def known(self, job_id: str, epoch: int) -> Learner | None:
        """The model after that epoch if it is in memory."""
        return self._learned.get((job_id, epoch))

    def learned(self, job: Job, epoch: int) -> Learner:
        """The model after that epoch; trained again, to the same weights, where a restart has lost it."""
        with self._again:
            found = self.known(job.id, epoch)
            if found is None:
                *_, last = self._epochs(job, self._read(job), lambda: False, upto=epoch)
                self._learned[job.id, epoch] = found = last.model
            return found

    def forget(self, job_id: str) -> None:
        self._learned = {key: model for key, model in self._learned.items() if key[0] != job_id}

    # ── one job ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        while (job_id := self._waiting.get()) is not None:
            try:
                self._train_alone(job_id)
            except Exception as error:  # noqa: BLE001 - whatever went wrong, the job must come to an end
                self._book.fail(job_id, "internal_error", f"The job failed due to an internal error ({error!r})", None)
            finally:
                self._waiting.task_done()
        self._waiting.task_done()

    def _train_alone(self, job_id: str) -> None:
        with self._store.training(lambda: self._stopped(job_id)) as mine:
            if mine:
                self._train(job_id)

    def _train(self, job_id: str) -> None:
        job = self._book.find(job_id)
        if job is None or self._stopped(job_id):
            return
        try:
            material = self._read(job)
        except BadFile as error:
            self._refuse(job, error)
            return
        job = self._book.validated(job_id, _resolved(job, material))
        best: _Done | None = None
        for done in self._epochs(job, material, lambda: self._stopped(job_id), upto=job.epochs):
            self._keep(job, done)
            if "job_failed" in job.fate:
                self._book.fail(job_id, "internal_error", "The job failed due to an internal error.", None)
                return
            best = _least_loss(best, done)
            if job.request.get("earlyStop") and best is not done and done.number < job.epochs:
                self._learned[job.id, done.number] = done.model
                self._book.stop_early(job_id, done.number)
                return
            if done.number == job.epochs and "safety_block" in job.fate:
                self._book.fail(job_id, "unsafe_model", _UNSAFE, None)

    def _keep(self, job: Job, done: _Done) -> None:
        self._book.trained(job, done.number, done.points)
        if stays(job, done.number):
            self._learned[job.id, done.number] = done.model

    def _stopped(self, job_id: str) -> bool:
        return self._closing.is_set() or not self._book.wanted(job_id)

    def _refuse(self, job: Job, error: BadFile) -> None:
        param = "validation_file" if isinstance(error, _BadValidation) else "training_file"
        self._book.fail(job.id, f"invalid_{param}", f"The job failed due to an invalid {param}. {error}", param)

    # ── what it trains on ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, job: Job) -> _Material:
        train, parent = self._rows(job, job.training_file, _least_rows(job)), self._parent(job)
        if job.validation_file is None:
            return _Material(train, None, parent)
        try:
            return _Material(train, self._rows(job, job.validation_file, 1), parent)
        except BadFile as error:
            raise _BadValidation(str(error)) from error

    def _rows(self, job: Job, file_id: str, minimum: int) -> Rows:
        data = self._files.content(file_id)
        if job.wire == "openai":
            return openai_rows(data, job.method, minimum)
        if job.wire == "bedrock":
            return bedrock_rows(data)
        if job.wire == "vertex":
            return vertex_rows(data)
        return together_rows(data, job.method)  # any of the usual shapes of a row

    def _parent(self, job: Job) -> Learner | None:
        """The model that a preference job goes on from, which must be there when it starts.

        Deleted later, and forgotten by a restart, what it knew is missing in the model that went on from it.
        """
        if job.parent is None or job.method != "dpo":
            return None
        parent = self._book.find(job.parent)
        if parent is None and job.validated_at is not None:
            return None
        if parent is None:
            raise BadFile(f"The model it starts from was deleted (job {job.parent})")
        return self.learned(parent, job.parent_epoch)

    def _epochs(self, job: Job, material: _Material, stopped: Callable[[], bool], upto: int) -> Iterator[_Done]:
        job = _resolved(job, material)
        valid: Sequence[Pair] = material.valid.pairs if material.valid else ()
        setting = Setting(job.epochs, job.batch_size, job.rate, job.seed, job.evals or 0, job.beta)
        model = learner(material.train.pairs, valid, setting, material.parent)
        for number in range(1, upto + 1):
            points = model.epoch(stopped)
            if points is None:
                return
            yield _Done(number, points, model.snapshot())


_UNSAFE = "The fine-tuned model was blocked: it did not pass the safety evaluation 'refusals' that runs after training."


@dataclass(frozen=True, slots=True)
class _Done:
    number: int
    points: tuple[Point, ...]
    model: Learner


def _least_loss(best: _Done | None, done: _Done) -> _Done:
    """Whichever has the lower validation loss; without any, the newer one."""
    before, now = best.points[-1].valid_loss if best else None, done.points[-1].valid_loss
    return best if best is not None and before is not None and now is not None and now >= before else done


def _least_rows(job: Job) -> int:
    return 3 if job.wire == "fireworks" else 10  # examples: platforms' limits, facts of 2026-11-22


class _BadValidation(BadFile):
    """The validation file is to blame, not the training file."""


def _resolved(job: Job, material: _Material) -> Job:
    rows = len(material.train.pairs)
    epochs = job.epochs or int(facts.auto_epochs("openai", rows).value)
    return replace(
        job,
        rows=rows,
        epochs=epochs,
        batch_size=min(rows, job.batch_size or _auto_batch(rows)),
        evals=epochs if job.evals is None else job.evals,
        tokens=material.train.tokens,
        valid_rows=len(material.valid.pairs) if material.valid else 0,
        valid_tokens=material.valid.tokens if material.valid else 0,
        shared_rows=material.shared,
    )
