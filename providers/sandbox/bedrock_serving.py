"""Bedrock's deployments and provisioned throughput, as thin routes. Both run until they are deleted."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .bedrock_jobs import bedrock_base
from .bedrock_shapes import base_arn, iso
from .refusals import Refused, body_of
from .throughput import Kind, Served
from .world import Sandbox

__all__ = ["routes"]


def routes(world: Sandbox) -> list[Route]:
    """Below the wire's prefix."""
    on_demand = _OnDemand(world, "custom-model-deployment")
    provisioned = _Provisioned(world, "provisioned-model")
    deployments, throughput = "/model-customization/custom-model-deployments", "/provisioned-model-throughput"
    return [
        Route(deployments, on_demand.create, methods=["POST"]),
        Route(deployments, on_demand.listed),
        Route(f"{deployments}/{{id:path}}", on_demand.read),
        Route(f"{deployments}/{{id:path}}", on_demand.delete, methods=["DELETE"]),
        Route(throughput, provisioned.create, methods=["POST"]),
        Route(f"{throughput}s", provisioned.listed),
        Route(f"{throughput}/{{id:path}}", provisioned.read),
        Route(f"{throughput}/{{id:path}}", provisioned.delete, methods=["DELETE"]),
    ]


class _Wire:
    """What both do alike; each has its own names."""

    name_field = model_field = arn_field = list_field = ""
    created_status = 200

    def __init__(self, world: Sandbox, kind: Kind) -> None:
        self._world, self._kind = world, kind

    def body(self, item: Served) -> dict[str, Any]:
        raise NotImplementedError

    def summary(self, item: Served) -> dict[str, Any]:
        return self.body(item)

    async def create(self, request: Request) -> Response:
        """The same token again is the same one; the same name under another is refused."""
        sent, every = await body_of(request), self._world.throughput.all(self._kind)
        name, token = str(sent.get(self.name_field)), str(sent.get("clientRequestToken") or "")
        known = next((item for item in every if token and item.token == token), None)
        if known is None:
            if any(item.name == name for item in every):
                raise Refused(400, f"The name {name} is already in use.")
            model = self._model(str(sent.get(self.model_field)))
            units, lag_s = int(sent.get("modelUnits") or 1), self._world.lease_lag_s()
            known = self._world.throughput.create(self._kind, name, model, token, units, lag_s)
        return JSONResponse({self.arn_field: known.arn}, self.created_status)

    async def listed(self, request: Request) -> Response:
        part, now = request.query_params.get("nameContains", ""), self._world.clock.now()
        mine = [item for item in self._world.throughput.all(self._kind) if part in item.name and item.listed(now)]
        return JSONResponse({self.list_field: [self.summary(item) for item in mine]})

    async def read(self, request: Request) -> Response:
        return JSONResponse(self.body(self._item(request)))

    async def delete(self, request: Request) -> Response:
        self._world.throughput.delete(self._item(request))
        return JSONResponse({})

    def _item(self, request: Request) -> Served:
        found = self._world.throughput.get(self._kind, request.path_params["id"])
        if found is None:
            raise Refused(404, f"Could not find {request.path_params['id']}")
        return found

    def _model(self, reference: str) -> str:
        if any(model.name == reference for model in self._world.tuned("bedrock")):
            return reference
        base = bedrock_base(reference)
        if base is None or self._kind == "custom-model-deployment":
            raise Refused(404, f"Could not find the model {reference}")
        return base_arn(base.name)


class _OnDemand(_Wire):
    name_field, model_field, arn_field = "modelDeploymentName", "modelArn", "customModelDeploymentArn"
    list_field, created_status = "modelDeploymentSummaries", 202

    def body(self, item: Served) -> dict[str, Any]:
        return {**self._common(item), "modelDeploymentName": item.name}

    def summary(self, item: Served) -> dict[str, Any]:
        return {**self._common(item), "customModelDeploymentName": item.name}

    def _common(self, item: Served) -> dict[str, Any]:
        return {
            "customModelDeploymentArn": item.arn,
            "modelArn": item.model,
            "createdAt": iso(item.created_at),
            "status": "Active" if item.ready(self._world.clock.now()) else "Creating",
            "lastUpdatedAt": iso(item.created_at),
        }


class _Provisioned(_Wire):
    name_field, model_field, arn_field = "provisionedModelName", "modelId", "provisionedModelArn"
    list_field, created_status = "provisionedModelSummaries", 201

    def body(self, item: Served) -> dict[str, Any]:
        base = bedrock_base(item.model) or bedrock_base(item.model.rsplit("/", 1)[0])
        return {
            "provisionedModelName": item.name,
            "provisionedModelArn": item.arn,
            "modelArn": item.model,
            "desiredModelArn": item.model,
            "foundationModelArn": base_arn(base.name) if base else item.model,
            "modelUnits": item.units,
            "desiredModelUnits": item.units,
            "status": "InService" if item.ready(self._world.clock.now()) else "Creating",
            "creationTime": iso(item.created_at),
            "lastModifiedTime": iso(item.created_at),
        }
