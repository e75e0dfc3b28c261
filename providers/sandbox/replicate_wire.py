"""Replicate's wire: files, models and versions, trainings and predictions, as thin routes over the sandbox's world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import replicate_trainer as trainer
from .book import new_id
from .chat import answer
from .jobs import View
from .refusals import Refused, body_of
from .replicate_shapes import file_body, model_body, page, prediction_body, training_body, version_body
from .replicate_trainer import MODELS, TRAINER, VERSION, WIRE
from .store import Records
from .webhooks import usable_url
from .world import Sandbox, Tuned

__all__ = ["routes"]

_UNDER_WAY = ("starting", "processing")


def routes(world: Sandbox) -> list[Route]:
    """Every route of this wire, below its prefix."""
    wire = _Wire(world)
    model, version = "/v1/models/{owner}/{name}", "/v1/models/{owner}/{name}/versions/{version}"
    return [
        Route("/v1/account", wire.account),
        Route("/v1/hardware", wire.hardware),
        Route("/v1/webhooks/default/secret", wire.webhook_secret),
        Route("/v1/files", wire.upload, methods=["POST"]),
        Route("/v1/files", wire.files),
        Route("/v1/files/{id}", wire.delete_file, methods=["DELETE"]),
        Route("/v1/files/{id}", wire.file),
        Route("/v1/models", wire.create_model, methods=["POST"]),
        Route(model, wire.model),
        Route(f"{model}/versions", wire.versions),
        Route(version, wire.version),
        Route(f"{version}/trainings", wire.create, methods=["POST"]),
        Route("/v1/trainings", wire.trainings),
        Route("/v1/trainings/{id}", wire.training),
        Route("/v1/trainings/{id}/cancel", wire.cancel, methods=["POST"]),
        Route("/v1/predictions", wire.predict, methods=["POST"]),
        Route("/v1/predictions/{id}", wire.prediction),
        Route("/v1/predictions/{id}/cancel", wire.cancel_prediction, methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class _Made:
    """A model that somebody created, for trainings to push to."""

    name: str


class _Wire:
    def __init__(self, world: Sandbox) -> None:
        self._world = world
        self._made = Records(world.store, "replicate model", lambda body: _Made(**body), asdict)
        self._predictions: dict[str, dict[str, Any]] = {}
        world.webhooks.shown = training_body

    def _base(self, request: Request) -> str:
        """Where this wire is served, as whoever asks reaches it."""
        return f"{request.url.scheme}://{request.url.netloc}/{WIRE}"

    # ── the account ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def account(self, request: Request) -> Response:
        return JSONResponse({"type": "user", "username": "sandbox", "name": "Sandbox"})

    async def hardware(self, request: Request) -> Response:
        return JSONResponse([{"name": "CPU", "sku": "cpu"}, {"name": "Nvidia H100 GPU", "sku": "gpu-h100"}])

    async def webhook_secret(self, request: Request) -> Response:
        return JSONResponse({"key": self._world.webhooks.default_secret()})

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def upload(self, request: Request) -> Response:
        async with request.form() as form:
            content = form.get("content")
            if not isinstance(content, UploadFile):
                raise trainer.invalid("content is required", "content")
            name, metadata = str(form.get("filename") or content.filename or "file"), str(form.get("metadata") or "{}")
            made = self._world.files.add(WIRE, name, metadata, await content.read())
        return JSONResponse(file_body(made, self._base(request)), 201)

    async def files(self, request: Request) -> Response:
        rows = [file_body(file, self._base(request)) for file in reversed(self._world.files.list(WIRE))]
        return self._page(request, "files", rows)

    async def file(self, request: Request) -> Response:
        return JSONResponse(file_body(self._file(request), self._base(request)))

    async def delete_file(self, request: Request) -> Response:
        file = self._file(request)
        self._world.files.delete(file.id, keep_content=self._world.book.uses(file.id))
        return Response(status_code=204)

    def _file(self, request: Request) -> Any:
        id = request.path_params["id"]
        found = self._world.files.get(WIRE, id)
        if found is None:
            raise _absent("File not found")
        return found

    # ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def create_model(self, request: Request) -> Response:
        body = await body_of(request)
        for name in ("owner", "name", "visibility", "hardware"):
            if not isinstance(body.get(name), str):
                raise trainer.invalid(f"{name} is required", name)
        name = f"{body['owner']}/{body['name']}"
        if name in self._models():
            raise Refused(409, "A model with that name and owner already exists", type="Conflict")
        self._made.put(name, _Made(name))
        return JSONResponse(model_body(name), 201)

    async def model(self, request: Request) -> Response:
        return JSONResponse(model_body(self._model(request)))

    async def versions(self, request: Request) -> Response:
        name = self._model(request)
        rows = [version_body(VERSION, 0.0)] if name == TRAINER else []
        rows += [version_body(made.rpartition(":")[2], at) for made, at in self._tuned() if made.startswith(f"{name}:")]
        return self._page(request, f"models/{name}/versions", rows)

    async def version(self, request: Request) -> Response:
        name, id = self._model(request), request.path_params["version"]
        at = next((at for made, at in self._tuned() if made == f"{name}:{id}"), None)
        if (name, id) != (TRAINER, VERSION) and at is None:
            raise _absent("The specified version does not exist")
        return JSONResponse(version_body(id, at or 0.0))

    def _models(self) -> set[str]:
        return {*MODELS, *(made.name for made in self._made.all())}

    def _model(self, request: Request) -> str:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        if name not in self._models():
            raise _absent("The requested resource could not be found.")
        return name

    def _tuned(self) -> list[tuple[str, float]]:
        """Every version that a training has made, newest first, with the time of its training."""
        found = (model for model in self._world.tuned(WIRE) if not model.checkpoint)
        return [(model.name, model.job.created_at) for model in found]

    # ── trainings ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, request: Request) -> Response:
        name, id = self._model(request), request.path_params["version"]
        if (name, id) != (TRAINER, VERSION):
            raise _absent("The specified version does not exist, or cannot be trained")
        body = await body_of(request)
        hook = body.get("webhook")
        if hook is not None and not usable_url(hook):
            raise trainer.invalid("webhook: the sandbox sends to http://127.0.0.1 only", "webhook")
        fields = trainer.job_fields(self._world, body, self._models() - {TRAINER})
        job = self._world.create_job(WIRE, "", **fields)
        if hook is not None:
            self._world.webhooks.watch(job.id, hook, self._base(request))
        return self._training_response(request, job.id, 201)

    async def trainings(self, request: Request) -> Response:
        rows = [training_body(seen, self._base(request)) for seen in self._world.book.listed(WIRE)]
        return self._page(request, "trainings", rows)

    async def training(self, request: Request) -> Response:
        body = training_body(self._seen(request), self._base(request))
        fault = self._world.faults.take("status", request.method, request.url.path)
        return JSONResponse(body | {"status": fault.value} if fault else body)

    async def cancel(self, request: Request) -> Response:
        seen = self._seen(request)
        if not seen.over and seen.phase != "cancelling":
            self._world.book.cancel(seen.job.id)
        return self._training_response(request, seen.job.id)

    def _seen(self, request: Request) -> View:
        seen = self._world.book.view(request.path_params["id"])
        if seen is None or seen.job.wire != WIRE:
            raise _absent("Training not found")
        return seen

    def _training_response(self, request: Request, id: str, status: int = 200) -> Response:
        seen = self._world.book.view(id)
        assert seen is not None
        return JSONResponse(training_body(seen, self._base(request)), status)

    # ── predictions ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def predict(self, request: Request) -> Response:
        body = await body_of(request)
        whole, model = self._asked(body.get("version"))
        asked = trainer.prediction_input(body)
        given = await answer(self._world, model, asked)
        pieces = [word if place == 0 else f" {word}" for place, word in enumerate(given.text.split(" "))]
        name, _, version = whole.partition(":")
        now = self._world.clock.now()
        told = {
            "id": new_id(""),
            "model": name,
            "version": version,
            "input": body["input"],
            "output": pieces if given.text else [],
            "error": None,
            "status": "succeeded",
            "created_at": now,
            "completed_at": now,
        }
        waits = request.headers.get("prefer", "").startswith("wait")
        fault = self._world.faults.take("prediction")
        if fault is not None and fault.name == "prediction_failed":
            told |= {"status": "failed", "output": None, "error": "the model raised an exception"}
        slow = fault is not None and fault.name == "prediction_slow"
        self._predictions[told["id"]] = told
        early = {"status": "processing" if waits else "starting"} if slow or not waits else {}
        return JSONResponse(prediction_body(told | early, self._base(request)), 202 if early and waits else 201)

    async def prediction(self, request: Request) -> Response:
        return JSONResponse(prediction_body(self._known(request), self._base(request)))

    async def cancel_prediction(self, request: Request) -> Response:
        return JSONResponse(prediction_body(self._known(request), self._base(request)))

    def _known(self, request: Request) -> Mapping[str, Any]:
        found = self._predictions.get(request.path_params["id"])
        if found is None:
            raise _absent("Prediction not found")
        return found

    def _asked(self, version: object) -> tuple[str, Tuned | None]:
        """`owner/name:version` of what is asked, by that or by the version alone; None for the untrained trainer."""
        known: dict[str, Tuned | None] = {f"{TRAINER}:{VERSION}": None}
        known |= {model.name: model for model in self._world.tuned(WIRE) if not model.checkpoint}
        for whole, model in known.items():
            if version in (whole, whole.partition(":")[2]):
                return whole, model
        raise Refused(422, "The specified version does not exist", type="Invalid version or not permitted")

    def _page(self, request: Request, path: str, rows: list[dict[str, Any]]) -> Response:
        return JSONResponse(page(rows, f"{self._base(request)}/v1/{path}", request.query_params.get("cursor")))


def _absent(detail: str) -> Refused:
    return Refused(404, detail, type="Not found")
