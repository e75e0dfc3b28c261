"""Together's wire: fine-tuning jobs, chat completions and who-am-I, as thin routes over the sandbox's world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from . import batch_wires, together_files, together_serving
from .catalog import BaseModel, base_models
from .chat import answer, check_chat, completion, respond, throttled
from .jobs import View, tuned_name
from .package import packed
from .refusals import Refused, body_of
from .together_jobs import estimate, job_fields, limited, limits_body
from .together_shapes import PROJECT, checkpoint_rows, event_rows, job_body, metric_rows
from .world import Sandbox, Tuned

__all__ = ["routes"]

_WIRE = "together"


def routes(world: Sandbox) -> list[Route]:
    """Every route of this wire, below its prefix."""
    wire = _Wire(world)
    jobs = "/v1/fine-tunes"
    return [
        *together_files.routes(world),
        *together_serving.routes(world),
        *batch_wires.together_routes(world, wire.answered),
        Route(jobs, wire.create, methods=["POST"]),
        Route(jobs, wire.jobs),
        Route(f"{jobs}/estimate-price", wire.estimate, methods=["POST"]),
        Route(f"{jobs}/models/limits", wire.limits),
        Route(f"{jobs}/{{id}}", wire.job),
        Route(f"{jobs}/{{id}}", wire.delete, methods=["DELETE"]),
        Route(f"{jobs}/{{id}}/events", wire.events),
        Route(f"{jobs}/{{id}}/metrics", wire.metrics),
        Route(f"{jobs}/{{id}}/checkpoints", wire.checkpoints),
        Route(f"{jobs}/{{id}}/cancel", wire.cancel, methods=["POST"]),
        Route("/v1/finetune/download", wire.download),
        Route("/v1/models", wire.models),
        Route("/v1/chat/completions", wire.chat, methods=["POST"]),
        Route("/v1/projects", wire.projects),
        Route("/v3/whoami", wire.whoami),
    ]


class _Wire:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, request: Request) -> Response:
        job = self._world.create_job(_WIRE, "ft-", **job_fields(self._world, await body_of(request)))
        return self._job_response(job.id)

    async def jobs(self, request: Request) -> Response:
        return JSONResponse({"data": [job_body(seen) for seen in self._world.book.listed(_WIRE)]})

    async def job(self, request: Request) -> Response:
        seen = self._job(request)
        body = job_body(seen) | {"events": event_rows(seen)}
        fault = self._world.faults.take("status", request.method, request.url.path)
        return JSONResponse(body | {"status": fault.value} if fault else body)

    async def estimate(self, request: Request) -> Response:
        return JSONResponse(estimate(self._world, await body_of(request)))

    async def limits(self, request: Request) -> Response:
        return JSONResponse(limits_body(limited(self._world, request.query_params.get("model_name"))))

    async def events(self, request: Request) -> Response:
        return JSONResponse({"data": event_rows(self._job(request))})

    async def metrics(self, request: Request) -> Response:
        try:
            return JSONResponse({"metrics": metric_rows(self._job(request), request.query_params)})
        except ValueError as error:
            raise Refused(400, f"Invalid query: {error}") from error

    async def checkpoints(self, request: Request) -> Response:
        return JSONResponse({"data": checkpoint_rows(self._job(request))})

    async def cancel(self, request: Request) -> Response:
        seen = self._job(request)
        if seen.over:
            raise Refused(400, f"Job {seen.job.id} is already {seen.phase}")
        if seen.phase != "cancelling":
            self._world.book.cancel(seen.job.id)
        return self._job_response(seen.job.id)

    async def delete(self, request: Request) -> Response:
        seen = self._job(request)
        if not seen.over:
            raise Refused(400, f"Job {seen.job.id} is {seen.phase}; cancel it first")
        self._world.delete_job(seen.job.id)
        return JSONResponse({"message": "Fine-tune job deleted"})

    async def download(self, request: Request) -> Response:
        """The weights as a tar file; ranges of it too. The final model, or the one of `checkpoint_step`."""
        query = request.query_params
        seen = self._seen(query.get("ft_id", ""))
        step = int(query["checkpoint_step"]) if query.get("checkpoint_step", "").isdigit() else 0
        epochs = [epoch for epoch in seen.epochs if step in (0, epoch.points[-1].step)]
        if seen.phase != "succeeded" or not epochs:
            raise Refused(404, f"No such checkpoint of {seen.job.id}", type="not_found")
        name = f"{seen.job.id}-{epochs[-1].number}.tar"
        if not self._world.store.path(name).exists():
            mind = await run_in_threadpool(self._world.trainer.learned, seen.job, epochs[-1].number)
            self._world.store.write(name, packed(mind, tuned_name(seen.job)))
        return FileResponse(self._world.store.path(name), filename=name, media_type="application/x-tar")

    def _job(self, request: Request) -> View:
        return self._seen(request.path_params["id"])

    def _seen(self, id: str) -> View:
        seen = self._world.book.view(id)
        if seen is None or seen.job.wire != _WIRE:
            raise Refused(404, f"Fine-tune job {id} not found", code="not_found", type="not_found")
        return seen

    def _job_response(self, id: str) -> Response:
        seen = self._world.book.view(id)
        assert seen is not None
        return JSONResponse(job_body(seen))

    # ── models and chat ─────────────────────────────────────────────────────────────────────────────────────────────

    async def models(self, request: Request) -> Response:
        bases = [model.name for model in base_models(_WIRE)]
        return JSONResponse([{"id": n, "object": "model", "created": 0, "type": "chat"} for n in bases])

    async def chat(self, request: Request) -> Response:
        body = await body_of(request)
        check_chat(body)
        tuned, headers = self._asked(body["model"]), throttled(self._world, body)
        given = await answer(self._world, tuned, body)
        return respond(given, body, int(self._world.clock.now()), _WIRE, headers)

    async def answered(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one request of a batch, which has rate limits of its own."""
        check_chat(body)
        given = await answer(self._world, self._asked(body["model"]), body)
        return completion(given, body, int(self._world.clock.now()), _WIRE)

    def _asked(self, name: str) -> Tuned | None:
        """The tuned model behind a ready deployment, None for a base. Raises `Refused` as the platform does."""
        deployed = self._world.serving.route(name)
        found = self._world.model(_WIRE, deployed.model if deployed else name)
        if isinstance(found, BaseModel):
            return None
        if deployed is not None and found is not None:
            return found
        if self._world.serving.known(name):
            raise Refused(503, f"{name} has no ready deployment.", code="service_unavailable", type="server_error")
        if found is not None:
            raise Refused(400, f"Unable to access non-serverless model {name}. {_DEPLOY}", code="model_not_available")
        raise Refused(404, f"Unable to access model {name}.", code="model_not_available")

    # ── who ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def projects(self, request: Request) -> Response:
        project = {"id": PROJECT, "name": "sandbox", "slug": "sandbox"}
        owner = {"organization_id": "org_sandbox", "organization_name": "sandbox"}
        return JSONResponse({"data": [project | owner]})

    async def whoami(self, request: Request) -> Response:
        return JSONResponse(
            {
                "type": "project_api_key",
                "api_key": {"id": "key_sandbox"},
                "organization": {"id": "org_sandbox", "name": "sandbox"},
                "project": {"id": PROJECT, "name": "sandbox", "slug": "sandbox"},
            }
        )


_DEPLOY = "Create and start a dedicated endpoint for it first."
