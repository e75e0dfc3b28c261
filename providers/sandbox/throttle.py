"""Rate limits of the sandbox's chat, a model: so many requests and tokens a minute, told in headers, 429 above.

Each is a bucket that holds a minute's worth (or `burst_s` of it) and fills continuously, as OpenAI describes its own.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .refusals import Refused

__all__ = ["Limit", "Throttle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one model takes; None: unlimited. `burst_s`: how many seconds' worth may come at once.
    `silent`: nothing is told in headers, except how long to wait."""

    requests_per_min: float | None = None
    tokens_per_min: float | None = None
    burst_s: float = 60.0
    silent: bool = False

    def __post_init__(self) -> None:
        for name, value in (("requests_per_min", self.requests_per_min), ("tokens_per_min", self.tokens_per_min)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be above 0, not {value}")


@dataclass(slots=True)
class _Bucket:
    """`left` units at the moment `at`, filling with `per_s` up to `most`."""

    per_s: float
    most: float
    left: float
    at: float

    def fill(self, now: float) -> None:
        self.left = min(self.most, self.left + max(0.0, now - self.at) * self.per_s)
        self.at = now

    def wait_s(self, units: float) -> float:
        return max(0.0, (min(units, self.most) - self.left) / self.per_s)


class Throttle:
    """Every model's buckets. A model without a limit of its own takes the one set for all. Safe between threads."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._limits: dict[str, Limit] = {}
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self.refused = 0

    def set(self, model: str = "", **fields: Any) -> Limit:
        """Limit one model, or all ("") that have none of their own. Raises `ValueError` or `TypeError`."""
        limit = Limit(**fields)
        with self._lock:
            self._limits[model] = limit
            self._buckets.clear()
        return limit

    def clear(self) -> None:
        """No limits at all."""
        with self._lock:
            self._limits.clear()
            self._buckets.clear()

    @property
    def on(self) -> bool:
        """Whether anything is limited."""
        return bool(self._limits)

    def active(self) -> dict[str, Any]:
        """Model → its limit, as JSON."""
        with self._lock:
            return {model: asdict(limit) for model, limit in self._limits.items()}

    def take(self, model: str, tokens: int) -> Mapping[str, str]:
        """The headers of an answer that may be given. Raises `Refused` (429) with how long to wait.

        A refused request counts as a request all the same, as on the platform.
        """
        with self._lock:
            limit = self._limits.get(model) or self._limits.get("")
            if limit is None:
                return {}
            wanted = {"requests": 1.0, "tokens": float(tokens)}
            buckets = {kind: self._bucket(model, kind, per_min, limit) for kind, per_min in _kinds(limit)}
            wait_s = max((bucket.wait_s(wanted[kind]) for kind, bucket in buckets.items()), default=0.0)
            for kind, bucket in buckets.items():
                if wait_s == 0 or kind == "requests":
                    bucket.left = max(0.0, bucket.left - wanted[kind])
            headers = {} if limit.silent else _told(buckets)
            self.refused += wait_s > 0
        if wait_s > 0:
            raise _refusal(wait_s, headers)
        return headers

    def _bucket(self, model: str, kind: str, per_min: float, limit: Limit) -> _Bucket:
        most, now = per_min * limit.burst_s / 60, self._now()
        bucket = self._buckets.setdefault((model, kind), _Bucket(per_min / 60, most, most, now))
        bucket.fill(now)
        return bucket


def _kinds(limit: Limit) -> list[tuple[str, float]]:
    both = (("requests", limit.requests_per_min), ("tokens", limit.tokens_per_min))
    return [(kind, per_min) for kind, per_min in both if per_min is not None]


def _told(buckets: Mapping[str, _Bucket]) -> dict[str, str]:
    headers = {}
    for kind, bucket in buckets.items():
        headers[f"x-ratelimit-limit-{kind}"] = f"{bucket.per_s * 60:.0f}"
        headers[f"x-ratelimit-remaining-{kind}"] = f"{int(bucket.left)}"
        headers[f"x-ratelimit-reset-{kind}"] = _go((bucket.most - bucket.left) / bucket.per_s)
    return headers


def _go(seconds: float) -> str:
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds * 1000) / 1000, 60)
    return f"{minutes:.0f}m{rest:g}s" if minutes else f"{rest:g}s"


def _refusal(wait_s: float, headers: Mapping[str, str]) -> Refused:
    told = {**headers, "retry-after-ms": f"{math.ceil(wait_s * 1000)}", "retry-after": f"{math.ceil(wait_s)}"}
    message = f"Rate limit reached. Please try again in {_go(wait_s)}."
    return Refused(429, message, code="rate_limit_exceeded", type="requests", headers=told)
