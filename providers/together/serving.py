"""A tuned model on a machine of its own at Together, as a lease: an endpoint that bears our tag, with one deployment.

The endpoint costs nothing; the deployment bills by the hour until it has no replicas. It is created with an idle
time-out always, and found again by the endpoint's name.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import together
from together.types import Endpoint
from together.types.endpoint_deployment import EndpointDeployment

from ..errors import NotFound, PlatformFault
from ..records import JsonObject
from ..wire import MAX_PAGES, integer, items, plain
from .leases import Offer, all_stopped, bare, cheapest, hardware_of, idle_minutes, same_hardware

__all__ = ["Rental", "Serving"]

_MODEL_PATH = re.compile(r"^projects/([^/]+)/models/([^/]+)(/revisions/[^/]+)?$")
_CENTS = Decimal(100)
_STILL_STOPPING = (together.ConflictError, together.BadRequestError)
"""What a deletion may answer while the last replica stops. It bills no more, and the next teardown clears the rest."""


@dataclass(frozen=True, slots=True)
class Rental:
    """What is about to be bought: a deployment at this endpoint, its idle time-out still to be added to the body."""

    endpoint: JsonObject
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Target:
    path: str
    config: str | None


class Serving:
    """The endpoint calls of one account."""

    def __init__(self, client: together.AsyncTogether, project: str | None) -> None:
        self._client = client
        self._project = project
        self._cents_by_hardware: dict[str, int] | None = None

    async def prepare(self, model: str, tag: str, config: str | None) -> Rental:
        """Everything before the bill: prices, what to deploy and how, and the endpoint (made once, found by name)."""
        project = await self.project()
        await self._load_prices()
        target = await self._target(model, project)
        endpoint = await self._endpoint(tag, project)
        earlier = len(endpoint.get("deployments") or ())  # stopped ones keep their names until they are cleared away
        body = {
            "name": f"{tag}-{earlier + 1}" if earlier else tag,
            "model": target.path,
            "autoscaling": {"minReplicas": 1, "maxReplicas": 1},
        }
        chosen = config or target.config
        return Rental(endpoint, body | ({"config": chosen} if chosen else {}))

    async def deploy(self, rental: Rental, idle_timeout_s: int) -> JsonObject:
        """The paid request: exactly one POST, with an idle time-out."""
        project = await self.project()
        return plain(
            await self._client.post(
                f"/v2/projects/{project}/endpoints/{rental.endpoint['id']}/deployments",
                cast_to=EndpointDeployment,
                body={**rental.body, "inactiveTimeout": idle_minutes(idle_timeout_s)},
                options={"max_retries": 0, "follow_redirects": False},
            )
        )

    async def endpoint(self, endpoint_id: str) -> JsonObject:
        """One endpoint with summaries of its deployments."""
        return plain(await self._client.endpoints.retrieve(endpoint_id, project_id=await self.project()))

    async def ours(self, tag_prefix: str) -> list[JsonObject]:
        """Every endpoint whose name starts with the prefix."""
        project = await self.project()
        listed = self._pages(self._client.endpoints.list, project)
        return [raw async for raw in listed if bare(raw).startswith(tag_prefix.lower())]

    async def stop(self, endpoint_id: str) -> JsonObject | None:
        """No replicas, then no deployments, then no endpoint. What is gone already is fine at every step.

        Answers the endpoint as it stood until then.
        """
        project = await self.project()
        try:
            endpoint = await self.endpoint(endpoint_id)
        except together.NotFoundError:
            return None
        if endpoint.get("trafficSplit"):
            await self._client.endpoints.update(
                endpoint_id, project_id=project, traffic_split=[], update_mask="trafficSplit"
            )
        for deployment in endpoint.get("deployments") or ():
            await self._stop_deployment(endpoint_id, str(deployment["id"]), project)
        await self._clear(endpoint_id, project)
        return endpoint

    async def hourly_usd(self, hardware: object) -> Decimal | None:
        """The live price of one replica on that hardware; None where the platform lists none."""
        await self._load_prices()
        return self.known_hourly_usd(hardware)

    def known_hourly_usd(self, hardware: object) -> Decimal | None:
        """The same without asking again: after a paid request nothing may fail that is not about it."""
        cents = (self._cents_by_hardware or {}).get(same_hardware(hardware))
        return None if cents is None else Decimal(cents) / _CENTS

    async def project(self) -> str:
        """The project's id: the connection's, else the one that the key belongs to."""
        if self._project is None:
            told = plain(await self._client.whoami()).get("project")
            if not isinstance(told, Mapping) or not told.get("id"):
                raise NotFound("this key belongs to no single project", fix="set TOGETHER_PROJECT_ID")
            self._project = str(told["id"])
        return self._project

    async def project_models(self) -> list[JsonObject]:
        """The project's own models, among them what was trained."""
        project = await self.project()
        return [raw async for raw in self._pages(self._client.models.list, project)]

    async def _target(self, name: str, project: str) -> _Target:
        own = await self._own_model(name, project)
        if own is not None:
            path = f"projects/{own.get('projectId') or project}/models/{own['id']}"
            return _Target(path, await self._config(str(own.get("baseModelId") or own["id"]), project))
        listed = items(await self._client.models.list_supported(search=name))
        public = next((raw for raw in listed if raw.get("name") == name), None)
        if public is None:
            raise NotFound(f"neither the project nor the public catalogue holds {name!r}", operation="serve")
        return self._certified(public) or await self._by_base(public, project)

    async def _own_model(self, name: str, project: str) -> JsonObject | None:
        path = _MODEL_PATH.match(name)
        if path:
            return plain(await self._client.models.retrieve(path.group(2), project_id=path.group(1)))
        if "/" not in name and name.startswith("ml_"):
            return plain(await self._client.models.retrieve(name, project_id=project))
        wanted = bare({"name": name})
        return next((raw for raw in await self.project_models() if bare(raw) == wanted), None)

    def _certified(self, public: JsonObject) -> _Target | None:
        profiles = [raw for raw in public.get("deploymentProfiles") or () if raw.get("model") and raw.get("config")]
        hours = [self.known_hourly_usd(f"{raw.get('gpuCount')}x{raw.get('gpuType')}") for raw in profiles]
        best = cheapest([Offer(usd, str(raw["config"]), raw) for usd, raw in zip(hours, profiles, strict=True)])
        return _Target(str(best.raw["model"]), best.name) if best else None

    async def _by_base(self, public: JsonObject, project: str) -> _Target:
        base = str(public.get("baseModelId") or public["id"])
        path = str(public.get("baseModel") or f"projects/{project}/models/{base}")
        return _Target(path, await self._config(base, project))

    async def _config(self, reference: str, project: str) -> str | None:
        found = items(await self._client.models.configs.list(reference_model_id=reference))
        best = cheapest([Offer(self.known_hourly_usd(hardware_of(raw)), str(raw["id"]), raw) for raw in found])
        return f"projects/{best.raw.get('projectId') or project}/configs/{best.name}" if best else None

    async def _endpoint(self, tag: str, project: str) -> JsonObject:
        for raw in await self.ours(tag):
            return raw
        return plain(
            await self._client.post(
                f"/v2/projects/{project}/endpoints",
                cast_to=Endpoint,
                body={"name": tag},
                options={"max_retries": 0, "follow_redirects": False},
            )
        )

    async def _stop_deployment(self, endpoint_id: str, deployment_id: str, project: str) -> None:
        deployments = self._client.endpoints.deployments
        with suppress(together.NotFoundError):
            await deployments.update(
                deployment_id,
                endpoint_id=endpoint_id,
                project_id=project,
                autoscaling={"min_replicas": 0, "max_replicas": 0},
                update_mask="autoscaling",
            )
        with suppress(together.NotFoundError, *_STILL_STOPPING):
            await deployments.delete(deployment_id, endpoint_id=endpoint_id, project_id=project)

    async def _clear(self, endpoint_id: str, project: str) -> None:
        try:
            await self._client.endpoints.delete(endpoint_id, project_id=project)
        except together.NotFoundError:
            return
        except _STILL_STOPPING:
            # Refused because of what is still stopping: fine. Because of anything else: that may bill, so it is told.
            if not all_stopped(await self.endpoint(endpoint_id)):
                raise

    async def _load_prices(self) -> None:
        if self._cents_by_hardware is not None:
            return
        rows = items(await self._client.endpoints.hardware.list())
        priced = ((row, integer(row.get("priceCentsPerHour"))) for row in rows)
        self._cents_by_hardware = {
            same_hardware(row.get(key)): cents for row, cents in priced if cents for key in ("id", "name")
        }

    async def _pages(self, listing: Callable[..., Any], project: str) -> AsyncIterator[JsonObject]:
        after: Any = together.omit
        for _ in range(MAX_PAGES):
            page = await listing(project_id=project, limit=100, after=after)
            for raw in items(page):
                yield raw
            following = plain(page).get("next_cursor")
            if not following or following == after:
                return
            after = following
        raise PlatformFault(f"the listing does not end within {MAX_PAGES} pages")
