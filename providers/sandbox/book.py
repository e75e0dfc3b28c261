"""The book of jobs: creates, changes and remembers them, durably. What a job looks like is in `jobs.py`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from .jobs import Failure, Job, TrainedEpoch, View, tuned_name, view
from .lesson import Point
from .store import Records, Store

__all__ = ["Book", "new_id"]

_RESOLVED = ("rows", "epochs", "batch_size", "evals", "tokens", "valid_rows", "valid_tokens", "shared_rows")


class Book:
    """Jobs by id in order of creation, each with its epochs. Safe to use from several threads and processes."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store, self._now = store, now
        self._jobs = Records(store, "job", _job, asdict)
        self._epochs: dict[str, Records[TrainedEpoch]] = {}

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, id: str) -> Job | None:
        return self._jobs.get(id)

    def view(self, id: str) -> View | None:
        """The job as it looks now; None when there is no such job."""
        job = self._jobs.get(id)
        return None if job is None else view(job, self.epochs(id), self._now())

    def views(self, wire: str) -> list[View]:
        """Every job on that wire, newest first."""
        now = self._now()
        jobs = [job for job in self._jobs.all() if job.wire == wire]
        return [view(job, self.epochs(job.id), now) for job in reversed(jobs)]

    def listed(self, wire: str) -> list[View]:
        """What a list request shows: a job that lags behind in lists is missing."""
        now = self._now()
        return [v for v in self.views(wire) if now >= v.job.created_at + v.job.fate.get("list_lag", 0.0)]

    def named(self, wire: str, tuned: str) -> str | None:
        """The job that makes the tuned model of that name."""
        jobs = [job for job in self._jobs.all() if job.wire == wire]
        return next((job.id for job in jobs if tuned_name(job) == tuned), None)

    def epochs(self, id: str) -> list[TrainedEpoch]:
        """Everything computed so far, seen or not yet."""
        return self._records(id).all()

    def wanted(self, id: str) -> bool:
        """Whether there is anything left to train."""
        job = self._jobs.get(id)
        if job is None or job.failure is not None or job.cancelled_at is not None:
            return False
        return job.doomed or len(self.epochs(id)) < (job.last_epoch or 1)

    def unfinished(self) -> list[str]:
        """Jobs that a restart has interrupted."""
        return [job.id for job in self._jobs.all() if self.wanted(job.id)]

    def uses(self, file_id: str) -> bool:
        return any(file_id in (job.training_file, job.validation_file) for job in self._jobs.all())

    # ── changing ────────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, id: str, **fields: Any) -> Job:
        return self._jobs.put(id, Job(id=id, created_at=self._now(), **fields))

    def validated(self, id: str, resolved: Job) -> Job:
        """The files are good: take what was resolved from their rows, and the time."""

        def change(job: Job) -> Job:
            if job.validated_at is not None:
                return job
            seen = max(job.created_at + job.short_s, job.time(self._now()))
            return replace(job, validated_at=seen, **{name: getattr(resolved, name) for name in _RESOLVED})

        return self._jobs.update(id, change)

    def trained(self, job: Job, number: int, points: Sequence[Point]) -> None:
        """One more epoch, visible a pace after the one before or when it was computed, whichever is later."""
        before = self.epochs(job.id)
        if len(before) >= number:
            return  # a restart trains again what was recorded before it
        start = before[-1].done_at if before else job.starts_at or job.created_at
        now = (self.find(job.id) or job).time(self._now())
        epoch = TrainedEpoch(number, tuple(points), start, max(start + job.pace_s, now))
        self._records(job.id).put(f"{number:05d}", epoch)

    def fail(self, id: str, code: str, message: str, param: str | None) -> None:
        """The job fails now, or when its last epoch may be seen; one that was deleted meanwhile is left alone."""
        epochs = self.epochs(id)

        def change(job: Job) -> Job:
            seen = epochs[-1].done_at if epochs else job.created_at + job.short_s
            return replace(job, failure=Failure(code, message, param, max(seen, job.time(self._now()))))

        with suppress(KeyError):
            self._jobs.update(id, change)

    def stop_early(self, id: str, after: int) -> None:
        """What it has learned by that epoch is what it ends with; one that was deleted meanwhile is left alone."""
        with suppress(KeyError):
            self._jobs.update(id, lambda job: replace(job, stopped_after=after))

    def cancel(self, id: str) -> None:
        now = self._now()
        self._jobs.update(id, lambda job: replace(_resumed(job, now), cancelled_at=job.time(now)))

    def pause(self, id: str) -> None:
        now = self._now()
        self._jobs.update(id, lambda job: replace(job, paused_at=now))

    def resume(self, id: str) -> None:
        now = self._now()
        self._jobs.update(id, lambda job: _resumed(job, now))

    def delete(self, id: str) -> None:
        for epoch in self.epochs(id):
            self._records(id).drop(f"{epoch.number:05d}")
        self._epochs.pop(id, None)
        self._jobs.drop(id)

    def _records(self, id: str) -> Records[TrainedEpoch]:
        if id not in self._epochs:
            self._epochs[id] = Records(self._store, f"epoch:{id}", _epoch, asdict)
        return self._epochs[id]


def new_id(prefix: str) -> str:
    """A fresh identifier as platforms make them."""
    return f"{prefix}{secrets.token_hex(12)}"


def _resumed(job: Job, now: float) -> Job:
    return job if job.paused_at is None else replace(job, paused_at=None, paused_s=job.paused_s + now - job.paused_at)


def _job(body: dict[str, Any]) -> Job:
    failure = body.pop("failure")
    return Job(failure=Failure(**failure) if failure else None, **body)


def _epoch(body: dict[str, Any]) -> TrainedEpoch:
    points = tuple(Point(**point) for point in body.pop("points"))
    return TrainedEpoch(points=points, **body)
