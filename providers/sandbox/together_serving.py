"""Together's v2 serving on the wire: endpoints, deployments, configs, models and instance types of one project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .catalog import base_models
from .refusals import Refused, body_of
from .serving import INSTANCES, Deployment, Endpoint, Instance
from .together_shapes import PROJECT, base_id, iso, model_body, object_id
from .world import Sandbox

__all__ = ["routes"]

_P = "/v2/projects/{project}"
_IDLE = (30, 1440)  # minutes that an idle timeout may last, 0 for none (SDK 3.1.1)


def routes(world: Sandbox) -> list[Route]:
    """Serving routes, below `/together`."""
    wire = _Serving(world)
    deployments = f"{_P}/endpoints/{{endpoint}}/deployments"
    return [
        Route("/v2/public/inference-instance-types", wire.instances),
        Route("/v2/public/inference-instance-types/{id}", wire.instance),
        Route("/v2/supported-models", wire.supported),
        Route(f"{_P}/models", wire.models),
        Route(f"{_P}/models/{{id}}", wire.model),
        Route(f"{_P}/configs", wire.configs),
        Route(f"{_P}/endpoints", wire.create_endpoint, methods=["POST"]),
        Route(f"{_P}/endpoints", wire.endpoints),
        Route(f"{_P}/endpoints/{{endpoint}}", wire.endpoint),
        Route(f"{_P}/endpoints/{{endpoint}}", wire.update_endpoint, methods=["PATCH"]),
        Route(f"{_P}/endpoints/{{endpoint}}", wire.delete_endpoint, methods=["DELETE"]),
        Route(deployments, wire.deploy, methods=["POST"]),
        Route(deployments, wire.deployments),
        Route(f"{deployments}/{{id}}", wire.deployment),
        Route(f"{deployments}/{{id}}", wire.update_deployment, methods=["PATCH"]),
        Route(f"{deployments}/{{id}}", wire.delete_deployment, methods=["DELETE"]),
    ]


class _Serving:
    def __init__(self, world: Sandbox) -> None:
        self._world = world
        self._serving = world.serving

    # ── what there is ───────────────────────────────────────────────────────────────────────────────────────────────

    async def instances(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_instance(item) for item in INSTANCES.values()]})

    async def instance(self, request: Request) -> Response:
        found = INSTANCES.get(request.path_params["id"])
        if found is None:
            raise Refused(404, f"Instance type {request.path_params['id']} not found", type="not_found")
        return JSONResponse(_instance(found))

    async def supported(self, request: Request) -> Response:
        search = request.query_params.get("search", "").lower()
        names = [model.name for model in base_models("together") if search in model.name.lower()]
        return _listed([{"id": base_id(name), "name": name, "baseModelId": base_id(name)} for name in names])

    async def models(self, request: Request) -> Response:
        return _listed([model_body(model) for model in self._world.tuned("together") if not model.checkpoint])

    async def model(self, request: Request) -> Response:
        id = request.path_params["id"]
        found = [m for m in self._world.tuned("together") if object_id(m.job.id) == id and not m.checkpoint]
        if not found:
            raise Refused(404, f"Model {id} not found", type="not_found")
        return JSONResponse(model_body(found[0]))

    async def configs(self, request: Request) -> Response:
        """One config for each instance type, whatever the model."""
        query = request.query_params
        model = query.get("referenceModel") or f"projects/{PROJECT}/models/{query.get('referenceModelId', '')}"
        return _listed([_config(item, model) for item in INSTANCES.values()])

    # ── endpoints ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def create_endpoint(self, request: Request) -> Response:
        body = await body_of(request)
        name = body.get("name")
        if not isinstance(name, str) or not name:
            raise Refused(400, "name is required", param="name")
        if self._serving.named(name) is not None:
            raise Refused(409, f"Endpoint {name} already exists", type="conflict", param="name")
        visibility = body.get("visibility", "VISIBILITY_PRIVATE")
        return self._endpoint_response(self._serving.create_endpoint(name, visibility, self._world.lease_lag_s()))

    async def endpoints(self, request: Request) -> Response:
        now = self._world.clock.now()
        listed = [e for e in self._serving.endpoints.all() if e.wire == "together" and e.listed(now)]
        return _listed([self._endpoint_body(endpoint, by_id=False) for endpoint in listed])

    async def endpoint(self, request: Request) -> Response:
        return self._endpoint_response(self._endpoint(request))

    async def update_endpoint(self, request: Request) -> Response:
        endpoint, body = self._endpoint(request), await body_of(request)
        _check_etag(body.get("etag"), endpoint.version)
        changes: dict[str, Any] = {}
        if "trafficSplit" in body:
            changes["split"] = {entry["deploymentId"]: float(entry["weight"]) for entry in body["trafficSplit"]}
        return self._endpoint_response(self._serving.change_endpoint(endpoint.id, **changes))

    async def delete_endpoint(self, request: Request) -> Response:
        endpoint = self._endpoint(request)
        _check_etag(request.query_params.get("etag"), endpoint.version)
        if self._serving.of(endpoint):
            raise Refused(400, "Delete the endpoint's deployments first", type="failed_precondition")
        self._serving.endpoints.drop(endpoint.id)
        return JSONResponse({})

    # ── deployments ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def deploy(self, request: Request) -> Response:
        endpoint, body = self._endpoint(request), await body_of(request)
        model = self._deployable(str(body.get("model") or body.get("modelId") or ""))
        deployment = self._serving.deploy(
            endpoint,
            str(body.get("name") or "deployment"),
            model=model,
            instance=_instance_of(body),
            replicas=_replicas(body) or 1,
            inactive_timeout_min=_idle(body),
            request=body,
            lag_s=self._world.lease_lag_s(),
        )
        return JSONResponse(self._deployment_body(deployment))

    async def deployments(self, request: Request) -> Response:
        return _listed([self._deployment_body(item) for item in self._serving.of(self._endpoint(request))])

    async def deployment(self, request: Request) -> Response:
        return JSONResponse(self._deployment_body(self._deployment(request)))

    async def update_deployment(self, request: Request) -> Response:
        deployment, body = self._deployment(request), await body_of(request)
        _check_etag(body.get("etag"), deployment.version)
        if "inactiveTimeout" in body:
            deployment = self._serving.change(deployment.id, inactive_timeout_min=_idle(body))
        replicas = _replicas(body)
        if replicas == 0:
            deployment = self._serving.stop(deployment)
        elif replicas is not None:
            deployment = self._serving.start(deployment, replicas)
        return JSONResponse(self._deployment_body(deployment))

    async def delete_deployment(self, request: Request) -> Response:
        deployment, endpoint = self._deployment(request), self._endpoint(request)
        _check_etag(request.query_params.get("etag"), deployment.version)
        if endpoint.split.get(deployment.id):
            raise Refused(400, "Remove the deployment from live traffic first", type="failed_precondition")
        self._serving.delete(deployment)
        return JSONResponse({})

    # ── finding and showing ─────────────────────────────────────────────────────────────────────────────────────────

    def _endpoint(self, request: Request) -> Endpoint:
        found = self._serving.endpoints.get(request.path_params["endpoint"])
        if found is None or found.wire != "together":
            raise Refused(404, f"Endpoint {request.path_params['endpoint']} not found", type="not_found")
        return found

    def _deployment(self, request: Request) -> Deployment:
        found = self._serving.deployments.get(request.path_params["id"])
        if found is None or found.endpoint_id != request.path_params["endpoint"]:
            raise Refused(404, f"Deployment {request.path_params['id']} not found", type="not_found")
        return found

    def _deployable(self, path: str) -> str:
        """The model's own name, for an object id or a `projects/…/models/…` path. Raises `Refused` (404)."""
        id = path.split("/revisions/")[0].rpartition("/")[2]
        for model in self._world.tuned("together"):
            if object_id(model.job.id) == id and not model.checkpoint:
                return model.name
        for base in base_models("together"):
            if base_id(base.name) == id:
                return base.name
        raise Refused(404, f"Model {path} not found", type="not_found", param="model")

    def _endpoint_response(self, endpoint: Endpoint) -> Response:
        return JSONResponse(self._endpoint_body(endpoint))

    def _endpoint_body(self, endpoint: Endpoint, *, by_id: bool = True) -> dict[str, Any]:
        """Asked by its id it is shown whole; a list may not know of its newest deployment yet."""
        now = self._world.clock.now()
        shown = [item for item in self._serving.of(endpoint) if by_id or item.listed(now)]
        summaries = [self._deployment_body(item) for item in shown]
        return {
            "id": endpoint.id,
            "name": endpoint.name,
            "projectId": PROJECT,
            "createdAt": iso(endpoint.created_at),
            "updatedAt": iso(endpoint.updated_at),
            "endpointType": "ENDPOINT_TYPE_DEDICATED",
            "visibility": endpoint.visibility,
            "etag": str(endpoint.version),
            "trafficSplit": [{"deploymentId": id, "weight": weight} for id, weight in endpoint.split.items()],
            "deployments": [item | item["status"] for item in summaries],
        }

    def _deployment_body(self, item: Deployment) -> dict[str, Any]:
        now = self._world.clock.now()
        ready, endpoint = item.replicas if item.ready(now) else 0, self._serving.endpoints.get(item.endpoint_id)
        model_id = self._object_of(item.model)
        routed = bool(endpoint and endpoint.split.get(item.id) and ready)
        return {
            "id": item.id,
            "name": item.name,
            "endpointId": item.endpoint_id,
            "projectId": PROJECT,
            "createdAt": iso(item.created_at),
            "updatedAt": iso(item.updated_at),
            "etag": str(item.version),
            "model": f"projects/{PROJECT}/models/{model_id}/revisions/rv_{model_id[3:]}",
            "modelId": model_id,
            "modelRevisionId": f"rv_{model_id[3:]}",
            "config": f"projects/{PROJECT}/configs/{_config_id(item.instance)}",
            "configId": _config_id(item.instance),
            "hardware": item.instance,
            "autoscaling": item.request.get("autoscaling") or {"minReplicas": 1, "maxReplicas": 1},
            "trafficMode": "TRAFFIC_MODE_LIVE",
            "desiredReplicas": 0 if item.state(now) == "DEPLOYMENT_STATE_STOPPED" else item.replicas,
            "inactiveTimeout": item.inactive_timeout_min,
            "estimatedEffectiveTrafficShare": 1.0 if routed else 0.0,
            "status": {
                "state": item.state(now),
                "message": "",
                "readyReplicas": ready,
                "scheduledReplicas": ready,
            },
        }

    def _object_of(self, model: str) -> str:
        job = self._world.book.named("together", model)
        return object_id(job) if job else base_id(model)


def _listed(data: Sequence[Mapping[str, Any]]) -> Response:
    return JSONResponse({"object": "list", "data": list(data), "next_cursor": None})


def _instance(item: Instance) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.id,
        "description": f"{item.count}x {item.gpu} {item.memory_gib} GiB",
        "gpuType": item.gpu,
        "gpuCount": item.count,
        "gpuMemoryGib": item.memory_gib,
        "priceCentsPerHour": item.cents_per_hour,
        "regions": [{"name": "sandbox-1"}],
    }


def _config_id(instance: str) -> str:
    return f"cr_{instance}"


def _config(item: Instance, model: str) -> dict[str, Any]:
    return {
        "id": _config_id(item.id),
        "projectId": PROJECT,
        "referenceModel": model,
        "referenceModelId": model.rpartition("/")[2],
        "selectors": [
            {"key": "accelerator_type", "value": item.gpu},
            {"key": "accelerator_count", "value": str(item.count)},
        ],
        "certifications": [],
    }


def _instance_of(body: Mapping[str, Any]) -> str:
    config = str(body.get("config") or body.get("configId") or "").rpartition("/")[2]
    if not config:
        return next(iter(INSTANCES))
    instance = config.removeprefix("cr_")
    if instance not in INSTANCES:
        raise Refused(404, f"Config {config} not found", type="not_found", param="config")
    return instance


def _replicas(body: Mapping[str, Any]) -> int | None:
    scaling = body.get("autoscaling") or {}
    low = scaling.get("minReplicas")
    return None if low is None else max(int(low), min(1, int(scaling.get("maxReplicas", low))))


def _idle(body: Mapping[str, Any]) -> int | None:
    minutes = int(body.get("inactiveTimeout") or 0)
    if minutes and not _IDLE[0] <= minutes <= _IDLE[1]:
        raise Refused(400, f"inactiveTimeout must be 0 or {_IDLE[0]} to {_IDLE[1]} minutes", param="inactiveTimeout")
    return minutes or None


def _check_etag(given: Any, version: int) -> None:
    if given not in (None, "", str(version)):
        raise Refused(409, "The resource changed since it was read (etag)", type="conflict", param="etag")
