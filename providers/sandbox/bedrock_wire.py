"""Bedrock's wire: customization jobs, custom models, base models, and what a model answers behind, as thin routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import bedrock_questions, bedrock_serving
from .bedrock_jobs import bedrock_base, job_fields
from .bedrock_shapes import base_body, job_arn, job_body, job_summary, model_body, model_summary, status_of
from .jobs import View, model_arn
from .refusals import Refused, body_of
from .world import Sandbox

__all__ = ["routes"]

_WIRE = "bedrock"


def routes(world: Sandbox) -> list[Route]:
    """Every route of this wire, below its prefix."""
    wire = _Wire(world)
    jobs = "/model-customization-jobs"
    return [
        *bedrock_serving.routes(world),
        *bedrock_questions.routes(world),
        Route(jobs, wire.create, methods=["POST"]),
        Route(jobs, wire.jobs),
        Route(f"{jobs}/{{id:path}}/stop", wire.stop, methods=["POST"]),
        Route(f"{jobs}/{{id:path}}", wire.job),
        Route("/custom-models", wire.models),
        Route("/custom-models/{id:path}", wire.model),
        Route("/foundation-models/{id:path}", wire.base),
    ]


class _Wire:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    async def create(self, request: Request) -> Response:
        """The same token again is the same job; the same name under another token is refused."""
        body = await body_of(request)
        for seen in self._world.book.views(_WIRE):
            sent = seen.job.request
            if body.get("clientRequestToken") and sent["clientRequestToken"] == body["clientRequestToken"]:
                return JSONResponse({"jobArn": job_arn(seen.job)}, 201)
            if sent["jobName"] == body.get("jobName") or sent["customModelName"] == body.get("customModelName"):
                raise Refused(400, "The provided job name is currently in use.", code="ConflictException")
        job = self._world.create_job(_WIRE, "", **job_fields(self._world, body))
        return JSONResponse({"jobArn": job_arn(job)}, 201)

    async def jobs(self, request: Request) -> Response:
        query = request.query_params
        part, status = query.get("nameContains", ""), query.get("statusEquals")
        found = [
            seen
            for seen in self._world.book.listed(_WIRE)
            if part in seen.job.request["jobName"]
            and status in (None, status_of(seen))
            and seen.job.created_at > _since(query.get("creationTimeAfter"))
        ]
        return _page("modelCustomizationJobSummaries", found, job_summary, query)

    async def job(self, request: Request) -> Response:
        body = job_body(self._job(request.path_params["id"]))
        fault = self._world.faults.take("status", request.method, request.url.path)
        return JSONResponse(body | {"status": fault.value} if fault else body)

    async def stop(self, request: Request) -> Response:
        seen = self._job(request.path_params["id"])
        if seen.over:
            raise Refused(400, f"The job is already {status_of(seen)}.", code="ConflictException")
        if seen.phase != "cancelling":
            self._world.book.cancel(seen.job.id)
        return JSONResponse({})

    async def models(self, request: Request) -> Response:
        made = [seen for seen in self._world.book.views(_WIRE) if seen.phase == "succeeded"]
        return _page("modelSummaries", made, model_summary, request.query_params)

    async def model(self, request: Request) -> Response:
        reference = request.path_params["id"]
        for seen in self._world.book.views(_WIRE):
            names = (model_arn(seen.job), seen.job.request["customModelName"])
            if seen.phase == "succeeded" and reference in names:
                return JSONResponse(model_body(seen))
        raise Refused(404, f"Could not find the custom model {reference}")

    async def base(self, request: Request) -> Response:
        found = bedrock_base(request.path_params["id"])
        if found is None:
            raise Refused(404, f"Could not find a foundation model {request.path_params['id']}")
        return JSONResponse(base_body(found))

    def _job(self, reference: str) -> View:
        for seen in self._world.book.views(_WIRE):
            if reference in (seen.job.request["jobName"], job_arn(seen.job)):
                return seen
        raise Refused(404, f"Could not find a customization job {reference}")


def _since(told: str | None) -> float:
    return datetime.fromisoformat(told).timestamp() if told else 0.0


def _page(
    name: str, found: Sequence[View], shape: Callable[[View], Mapping[str, Any]], query: Mapping[str, str]
) -> Response:
    """One page, newest first; the token is where the next one begins."""
    start, most = int(query.get("nextToken", "0")), int(query.get("maxResults", "1000"))
    more = {"nextToken": str(start + most)} if start + most < len(found) else {}
    return JSONResponse({name: [dict(shape(seen)) for seen in found[start : start + most]], **more})
