"""Fireworks' deployments on the wire: under an id of the client's own, scaled to zero when idle, woken by a question.

One that was deleted is still shown when it is asked for by its id, and its id is not given again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .book import new_id
from .fireworks_refusals import ACCOUNT, exists, gateway, invalid, listed, missing, own_id, part_of
from .refusals import Refused, body_of
from .serving import GPUS, Deployment, Endpoint
from .together_shapes import iso
from .world import Sandbox

__all__ = ["asked", "routes"]

_WIRE = "fireworks"
_P = "/v1/accounts/{account}/deployments"
_USUAL_GPU = "NVIDIA_H100_80GB"
_LEAST_IDLE_S, _USUAL_IDLE_S = 300, 3600  # the gateway's contract, scaleToZeroWindow
_DURATION = re.compile(r"(\d+)(?:\.\d+)?s")
_STATES = {"DEPLOYMENT_STATE_PROVISIONING": "CREATING"}


def routes(world: Sandbox) -> list[Route]:
    """Deployment routes, below `/fireworks`."""
    wire = _Serving(world)
    return [
        Route(_P, gateway(wire.create), methods=["POST"]),
        Route(_P, gateway(wire.list)),
        Route(f"{_P}/{{id}}:scale", gateway(wire.scale), methods=["PATCH"]),
        Route(f"{_P}/{{id}}", gateway(wire.get)),
        Route(f"{_P}/{{id}}", gateway(wire.delete), methods=["DELETE"]),
    ]


def asked(world: Sandbox, name: str, model: str) -> None:
    """Note that a deployment is asked, for that model. Raises `Refused`: 404 without one, 503 while none is up.

    A question wakes one that has been scaled to zero, and has to be asked again.
    """
    endpoint = world.serving.endpoints.get(part_of(name, "deployments"))
    machine = _machine(world, endpoint) if endpoint and endpoint.deleted_at is None else None
    if machine is None or machine.model != model:
        raise Refused(404, "Model not found, inaccessible, and/or not deployed", code="NOT_FOUND")
    now = world.clock.now()
    asleep = machine.state(now) == "DEPLOYMENT_STATE_STOPPED"
    if asleep:
        world.serving.start(machine, 1)
    if asleep or not machine.ready(now):
        raise Refused(503, "Deployment is scaling up from zero replicas. Retry later.", code="DEPLOYMENT_SCALING_UP")
    world.serving.note(machine)


def _machine(world: Sandbox, endpoint: Endpoint) -> Deployment | None:
    return next(iter(world.serving.of(endpoint)), None)


class _Serving:
    def __init__(self, world: Sandbox) -> None:
        self._world, self._serving = world, world.serving

    async def create(self, request: Request) -> Response:
        body = await body_of(request)
        id = own_id(request.query_params.get("deploymentId") or new_id("dep-"), "deploymentId")
        if self._serving.endpoints.get(id) is not None:
            raise exists(f"deployment {id}")
        model, gpu = str(body.get("baseModel")), _gpu(body)
        if self._world.model(_WIRE, model) is None:
            raise missing(f"model {model}")
        idle_s = _idle_s(body)
        lag_s, now = self._world.lease_lag_s(), self._world.clock.now()
        made = Endpoint(id=id, name=f"{_WIRE}/{id}", created_at=now, updated_at=now, lag_s=lag_s, wire=_WIRE)
        endpoint = self._serving.endpoints.put(id, made)
        minutes = None if idle_s is None else -(-idle_s // 60)
        options: dict[str, Any] = {"replicas": 1, "inactive_timeout_min": minutes, "request": body, "lag_s": lag_s}
        self._serving.deploy(endpoint, id, model=model, instance=gpu, **options)
        return self._response(endpoint)

    async def list(self, request: Request) -> Response:
        now, deleted = self._world.clock.now(), request.query_params.get("showDeleted") == "true"
        mine = [item for item in self._serving.endpoints.all() if item.wire == _WIRE and item.listed(now)]
        return listed(request, "deployments", [self._body(e) for e in mine if deleted or e.deleted_at is None])

    async def get(self, request: Request) -> Response:
        return self._response(self._endpoint(request))

    async def scale(self, request: Request) -> Response:
        """Another number of replicas, by hand."""
        endpoint, count = self._alive(request), (await body_of(request)).get("replicaCount")
        machine = _machine(self._world, endpoint)
        if machine is None or not isinstance(count, int) or not 0 <= count <= 1:
            raise invalid("replicaCount must be 0 or 1")
        if count:
            self._serving.start(machine, count)
        else:
            self._serving.stop(machine)
        return JSONResponse({})

    async def delete(self, request: Request) -> Response:
        endpoint = self._alive(request)
        for machine in self._serving.of(endpoint):
            self._serving.stop(machine)
        self._serving.change_endpoint(endpoint.id, deleted_at=self._world.clock.now())
        return JSONResponse({})

    def _endpoint(self, request: Request) -> Endpoint:
        found = self._serving.endpoints.get(request.path_params["id"])
        if found is None or found.wire != _WIRE:
            raise missing(f"deployment {request.path_params['id']}")
        return found

    def _alive(self, request: Request) -> Endpoint:
        endpoint = self._endpoint(request)
        if endpoint.deleted_at is not None:
            raise missing(f"deployment {endpoint.id}")
        return endpoint

    def _response(self, endpoint: Endpoint) -> Response:
        return JSONResponse(self._body(endpoint))

    def _body(self, endpoint: Endpoint) -> dict[str, Any]:
        now, machine = self._world.clock.now(), _machine(self._world, endpoint)
        assert machine is not None
        state, gone = machine.state(now), endpoint.deleted_at is not None
        stopped = gone or state == "DEPLOYMENT_STATE_STOPPED"
        gpu = GPUS[machine.instance]
        body = {
            "name": f"accounts/{ACCOUNT}/deployments/{endpoint.id}",
            "createTime": iso(endpoint.created_at),
            "updateTime": iso(endpoint.updated_at),
            "state": "DELETED" if gone else _STATES.get(state, "READY"),
            "status": {"code": "OK", "message": ""},
            "baseModel": machine.model,
            "minReplicaCount": machine.request.get("minReplicaCount", 0),
            "maxReplicaCount": machine.request.get("maxReplicaCount", 1),
            "desiredReplicaCount": 0 if stopped else machine.replicas,
            "replicaCount": machine.replicas if machine.ready(now) and not gone else 0,
            "acceleratorCount": gpu.count,
            "acceleratorType": gpu.gpu,
        }
        sent = ("displayName", "description", "autoscalingPolicy", "annotations")
        return body | {name: machine.request[name] for name in sent if name in machine.request}


def _gpu(body: Mapping[str, Any]) -> str:
    gpu = str(body.get("acceleratorType") or _USUAL_GPU)
    if gpu not in GPUS:
        raise invalid(f"acceleratorType {gpu!r}: the sandbox has {', '.join(GPUS)}")
    return gpu


def _idle_s(body: Mapping[str, Any]) -> int | None:
    """Seconds without a question until no replica is left; None where at least one is always kept."""
    if int(body.get("minReplicaCount") or 0) > 0:
        return None
    told = (body.get("autoscalingPolicy") or {}).get("scaleToZeroWindow")
    if told is None:
        return _USUAL_IDLE_S
    found = _DURATION.fullmatch(str(told))
    if found is None or int(found[1]) < _LEAST_IDLE_S:
        raise invalid("scaleToZeroWindow must be at least 5 minutes")
    return int(found[1])
