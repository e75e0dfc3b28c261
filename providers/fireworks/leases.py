"""What Fireworks says of its deployments, as leases; and what is asked for. Pure.

A deployment's id is our tag, so the platform gives it once. It always may be scaled to zero when nobody asks it, and
then it bills nothing and is woken by a question.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from .. import facts
from ..errors import PlatformFault
from ..records import JsonObject, Lease, LeaseState
from ..tags import TAG_PREFIX, find_tag
from ..wire import integer
from .names import last

__all__ = ["DEPLOYMENT_STATES", "deployment_body", "is_alive", "lease_of", "unused_id"]

DEPLOYMENT_STATES: Mapping[str, LeaseState] = {
    "CREATING": LeaseState.STARTING,
    "READY": LeaseState.READY,
    "UPDATING": LeaseState.READY,
    "DELETING": LeaseState.STOPPING,
    "DELETED": LeaseState.STOPPED,
    "FAILED": LeaseState.FAILED,
}
"""Each wire state once. One that is not known counts as STARTING: it may bill, and it is not to be called."""

_LEAST_IDLE_S = 300  # the contract, AutoscalingPolicy.scaleToZeroWindow: "at least 5 minutes"
_SECONDS = re.compile(r"(\d+)(?:\.\d+)?s")


def deployment_body(model: str, tag: str, idle_timeout_s: int, gpu: str | None) -> dict[str, Any]:
    """What is rented: at most one replica of the model, an adapter merged into its base as it starts, and none after
    the idle time (five minutes at least)."""
    body: dict[str, Any] = {
        "baseModel": model,
        "displayName": tag,
        "minReplicaCount": 0,
        "maxReplicaCount": 1,
        "autoscalingPolicy": {"scaleToZeroWindow": f"{max(_LEAST_IDLE_S, math.ceil(idle_timeout_s))}s"},
    }
    return body | ({"acceleratorType": gpu} if gpu else {})


def lease_of(raw: JsonObject, platform: str) -> Lease:
    """A deployment as a lease. Raises `PlatformFault` without a name, for then nothing can be stopped."""
    if not raw.get("name"):
        raise PlatformFault("the answer names no deployment", body=str(dict(raw)))
    name, id = str(raw["name"]), last(raw["name"])
    return Lease(
        id=id,
        model=f"{raw.get('baseModel')}#{name}",
        state=_state(raw),
        tag=find_tag(id) or (id if id.startswith(TAG_PREFIX) else None),
        usd_per_hour=_hour_usd(raw, platform),
        idle_timeout_s=_idle_timeout_s(raw),
        raw=raw,
    )


def is_alive(raw: JsonObject) -> bool:
    """Whether it is there, running or scaled to zero, and not on its way out."""
    return DEPLOYMENT_STATES.get(str(raw.get("state")), LeaseState.STARTING) in (LeaseState.STARTING, LeaseState.READY)


def unused_id(tag: str, known: Sequence[JsonObject]) -> str:
    """The tag, or the tag with the first number that no deployment, deleted ones too, has had."""
    taken = {last(raw.get("name")) for raw in known}
    return next(id for id in (tag, *(f"{tag}-{number}" for number in range(2, len(taken) + 3))) if id not in taken)


def _state(raw: JsonObject) -> LeaseState:
    state = DEPLOYMENT_STATES.get(str(raw.get("state")), LeaseState.STARTING)
    replicas = integer(raw.get("replicaCount"))
    if state is not LeaseState.READY or replicas is None or replicas > 0:
        return state
    return LeaseState.STARTING if integer(raw.get("desiredReplicaCount")) else LeaseState.STOPPED


def _hour_usd(raw: JsonObject, platform: str) -> Decimal | None:
    """An hour of one replica; None where its hardware is not told or has no known price."""
    hour_usd = facts.gpu_hour_usd(platform, str(raw.get("acceleratorType")))
    count = integer(raw.get("acceleratorCount"))
    return None if hour_usd is None or not count else hour_usd * count


def _idle_timeout_s(raw: JsonObject) -> int | None:
    policy = raw.get("autoscalingPolicy")
    found = _SECONDS.fullmatch(str(policy.get("scaleToZeroWindow"))) if isinstance(policy, Mapping) else None
    return int(found[1]) if found and not integer(raw.get("minReplicaCount")) else None
