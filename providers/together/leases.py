"""What Together says of its endpoints and deployments, as leases; and what an hour of one costs. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..records import JsonObject, Lease, LeaseState
from ..tags import TAG_PREFIX, find_tag
from ..wire import integer

__all__ = [
    "DEPLOYMENT_STATES",
    "Offer",
    "all_stopped",
    "bare",
    "cheapest",
    "current",
    "hardware_of",
    "idle_minutes",
    "lease_of",
    "same_hardware",
]

DEPLOYMENT_STATES: Mapping[str, LeaseState] = {
    "DEPLOYMENT_STATE_PROVISIONING": LeaseState.STARTING,
    "DEPLOYMENT_STATE_READY": LeaseState.READY,
    "DEPLOYMENT_STATE_SCALING": LeaseState.READY,
    "DEPLOYMENT_STATE_DEGRADED": LeaseState.READY,
    "DEPLOYMENT_STATE_FAILED": LeaseState.FAILED,
    "DEPLOYMENT_STATE_STOPPED": LeaseState.STOPPED,
    "DEPLOYMENT_STATE_STOPPING": LeaseState.STOPPING,
}
"""Each wire state once. A state that is not known counts as STARTING: it may bill, and it is not to be called."""

_LEAST_IDLE_MINUTES, _MOST_IDLE_MINUTES = 30, 1440  # together 3.1.1, deployments.create, inactive_timeout

_IDLE_STATES = (LeaseState.STOPPED, LeaseState.FAILED)


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to run a model: its price an hour where that is known, and the configuration's name."""

    hourly_usd: Decimal | None
    name: str
    raw: JsonObject

    def rank(self) -> tuple[bool, Decimal, str]:
        """The order in which offers are preferred, least first."""
        return (self.hourly_usd is None, self.hourly_usd or Decimal(0), self.name)


def idle_minutes(idle_timeout_s: int) -> int:
    """The shortest idle time-out that Together takes and that is not shorter than asked (30 to 1440 minutes)."""
    return min(max(_LEAST_IDLE_MINUTES, math.ceil(idle_timeout_s / 60)), _MOST_IDLE_MINUTES)


def lease_of(endpoint: JsonObject, deployment: JsonObject | None, hourly_usd: Decimal | None) -> Lease:
    """An endpoint and its deployment as a lease; an endpoint without one bills nothing and counts as stopped."""
    name = bare(endpoint)
    return Lease(
        id=str(endpoint["id"]),
        model=str((deployment or endpoint).get("name") or ""),
        state=_state(deployment) if deployment else LeaseState.STOPPED,
        tag=find_tag(name) or (name if name.startswith(TAG_PREFIX) else None),
        usd_per_hour=hourly_usd,
        idle_timeout_s=_idle_timeout_s(deployment) if deployment else None,
        raw={**endpoint, "deployment": deployment},
    )


def _idle_timeout_s(deployment: JsonObject) -> int | None:
    minutes = integer(deployment.get("inactiveTimeout"))
    return None if minutes is None else 60 * minutes


def current(endpoint: JsonObject) -> JsonObject | None:
    """The deployment that counts: one that runs or may run, else the newest that did, else None."""
    found = [raw for raw in endpoint.get("deployments") or () if isinstance(raw, Mapping)]
    alive = [raw for raw in found if _state(raw) not in _IDLE_STATES]
    return next(reversed(alive or found), None)


def all_stopped(endpoint: JsonObject) -> bool:
    """Whether the endpoint has deployments, and none of them bills any more."""
    found = [_state(raw) for raw in endpoint.get("deployments") or () if isinstance(raw, Mapping)]
    return bool(found) and all(state in (*_IDLE_STATES, LeaseState.STOPPING) for state in found)


def _state(deployment: JsonObject) -> LeaseState:
    status = deployment.get("status")
    told = status.get("state") if isinstance(status, Mapping) else deployment.get("state")
    return DEPLOYMENT_STATES.get(str(told), LeaseState.STARTING)


def cheapest(offers: Sequence[Offer]) -> Offer | None:
    """The offer with the cheapest hour, the cautious choice among several; an unknown price comes last."""
    return min(offers, key=Offer.rank, default=None)


def bare(named: JsonObject) -> str:
    """The own name of an endpoint or a model, without the project before it, in lower case."""
    return str(named.get("name") or "").rsplit("/", 1)[-1].lower()


def hardware_of(config: JsonObject) -> str:
    """The instance type that a configuration asks for, as `<count>x<type>`."""
    told = {str(one.get("key")): one.get("value") for one in config.get("selectors") or () if isinstance(one, Mapping)}
    return f"{told.get('accelerator_count')}x{told.get('accelerator_type')}"


def same_hardware(name: object) -> str:
    """One spelling of an instance type: the platform writes some with the maker's name and some without."""
    return str(name).lower().replace("nvidia-", "")
