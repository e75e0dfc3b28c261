"""Fireworks' wire: jobs, models, accounts and questions, as thin routes over the sandbox's world."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import fireworks_datasets, fireworks_serving
from .book import new_id
from .catalog import BaseModel, base_models
from .chat import answer, check_chat, completion, respond, throttled
from .fireworks_jobs import DPO, SFT, estimate_usd, job_key, preference_fields, supervised_fields
from .fireworks_refusals import ACCOUNT, exists, gateway, listed, missing, own_id, precondition
from .fireworks_shapes import base_body, job_body, metric_lines, money, tuned_body
from .jobs import View
from .refusals import Refused, body_of
from .world import Sandbox, Tuned

__all__ = ["routes"]

_WIRE = "fireworks"
_P = "/v1/accounts/{account}"
_ABSENT = "Model not found, inaccessible, and/or not deployed"
_Fields = Callable[[Sandbox, str, Mapping[str, Any]], dict[str, Any]]


def routes(world: Sandbox) -> list[Route]:
    """Every route of this wire, below its prefix."""
    wire = _Wire(world)
    return [
        *fireworks_datasets.routes(world),
        *fireworks_serving.routes(world),
        Route(f"{_P}/{SFT}:estimateCost", gateway(wire.estimate), methods=["POST"]),
        *_Jobs(world, SFT, "supervisedFineTuningJobId", supervised_fields).routes(),
        *_Jobs(world, DPO, "dpoJobId", preference_fields).routes(),
        Route("/v1/accounts", gateway(wire.accounts)),
        Route(f"{_P}/models", gateway(wire.models)),
        Route(f"{_P}/models/{{id}}", gateway(wire.model)),
        Route("/inference/v1/chat/completions", wire.chat, methods=["POST"]),
    ]


class _Jobs:
    """One of the two collections of jobs, which differ in their body alone."""

    def __init__(self, world: Sandbox, collection: str, parameter: str, fields: _Fields) -> None:
        self._world, self._collection, self._parameter, self._fields = world, collection, parameter, fields

    def routes(self) -> list[Route]:
        jobs = f"{_P}/{self._collection}"
        return [
            Route(jobs, gateway(self.create), methods=["POST"]),
            Route(jobs, gateway(self.list)),
            Route(f"{jobs}/{{id}}:cancel", gateway(self.cancel), methods=["POST"]),
            Route(f"{jobs}/{{id}}:resume", gateway(self.resume), methods=["POST"]),
            Route(f"{jobs}/{{id}}:getMetricsFileEndpoint", gateway(self.metrics_endpoint)),
            Route(f"{jobs}/{{id}}", gateway(self.get)),
            Route(f"{jobs}/{{id}}", gateway(self.delete), methods=["DELETE"]),
            Route(f"/_signed/{self._collection}/{{id}}/metrics.jsonl", gateway(self.metrics)),
        ]

    async def create(self, request: Request) -> Response:
        """A job under the client's own id, which is given once."""
        body = await body_of(request)
        id = own_id(request.query_params.get(self._parameter) or new_id("job-"), self._parameter)
        key = job_key(self._collection, id)
        if self._world.book.find(key) is not None:
            raise exists(f"job {id}")
        self._world.create_job(_WIRE, "", id=key, **self._fields(self._world, id, body))
        return JSONResponse(self._body(self._seen(key), request))

    async def list(self, request: Request) -> Response:
        dpo = self._collection == DPO
        shown = [seen for seen in self._world.book.listed(_WIRE) if (seen.job.method == "dpo") == dpo]
        return listed(request, self._collection, [self._body(seen, request) for seen in shown])

    async def get(self, request: Request) -> Response:
        body = self._body(self._job(request), request)
        fault = self._world.faults.take("status", request.method, request.url.path)
        return JSONResponse(body | {"state": fault.value} if fault else body)

    async def cancel(self, request: Request) -> Response:
        seen = self._job(request)
        if seen.over:
            raise precondition(f"job {seen.job.id} is {seen.phase}")
        if seen.phase != "cancelling":
            self._world.book.cancel(seen.job.id)
        return JSONResponse({})

    async def resume(self, request: Request) -> Response:
        seen = self._job(request)
        if seen.phase != "paused":
            raise precondition(f"job {seen.job.id} is not paused")
        self._world.book.resume(seen.job.id)
        return JSONResponse(self._body(self._seen(seen.job.id), request))

    async def delete(self, request: Request) -> Response:
        seen = self._job(request)
        if not seen.over:
            raise precondition(f"job {seen.job.id} is {seen.phase}; cancel it first")
        self._world.delete_job(seen.job.id)
        return JSONResponse({})

    async def metrics_endpoint(self, request: Request) -> Response:
        """Empty until the file has been created."""
        seen = self._job(request)
        return JSONResponse({"signedUrl": self._address(seen, request)} if seen.points else {})

    async def metrics(self, request: Request) -> Response:
        return Response(metric_lines(self._job(request)), media_type="application/octet-stream")

    def _job(self, request: Request) -> View:
        return self._seen(job_key(self._collection, request.path_params["id"]))

    def _seen(self, key: str) -> View:
        seen = self._world.book.view(key)
        if seen is None or seen.job.wire != _WIRE:
            raise missing(f"job {key}")
        return seen

    def _body(self, seen: View, request: Request) -> dict[str, Any]:
        return job_body(seen, self._address(seen, request))

    def _address(self, seen: View, request: Request) -> str:
        root = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"
        id = seen.job.id.rpartition("/")[2]
        return f"{root}/_signed/{self._collection}/{id}/metrics.jsonl?signature=sandbox"


class _Wire:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    async def estimate(self, request: Request) -> Response:
        return JSONResponse({"estimatedCost": money(estimate_usd(self._world, await body_of(request)))})

    async def accounts(self, request: Request) -> Response:
        account = {"name": f"accounts/{ACCOUNT}", "displayName": "Sandbox", "email": "sandbox@localhost"}
        return listed(request, "accounts", [account | {"state": "READY"}])

    # ── models and questions ────────────────────────────────────────────────────────────────────────────────────────

    async def models(self, request: Request) -> Response:
        if request.path_params["account"] != ACCOUNT:
            return listed(request, "models", [base_body(base) for base in base_models(_WIRE)])
        return listed(request, "models", [tuned_body(model) for model in self._world.tuned(_WIRE)])

    async def model(self, request: Request) -> Response:
        name = "accounts/{account}/models/{id}".format(**request.path_params)
        found = self._world.model(_WIRE, name)
        if found is None:
            raise missing(f"model {name}")
        return JSONResponse(base_body(found) if isinstance(found, BaseModel) else tuned_body(found))

    async def chat(self, request: Request) -> Response:
        body = await body_of(request)
        check_chat(body)
        tuned, headers = self._asked(body["model"]), throttled(self._world, body)
        given = await answer(self._world, tuned, body)
        created = int(self._world.clock.now())
        if body.get("stream"):
            return respond(given, body, created, _WIRE, headers)
        return JSONResponse(_bare(completion(given, body, created, _WIRE)), headers=headers)

    def _asked(self, name: str) -> Tuned | None:
        """The tuned model behind `MODEL#DEPLOYMENT`, None for a base. Raises `Refused` as the platform does."""
        model, _, deployment = name.partition("#")
        found = self._world.model(_WIRE, model)
        if found is None or (isinstance(found, Tuned) and not deployment):
            raise Refused(404, _ABSENT, code="NOT_FOUND")
        if deployment:
            fireworks_serving.asked(self._world, deployment, model)
        return None if isinstance(found, BaseModel) else found


def _bare(whole: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that only others send."""
    body = json.loads(json.dumps(whole))
    body.pop("system_fingerprint", None)
    for choice in body["choices"]:
        choice["message"].pop("refusal", None)
    return dict(body)
