"""Dedicated serving: endpoints, the deployments behind them, and what they cost by the hour on the sandbox's clock.

A deployment's state and bill are computed from its record and the instant, so the clock may jump by days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any

from .book import new_id
from .store import Records, Store

__all__ = ["GPUS", "INSTANCES", "Deployment", "Endpoint", "Instance", "Serving"]

_SLUG = "sandbox"
_NOTED_S = 5.0


@dataclass(frozen=True, slots=True)
class Instance:
    """Hardware for one replica. Prices in cents an hour, as seen in 2026-05 (H100) and 2026-05 (B200)."""

    id: str
    gpu: str
    count: int
    memory_gib: int
    cents_per_hour: int


INSTANCES: Mapping[str, Instance] = {
    instance.id: instance
    for instance in (
        Instance("1xnvidia-h100-80gb", "nvidia-h100-80gb", 1, 80, 399),
        Instance("1xnvidia-b200-192gb", "nvidia-b200-192gb", 1, 192, 995),
    )
}

GPUS: Mapping[str, Instance] = {
    instance.id: instance
    for instance in (
        Instance("NVIDIA_H100_80GB", "NVIDIA_H100_80GB", 1, 80, 700),
        Instance("NVIDIA_H200_141GB", "NVIDIA_H200_141GB", 1, 141, 700),
        Instance("NVIDIA_B200_180GB", "NVIDIA_B200_180GB", 1, 180, 1000),
    )
}
"""Fireworks' names and prices (its multi-turn cost comparison, an undated copy, facts of 2026-11-22)."""

_CENTS = {id: instance.cents_per_hour for id, instance in (*INSTANCES.items(), *GPUS.items())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One model on machines. `billed_s`: replica-seconds of earlier runs; the present one is counted from `ready_at`.

    `inactive_timeout_min`: minutes without a request after which it stops by itself; None never.
    """

    id: str
    endpoint_id: str
    name: str
    model: str
    instance: str
    replicas: int
    created_at: float
    updated_at: float
    ready_at: float
    request: Mapping[str, Any]
    last_request_at: float = 0.0
    inactive_timeout_min: int | None = None
    stopped_at: float | None = None
    billed_s: float = 0.0
    version: int = 1
    lag_s: float = 0.0

    def listed(self, now: float) -> bool:
        """Whether the summary of its endpoint shows it yet."""
        return now >= self.created_at + self.lag_s

    def stops_at(self) -> float | None:
        """When it stops or stopped: on demand, or by being idle; None while nothing ends it."""
        if self.stopped_at is not None or not self.inactive_timeout_min:
            return self.stopped_at
        return max(self.last_request_at, self.ready_at) + 60 * self.inactive_timeout_min

    def state(self, now: float) -> str:
        stops_at = self.stops_at()
        if stops_at is not None and now >= stops_at:
            return "DEPLOYMENT_STATE_STOPPED"
        return "DEPLOYMENT_STATE_READY" if now >= self.ready_at else "DEPLOYMENT_STATE_PROVISIONING"

    def ready(self, now: float) -> bool:
        return self.state(now) == "DEPLOYMENT_STATE_READY"

    def running_s(self, now: float) -> float:
        """Replica-seconds run so far, all runs together."""
        stops_at = self.stops_at()
        end = now if stops_at is None else min(now, stops_at)
        return self.billed_s + self.replicas * max(0.0, end - self.ready_at)

    def usd(self, now: float) -> Decimal:
        """What it has cost so far."""
        cents = Decimal(_CENTS[self.instance])
        return (cents * Decimal(self.running_s(now)) / 360_000).quantize(Decimal("0.000001"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A name that requests are sent to, and which deployments share them (id → weight)."""

    wire: str = "together"
    deleted_at: float | None = None

    id: str
    name: str
    created_at: float
    updated_at: float
    visibility: str = "VISIBILITY_PRIVATE"
    split: Mapping[str, float] = field(default_factory=dict)
    version: int = 1
    lag_s: float = 0.0

    def listed(self, now: float) -> bool:
        """Whether lists show it yet."""
        return now >= self.created_at + self.lag_s


class Serving:
    """Endpoints and deployments by id. `pace_s`: how long a deployment takes to be ready."""

    def __init__(self, store: Store, now: Callable[[], float], pace_s: float) -> None:
        self._store, self._now, self._pace_s = store, now, pace_s
        self.endpoints = Records(store, "endpoint", lambda body: Endpoint(**body), asdict)
        self.deployments = Records(store, "deployment", lambda body: Deployment(**body), asdict)
        self._bills = Records(store, "bill", lambda body: Decimal(body["usd"]), lambda usd: {"usd": str(usd)})

    # ── endpoints ───────────────────────────────────────────────────────────────────────────────────────────────────

    def named(self, name: str) -> Endpoint | None:
        return next((endpoint for endpoint in self.endpoints.all() if endpoint.name == qualified(name)), None)

    def create_endpoint(self, name: str, visibility: str, lag_s: float = 0.0) -> Endpoint:
        id, now = new_id("ep_"), self._now()
        times: dict[str, Any] = {"created_at": now, "updated_at": now, "lag_s": lag_s}
        return self.endpoints.put(id, Endpoint(id=id, name=qualified(name), visibility=visibility, **times))

    def change_endpoint(self, id: str, **changes: Any) -> Endpoint:
        now = self._now()
        return self.endpoints.update(id, lambda e: replace(e, updated_at=now, version=e.version + 1, **changes))

    # ── deployments ─────────────────────────────────────────────────────────────────────────────────────────────────

    def of(self, endpoint: Endpoint) -> Sequence[Deployment]:
        return [deployment for deployment in self.deployments.all() if deployment.endpoint_id == endpoint.id]

    def deploy(self, endpoint: Endpoint, name: str, **fields: Any) -> Deployment:
        id, now = new_id("dep_"), self._now()
        full = f"{endpoint.name}/{name.rpartition('/')[2]}"
        times: dict[str, Any] = {"created_at": now, "updated_at": now, "ready_at": now + self._pace_s}
        return self.deployments.put(id, Deployment(id=id, endpoint_id=endpoint.id, name=full, **times, **fields))

    def change(self, id: str, **changes: Any) -> Deployment:
        now = self._now()
        return self.deployments.update(id, lambda d: replace(d, updated_at=now, version=d.version + 1, **changes))

    def stop(self, deployment: Deployment) -> Deployment:
        """No replicas: the billing ends now, if being idle has not ended it before."""
        now = self._now()
        stops_at = deployment.stops_at()
        return self.change(deployment.id, stopped_at=now if stops_at is None else min(now, stops_at))

    def start(self, deployment: Deployment, replicas: int) -> Deployment:
        """Again or with other replicas; what ran before stays billed."""
        now = self._now()
        up = deployment.state(now) != "DEPLOYMENT_STATE_STOPPED"
        ready_at = max(now, deployment.ready_at) if up else now + self._pace_s
        ran = deployment.running_s(now)
        return self.change(deployment.id, replicas=replicas, billed_s=ran, ready_at=ready_at, stopped_at=None)

    def delete(self, deployment: Deployment) -> None:
        """It is gone; its bill stays."""
        self._bills.put(deployment.id, deployment.usd(self._now()))
        self.deployments.drop(deployment.id)

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def route(self, name: str) -> Deployment | None:
        """The ready deployment that answers to that endpoint's or deployment's name; noted as asked just now."""
        found = self._routed(name)
        if found is not None:
            self.note(found)
        return found

    def _routed(self, name: str) -> Deployment | None:
        now = self._now()
        ready = [item for item in self.deployments.all() if item.ready(now)]
        endpoint = self.named(name)
        split = endpoint.split if endpoint else {}
        return next((item for item in ready if item.name == name or split.get(item.id, 0) > 0), None)

    def note(self, deployment: Deployment) -> None:
        """When it was last asked, to within some seconds: a write for every request would be wasted."""
        now = self._now()
        if deployment.inactive_timeout_min and now - deployment.last_request_at > _NOTED_S:
            self.deployments.update(deployment.id, lambda item: replace(item, last_request_at=now))

    def known(self, name: str) -> bool:
        """Whether an endpoint or a deployment has that name, ready or not."""
        return self.named(name) is not None or any(d.name == name for d in self.deployments.all())

    def bill_usd(self) -> Decimal:
        """Everything that serving has cost so far."""
        now = self._now()
        return sum(self._bills.all(), Decimal(0)) + sum((item.usd(now) for item in self.deployments.all()), Decimal(0))


def qualified(name: str) -> str:
    """An endpoint's full name: the project's slug before its own."""
    return name if "/" in name else f"{_SLUG}/{name}"
