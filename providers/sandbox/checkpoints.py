"""Which epochs of a job stay as checkpoints: the last three, as at the platforms; of our own model some of all.

Its training is a demonstration of what training does, and there the early states are worth asking too.
"""

from __future__ import annotations

from collections.abc import Sequence

from .jobs import Job, TrainedEpoch

__all__ = ["kept", "stays"]

_LAST = 3  # checkpoints of the last three epochs are kept (OpenAI, facts of 2026-11-22)
_OWN_MODEL, _OWN_KEPT = "sandbox-small", 8


def kept(job: Job, epochs: Sequence[TrainedEpoch]) -> list[TrainedEpoch]:
    """Of the epochs done so far, the oldest first; the newest is always among them."""
    if job.wire == "fireworks":
        return list(epochs[-1:])
    if job.model != _OWN_MODEL:
        return list(epochs[-_LAST:])
    return [epoch for epoch in epochs if _is_spread(job, epoch.number) or epoch is epochs[-1]]


def stays(job: Job, number: int) -> bool:
    """Whether what was learned up to this epoch is worth keeping at hand."""
    return job.epochs - number < _LAST or (job.model == _OWN_MODEL and _is_spread(job, number))


def _is_spread(job: Job, number: int) -> bool:
    """Eight over the whole training, or every epoch where there are no more."""
    most = min(_OWN_KEPT, job.epochs)
    return number in {-(-job.epochs * place // most) for place in range(1, most + 1)}
