"""What a custom model answers behind: an on-demand deployment, paid by use, or provisioned throughput, by the hour.

Both run until they are deleted: Bedrock has no idle time-out, so a lease says that it never stops by itself, and ours
to keep are the deadline and the teardown. Throughput is bought without a commitment, never for a month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import CannotTell, NotFound, PlatformFault, Unsupported
from ..records import JsonObject, Lease, LeaseState
from ..tags import TAG_PREFIX, find_tag
from ..wire import MAX_PAGES
from .clients import Clients, Refused, plain_answer

__all__ = ["KINDS", "NEVER", "Serving"]

NEVER = 0
"""`Lease.idle_timeout_s` of what never stops by itself."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two ways, and what its calls and fields are called."""

    title: str
    arn_part: str
    create: str
    read: str
    listing: str
    delete: str
    id_field: str
    arn: str
    name: str
    listed_name: str
    rows: str
    states: Mapping[str, LeaseState]


KINDS: Mapping[str, _Kind] = {
    "on-demand": _Kind(
        "a deployment, paid by use",
        ":custom-model-deployment/",
        "create_custom_model_deployment",
        "get_custom_model_deployment",
        "list_custom_model_deployments",
        "delete_custom_model_deployment",
        "customModelDeploymentIdentifier",
        "customModelDeploymentArn",
        "modelDeploymentName",
        "customModelDeploymentName",
        "modelDeploymentSummaries",
        {"Creating": LeaseState.STARTING, "Active": LeaseState.READY, "Failed": LeaseState.FAILED},
    ),
    "provisioned": _Kind(
        "provisioned throughput, billed by the hour",
        ":provisioned-model/",
        "create_provisioned_model_throughput",
        "get_provisioned_model_throughput",
        "list_provisioned_model_throughputs",
        "delete_provisioned_model_throughput",
        "provisionedModelId",
        "provisionedModelArn",
        "provisionedModelName",
        "provisionedModelName",
        "provisionedModelSummaries",
        {
            "Creating": LeaseState.STARTING,
            "InService": LeaseState.READY,
            "Updating": LeaseState.READY,
            "Failed": LeaseState.FAILED,
        },
    ),
}
"""Each wire state once (botocore 1.44.8). A state that is not known counts as STARTING: it may bill."""


class Serving:
    """Leases of one account. `chosen`: "on-demand" (default) or "provisioned"; `units`: of throughput to buy."""

    def __init__(self, clients: Clients, chosen: str, units: int) -> None:
        self._clients, self._chosen, self._units = clients, chosen, units

    @property
    def kind(self) -> _Kind:
        """The way that was chosen. Raises `Unsupported` for a word that is none."""
        found = KINDS.get(self._chosen)
        if found is None:
            raise Unsupported(
                f"serving {self._chosen!r} is not known",
                nothing_created=True,
                fix=f"TUNEWRIGHT_BEDROCK_SERVING is one of: {', '.join(KINDS)}",
            )
        return found

    async def start(self, model: str, tag: str) -> Lease:
        """One paid POST under our tag as its name and its token: twice the same is one."""
        kind = self.kind
        request: dict[str, Any] = {kind.name: tag, "clientRequestToken": tag}
        request["tags"] = [{"key": "tunewright", "value": tag}]
        if self._chosen == "provisioned":
            request |= {"modelId": model, "modelUnits": self._units}
        else:
            request |= {"modelArn": model}
        answer = await self._clients.call("bedrock", kind.create, **request)
        arn = answer.get(kind.arn)
        if not isinstance(arn, str) or not arn:
            raise PlatformFault("the answer names nothing that was started", body=str(plain_answer(answer)))
        return Lease(
            id=arn, model=arn, state=LeaseState.STARTING, tag=tag, idle_timeout_s=NEVER, raw=plain_answer(answer)
        )

    async def lease(self, lease_id: str) -> Lease:
        """As it stands. Raises `NotFound`, also for an id that is no lease of Bedrock."""
        kind = _kind_of(lease_id)
        return _lease(plain_answer(await self._clients.call("bedrock", kind.read, **{kind.id_field: lease_id})), kind)

    async def ours(self, tag_prefix: str) -> tuple[Lease, ...]:
        """Every one whose name begins so, of both ways."""
        found = [lease for kind in KINDS.values() for lease in await self._listed(kind, tag_prefix)]
        return tuple(lease for lease in found if (lease.tag or "").startswith(tag_prefix))

    async def stop(self, lease_id: str) -> None:
        """Delete it; an absent one is fine. Raises `PlatformFault`, worth repeating, while it cannot be deleted yet."""
        try:
            kind = _kind_of(lease_id)
            await self._clients.call("bedrock", kind.delete, **{kind.id_field: lease_id})
        except NotFound:
            return
        except Refused as refused:
            if refused.code == "ConflictException":
                raise PlatformFault(f"it cannot be deleted yet: {refused}", wire_code=refused.code) from None
            if refused.status_code != 404:
                raise

    async def _listed(self, kind: _Kind, tag_prefix: str) -> list[Lease]:
        rows: list[JsonObject] = []
        more: dict[str, Any] = {"nameContains": tag_prefix, "maxResults": 100}
        for _ in range(MAX_PAGES):
            page = plain_answer(await self._clients.call("bedrock", kind.listing, **more))
            rows += page.get(kind.rows) or []
            if not page.get("nextToken"):
                return [_lease(row, kind) for row in rows]
            more["nextToken"] = page["nextToken"]
        raise CannotTell(f"the listing does not end within {MAX_PAGES} pages")


def _kind_of(lease_id: str) -> _Kind:
    found = next((kind for kind in KINDS.values() if kind.arn_part in lease_id), None)
    if found is None:
        raise NotFound(f"no lease {lease_id!r}: deployments and throughput have ARNs")
    return found


def _lease(raw: JsonObject, kind: _Kind) -> Lease:
    name = str(raw.get(kind.name) or raw.get(kind.listed_name) or "")
    arn = str(raw.get(kind.arn) or "")
    return Lease(
        id=arn,
        model=arn,
        state=kind.states.get(str(raw.get("status")), LeaseState.STARTING),
        tag=find_tag(name) or (name if name.startswith(TAG_PREFIX) else None),
        idle_timeout_s=NEVER,
        raw=raw,
    )
