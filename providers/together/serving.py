"""A tuned model on a machine of its own at Together, as a lease: an endpoint that bears our tag, with one deployment.

The endpoint costs nothing; the deployment bills by the hour until it has no replicas. It is created with an idle
time-out always, and found again by the endpoint's name.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import together
from together.types import Endpoint
from together.types.endpoint_deployment import EndpointDeployment

from ..errors import NotFound, PlatformFault
from ..records import JsonObject, Lease, LeaseState
from ..tags import TAG_PREFIX, find_tag
from ..wire import MAX_PAGES, integer, items, plain

__all__ = ["DEPLOYMENT_STATES", "Serving", "idle_minutes", "lease_of"]

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
_MODEL_PATH = re.compile(r"^projects/([^/]+)/models/([^/]+)(/revisions/[^/]+)?$")
_CENTS = Decimal(100)
_STILL_STOPPING = (together.NotFoundError, together.ConflictError, together.BadRequestError)
"""What a deletion may answer while the last replica stops. It bills no more, and the next teardown clears the rest."""


class Serving:
    """The endpoint calls of one account."""

    def __init__(self, client: together.AsyncTogether, project: str | None) -> None:
        self._client = client
        self._project = project
        self._cents_by_hardware: dict[str, int] | None = None

    async def prepare(self, model: str, tag: str, config: str | None) -> tuple[str, dict[str, Any]]:
        """Everything before the bill: the endpoint (made once, found again by name), what to deploy, and how.

        Gives the endpoint's id and the body of the deployment without its idle time-out.
        """
        project = await self.project()
        await self._load_prices()
        found = await self._model(model, project)
        chosen = config or await self._config(found, project)
        endpoint = await self._endpoint(tag, project)
        body = {
            "name": tag,
            "model": f"projects/{found.get('projectId') or project}/models/{found['id']}",
            "autoscaling": {"minReplicas": 1, "maxReplicas": 1},
        }
        return str(endpoint["id"]), body | ({"config": chosen} if chosen else {})

    async def deploy(self, endpoint_id: str, body: Mapping[str, Any]) -> JsonObject:
        """The paid request: exactly one POST."""
        project = await self.project()
        return plain(
            await self._client.post(
                f"/v2/projects/{project}/endpoints/{endpoint_id}/deployments",
                cast_to=EndpointDeployment,
                body=dict(body),
                options={"max_retries": 0, "follow_redirects": False},
            )
        )

    async def endpoint(self, endpoint_id: str) -> JsonObject:
        """One endpoint with summaries of its deployments."""
        return plain(await self._client.endpoints.retrieve(endpoint_id, project_id=await self.project()))

    async def ours(self, tag_prefix: str) -> list[JsonObject]:
        """Every endpoint whose name starts with the prefix."""
        project = await self.project()
        return [raw async for raw in self._endpoints(project) if _bare(raw).startswith(tag_prefix.lower())]

    async def stop(self, endpoint_id: str) -> None:
        """No replicas, then no deployments, then no endpoint. What is gone already is fine at every step."""
        project = await self.project()
        try:
            endpoint = await self.endpoint(endpoint_id)
        except together.NotFoundError:
            return
        if endpoint.get("trafficSplit"):
            await self._client.endpoints.update(
                endpoint_id, project_id=project, traffic_split=[], update_mask="trafficSplit"
            )
        for deployment in endpoint.get("deployments") or ():
            await self._stop_deployment(endpoint_id, str(deployment["id"]), project)
        with suppress(*_STILL_STOPPING):
            await self._client.endpoints.delete(endpoint_id, project_id=project)

    async def hourly_usd(self, hardware: object) -> Decimal | None:
        """The live price of one replica on that hardware; None where the platform lists none."""
        await self._load_prices()
        return self.known_hourly_usd(hardware)

    def known_hourly_usd(self, hardware: object) -> Decimal | None:
        """The same without asking again: after a paid request nothing may fail that is not about it."""
        cents = (self._cents_by_hardware or {}).get(_plain_hardware(hardware))
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
        return [raw async for raw in self._pages("models", project)]

    async def _model(self, name: str, project: str) -> JsonObject:
        path = _MODEL_PATH.match(name)
        if path:
            return plain(await self._client.models.retrieve(path.group(2), project_id=path.group(1)))
        if "/" not in name and name.startswith("ml_"):
            return plain(await self._client.models.retrieve(name, project_id=project))
        bare = name.rsplit("/", 1)[-1]
        for raw in await self.project_models():
            if str(raw.get("name", "")).rsplit("/", 1)[-1] == bare:
                return raw
        raise NotFound(f"the project holds no model {name!r} that could be deployed", operation="serve")

    async def _config(self, model: JsonObject, project: str) -> str | None:
        # Several configurations run the same model; the cheapest hour is the cautious choice.
        reference = str(model.get("baseModelId") or model["id"])
        found = items(await self._client.models.configs.list(reference_model_id=reference))
        priced = [(await self.hourly_usd(_hardware(raw)), str(raw["id"]), raw) for raw in found]
        if not priced:
            return None
        _, config_id, raw = min(priced, key=lambda entry: (entry[0] is None, entry[0] or Decimal(0), entry[1]))
        return f"projects/{raw.get('projectId') or project}/configs/{config_id}"

    async def _endpoint(self, tag: str, project: str) -> JsonObject:
        for raw in await self.ours(tag):
            return raw
        return plain(
            await self._client.post(
                f"/v2/projects/{project}/endpoints", cast_to=Endpoint, body={"name": tag}, options={"max_retries": 0}
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
        with suppress(*_STILL_STOPPING):
            await deployments.delete(deployment_id, endpoint_id=endpoint_id, project_id=project)

    async def _load_prices(self) -> None:
        if self._cents_by_hardware is not None:
            return
        rows = items(await self._client.endpoints.hardware.list())
        priced = ((row, integer(row.get("priceCentsPerHour"))) for row in rows)
        self._cents_by_hardware = {
            _plain_hardware(row.get(key)): cents for row, cents in priced if cents for key in ("id", "name")
        }

    def _endpoints(self, project: str) -> AsyncIterator[JsonObject]:
        return self._pages("endpoints", project)

    async def _pages(self, what: str, project: str) -> AsyncIterator[JsonObject]:
        after: Any = together.omit
        for _ in range(MAX_PAGES):
            page = await getattr(self._client, what).list(project_id=project, limit=100, after=after)
            for raw in items(page):
                yield raw
            following = plain(page).get("next_cursor")
            if not following or following == after:
                return
            after = following
        raise PlatformFault(f"the list of {what} does not end within {MAX_PAGES} pages")


def idle_minutes(idle_timeout_s: int) -> int:
    """The shortest idle time-out that Together takes and that is not shorter than asked (30 to 1440 minutes)."""
    return min(max(_LEAST_IDLE_MINUTES, math.ceil(idle_timeout_s / 60)), _MOST_IDLE_MINUTES)


def lease_of(endpoint: JsonObject, deployment: JsonObject | None, hourly_usd: Decimal | None) -> Lease:
    """An endpoint and its deployment as a lease; an endpoint without one bills nothing and counts as stopped."""
    name = _bare(endpoint)
    status = (deployment or {}).get("status")
    told = status.get("state") if isinstance(status, Mapping) else (deployment or {}).get("state")
    state = DEPLOYMENT_STATES.get(str(told), LeaseState.STARTING) if deployment else LeaseState.STOPPED
    return Lease(
        id=str(endpoint["id"]),
        model=str((deployment or endpoint).get("name") or ""),
        state=state,
        tag=find_tag(name) or (name if name.startswith(TAG_PREFIX) else None),
        usd_per_hour=hourly_usd,
        raw={**endpoint, "deployment": deployment},
    )


def _bare(endpoint: JsonObject) -> str:
    return str(endpoint.get("name") or "").rsplit("/", 1)[-1].lower()


def _hardware(config: JsonObject) -> str:
    told = {str(one.get("key")): one.get("value") for one in config.get("selectors") or () if isinstance(one, Mapping)}
    return f"{told.get('accelerator_count')}x{told.get('accelerator_type')}"


def _plain_hardware(name: object) -> str:
    return str(name).lower().replace("nvidia-", "")
