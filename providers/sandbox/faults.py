"""The sandbox's faults, switched on by name: which there are, what each aims at by default, and when one strikes.

Striking is left to others: `intercept.py` for what happens to a request, `world.py` for what happens to a job.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

__all__ = ["FAULTS", "Fault", "Faults"]

_JOBS = "fine_tuning/jobs|fine-tunes|supervisedFineTuningJobs|dpoJobs|trainings|model-customization-jobs|tuningJobs"
_CREATE = rf"/({_JOBS})$"
_JOB = rf"/({_JOBS})/[^/:]+$"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that is on. `count` None: until cleared; else it strikes that many times.

    `method` and `path` (a regular expression searched in the request's path) say which requests it aims at.
    `seconds`: how long, for those that last. `value`: which status, how a body is torn ("framed" or "cut"), how many of
    a batch.
    `processed`: whether the request took effect before it went wrong.
    """

    name: str
    about: str
    scope: Literal["request", "job", "status", "lease", "webhook", "batch", "prediction"]
    count: int | None = 1
    method: str = ""
    path: str = ""
    seconds: float = 0.0
    value: str = ""
    processed: bool = False

    def hits(self, method: str, path: str) -> bool:
        return self.method in ("", method) and re.search(self.path, path) is not None


def _create(name: str, about: str) -> Fault:
    return Fault(name, about, "request", method="POST", path=_CREATE)


def _job(name: str, about: str, seconds: float = 0.0) -> Fault:
    return Fault(name, about, "job", seconds=seconds)


def _webhook(name: str, about: str, seconds: float = 0.0) -> Fault:
    return Fault(name, about, "webhook", seconds=seconds)


def _batch(name: str, about: str, seconds: float = 0.0, value: str = "") -> Fault:
    return Fault(name, about, "batch", seconds=seconds, value=value)


FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("rate_limit", "429 with retry-after", "request", seconds=1),
        Fault("server_error", "500 in the platform's shape", "request"),
        Fault("bad_gateway", "502 with a proxy's HTML", "request"),
        Fault("slow", "held for `seconds` before it is processed, even when the client has left", "request", seconds=2),
        Fault("reset", "connection cut before the request is processed", "request"),
        Fault("lost_reply", "processed, then the connection is cut without a reply", "request", processed=True),
        Fault("truncated", "processed, then 200 with half of the body", "request", value="framed", processed=True),
        Fault("html", "200 with an HTML page", "request"),
        _create("training_not_available", "403: this account may not train"),
        _create("insufficient_quota", "no credit left"),
        _create("duplicate_delivery", "the request is processed twice"),
        _job("stuck_queue", "the next job stays queued for `seconds`", 3600),
        _job("list_lag", "the next job is missing from lists for `seconds`", 30),
        Fault("lease_lag", "the next endpoint or deployment is missing from lists for `seconds`", "lease", seconds=30),
        _job("job_failed", "the next job fails after its first epoch"),
        _job("safety_block", "the next job's model is refused by the safety evaluation, after training"),
        _job("model_not_ready", "the next job's model answers 404 for `seconds` after success", 30),
        Fault("unknown_status", "a job's status reads `value`", "status", path=_JOB, value="reticulating"),
        _webhook("webhook_twice", "the next webhook is delivered twice"),
        _webhook(
            "webhook_old", "the next webhook is `seconds` old; sent again as it should be, if it is refused", 3600
        ),
        _webhook(
            "webhook_tampered", "the next webhook names another job than was signed; sent again, if it is refused"
        ),
        _batch("batch_lag", "the next batch is missing from lists for `seconds`", 30),
        _batch("batch_stuck", "the next batch takes `seconds` longer", 3600),
        _batch("batch_refused", "the input of the next batch is refused when it is validated"),
        _batch(
            "batch_expired", "the next batch expires after `seconds` with the share `value` answered", 86_400, "0.5"
        ),
        _batch("batch_rows_fail", "every `value`th request of the next batch fails with 500", value="3"),
        Fault("prediction_slow", "the next prediction is still under way when it is first answered", "prediction"),
        Fault("prediction_failed", "the next prediction fails in the model's own code", "prediction"),
        _webhook("webhook_late", "the next webhook is held back for `seconds`, so that later ones overtake it", 60),
    )
}


class Faults:
    """The faults that are on, in the order they were switched on. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: list[Fault] = []

    def set(self, name: str, **changes: Any) -> Fault:
        """Switch on `name`, with any field of `Fault` changed. Raises `ValueError` for a name or field unknown."""
        if name not in FAULTS:
            raise ValueError(f"no fault {name!r}; there are: {', '.join(FAULTS)}")
        try:
            fault = replace(FAULTS[name], **changes)
            re.compile(fault.path)
        except (TypeError, re.error) as error:
            raise ValueError(f"fault {name!r}: {error}") from error
        with self._lock:
            self._on.append(fault)
        return fault

    def clear(self, name: str | None = None) -> None:
        """Switch off every fault of that name, or all."""
        with self._lock:
            self._on = [fault for fault in self._on if name is not None and fault.name != name]

    def take(self, scope: str, method: str = "", path: str = "", name: str | None = None) -> Fault | None:
        """The first fault that strikes here, counted down; None when nothing goes wrong."""
        with self._lock:
            for place, fault in enumerate(self._on):
                if fault.scope == scope and name in (None, fault.name) and fault.hits(method, path):
                    self._count_down(place, fault)
                    return fault
        return None

    def active(self) -> list[dict[str, Any]]:
        """What is on, as JSON."""
        with self._lock:
            return [asdict(fault) for fault in self._on]

    def _count_down(self, place: int, fault: Fault) -> None:
        if fault.count is None:
            return
        if fault.count <= 1:
            del self._on[place]
        else:
            self._on[place] = replace(fault, count=fault.count - 1)
