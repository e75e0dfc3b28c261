"""Renting machines at Fireworks: one deployment a lease, named by our tag, which the platform gives only once.

A tuned adapter is deployed as it is: the platform merges it into its base ("live merge"), so it runs as fast as the
base does. Its other way, adapters loaded beside each other on one deployment, is slower and is not used: the base and
the tuned model are to be compared on the same footing.
"""

from __future__ import annotations

from typing import Any

import fireworks

from ..errors import NotFound, PlatformFault
from ..records import JsonObject, Lease
from ..tags import same_tag
from ..wire import plain
from .leases import deployment_body, is_alive, lease_of, unused_id
from .listing import every
from .names import last, model_parts

__all__ = ["Rental", "Serving"]

Rental = tuple[str, dict[str, Any]]
"""The id under which a deployment will be made, and its body."""


class Serving:
    """The deployment calls of one account. `platform`: whose facts say what an hour costs."""

    def __init__(self, client: fireworks.AsyncFireworks, platform: str) -> None:
        self._client, self._platform = client, platform

    async def running(self, tag: str, account: str) -> Lease | None:
        """The deployment under that tag that is there already, woken where it sleeps; None where there is none."""
        for raw in await self._known(tag, account):
            if is_alive(raw):
                return await self._awake(raw, account)
        return None

    async def prepare(
        self, model: str, tag: str, idle_timeout_s: int, account: str, gpu: str | None
    ) -> tuple[str, dict[str, Any]]:
        """Everything before the bill: whether the model is there, and an id that no deployment has had."""
        name = model_parts(model)
        try:
            await self._client.models.get(name.id, account_id=name.account)
        except fireworks.NotFoundError:
            raise NotFound(f"there is no model {model!r} that this account can serve", operation="serve") from None
        id = unused_id(tag, await self._known(tag, account))
        return id, deployment_body(model, id, idle_timeout_s, gpu)

    async def deploy(self, id: str, body: dict[str, Any], account: str) -> Lease:
        """The paid request: exactly one POST. Where its id is taken, that deployment is ours."""
        try:
            told = await self._client.post(
                f"/v1/accounts/{account}/deployments",
                cast_to=object,
                body=body,
                options={"max_retries": 0, "follow_redirects": False, "params": {"deploymentId": id}},
            )
        except fireworks.ConflictError:
            found = await self._get(id, account)
            if found is None or not is_alive(found):
                raise PlatformFault(f"deployment {id} exists and does not run") from None
            return lease_of(found, self._platform)
        return lease_of(plain(told), self._platform)

    async def lease(self, id: str, account: str) -> Lease:
        """The lease as it stands."""
        return lease_of(plain(await self._client.deployments.get(id, account_id=account)), self._platform)

    async def ours(self, tag_prefix: str, account: str) -> list[Lease]:
        """Every deployment whose id starts so and that is not gone; a whole tag is also asked for by its id."""
        found = [raw for raw in await self._known(tag_prefix, account) if raw.get("state") != "DELETED"]
        return [lease_of(raw, self._platform) for raw in found]

    async def stop(self, id: str, account: str) -> None:
        """Delete it, in use or not. What is gone already is fine; what is not gone afterwards is told."""
        try:
            await self._client.deployments.delete(id, account_id=account, ignore_checks=True)
        except fireworks.NotFoundError:
            return

    async def _known(self, tag_prefix: str, account: str) -> list[JsonObject]:
        """Deployments whose id starts so, deleted ones too: by the list, and by the id where it is a whole tag."""
        prefix = tag_prefix.lower()
        found = {last(raw.get("name")): raw async for raw in self._listed(account)}
        mine = {id: raw for id, raw in found.items() if id.startswith(prefix)}
        number, id = 1, prefix
        while same_tag(prefix, id.removesuffix(f"-{number}")) and (one := await self._get(id, account)) is not None:
            mine[id] = one
            number += 1
            id = f"{prefix}-{number}"
        return list(mine.values())

    def _listed(self, account: str) -> Any:
        async def page(token: str | None) -> Any:
            options: dict[str, Any] = {"page_token": token} if token else {}
            return await self._client.deployments.list(account_id=account, page_size=200, show_deleted=True, **options)

        return every(page, "deployments")

    async def _get(self, id: str, account: str) -> JsonObject | None:
        try:
            return plain(await self._client.deployments.get(id, account_id=account))
        except fireworks.NotFoundError:
            return None

    async def _awake(self, raw: JsonObject, account: str) -> Lease:
        lease = lease_of(raw, self._platform)
        if raw.get("replicaCount") == 0 and not raw.get("desiredReplicaCount") and raw.get("state") == "READY":
            await self._client.deployments.scale(lease.id, account_id=account, replica_count=1)
            return await self.lease(lease.id, account)
        return lease
