"""Vertex AI's wire: tuning jobs, publisher models, and what base models and tuned endpoints answer, as thin routes."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .book import new_id
from .catalog import base_model
from .chat import Answer, answer, throttled
from .jobs import NUMBER, View
from .refusals import Refused, body_of
from .vertex_jobs import WIRE, invalid, job_fields, new_job_id
from .vertex_rows import parts_text
from .vertex_shapes import PROJECT, base_body, endpoint_name, job_body
from .world import Sandbox, Tuned

__all__ = ["routes"]

_VERSIONS = ("v1", "v1beta1")
_FILTER = re.compile(r'labels\.([a-z][a-z0-9_-]*)="?([a-z0-9_-]*)"?')
_STOPS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}
_EVERYWHERE = ("global", "us", "eu")
"""Where Gemini 3 is served to everybody."""


def routes(world: Sandbox) -> list[Route]:
    """Every route of this wire, below its prefix."""
    wire = _Wire(world)
    found = []
    for version in _VERSIONS:
        here = f"/{version}/projects/{{project}}/locations/{{location}}"
        jobs, model = f"{here}/tuningJobs", f"{here}/publishers/google/models/{{id}}"
        found += [
            Route(jobs, wire.create, methods=["POST"]),
            Route(jobs, wire.list),
            Route(f"{jobs}/{{id}}:cancel", wire.cancel, methods=["POST"]),
            Route(f"{jobs}/{{id}}", wire.job),
            Route(f"/{version}/publishers/google/models/{{id}}", wire.model),
            *(
                Route(f"{place}:{verb}", endpoint, methods=["POST"])
                for place in (model, f"{here}/endpoints/{{id}}")
                for verb, endpoint in (("generateContent", wire.generate), ("streamGenerateContent", wire.stream))
            ),
        ]
    return found


class _Wire:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, request: Request) -> Response:
        location = _here(request)
        fields = job_fields(self._world, await body_of(request), location)
        job = self._world.create_job(WIRE, "", id=new_job_id(), **fields)
        return JSONResponse(job_body(self._seen(job.id, location)))

    async def list(self, request: Request) -> Response:
        """Newest first; by label, where a filter asks for one."""
        location, query = _here(request), request.query_params
        shown = [seen for seen in self._world.book.listed(WIRE) if seen.job.request["location"] == location]
        if query.get("filter"):
            wanted = _FILTER.fullmatch(query["filter"])
            if wanted is None:
                raise invalid(f"invalid filter {query['filter']!r}")
            shown = [s for s in shown if (s.job.request.get("labels") or {}).get(wanted[1]) == wanted[2]]
        start, most = int(query.get("pageToken") or 0), int(query.get("pageSize") or 100)
        more = {"nextPageToken": str(start + most)} if start + most < len(shown) else {}
        page = shown[start : start + most]
        return JSONResponse(({"tuningJobs": [job_body(seen) for seen in page]} if page else {}) | more)

    async def job(self, request: Request) -> Response:
        body = job_body(self._seen(request.path_params["id"], _here(request)))
        fault = self._world.faults.take("status", request.method, request.url.path)
        return JSONResponse(body | {"state": fault.value} if fault else body)

    async def cancel(self, request: Request) -> Response:
        seen = self._seen(request.path_params["id"], _here(request))
        if seen.over:
            raise Refused(400, f"The job is already {seen.phase}.", code="FAILED_PRECONDITION")
        if seen.phase != "cancelling":
            self._world.book.cancel(seen.job.id)
        return JSONResponse({})

    def _seen(self, id: str, location: str) -> View:
        seen = self._world.book.view(id)
        if seen is None or seen.job.wire != WIRE or seen.job.request["location"] != location:
            raise _missing(f"TuningJob {id}")
        return seen

    # ── models and questions ────────────────────────────────────────────────────────────────────────────────────────

    async def model(self, request: Request) -> Response:
        found = base_model(WIRE, request.path_params["id"])
        if found is None:
            raise _missing(f"Publisher Model `publishers/google/models/{request.path_params['id']}`")
        return JSONResponse(base_body(found))

    async def generate(self, request: Request) -> Response:
        given, headers, model = await self._answered(request)
        return JSONResponse(_piece(model, _parts(given), given), headers=dict(headers))

    async def stream(self, request: Request) -> Response:
        if request.query_params.get("alt") != "sse":
            raise invalid("the sandbox streams server-sent events alone: alt=sse")
        given, headers, model = await self._answered(request)
        return StreamingResponse(_events(given, model), media_type="text/event-stream", headers=dict(headers))

    async def _answered(self, request: Request) -> tuple[Answer, Mapping[str, str], str]:
        location, id = _here(request), request.path_params["id"]
        body = await body_of(request)
        tuned = None
        if "/endpoints/" in request.url.path:
            tuned = self._asked(location, id)
        else:
            self._check_base(location, id)
        turns = body.get("contents")
        if not isinstance(turns, list) or not turns or turns[-1].get("role") == "model":
            raise invalid("contents must hold turns, the last of them the user's")
        system = parts_text(body.get("systemInstruction") or {})
        messages = [{"role": "system", "content": system}] if system else []
        messages += [{"role": turn.get("role", "user"), "content": parts_text(turn)} for turn in turns]
        most = (body.get("generationConfig") or {}).get("maxOutputTokens")
        asked = {"model": id, "messages": messages, **({"max_tokens": most} if most else {})}
        headers = throttled(self._world, asked)
        return await answer(self._world, tuned, asked), headers, tuned.job.model if tuned else id

    def _asked(self, location: str, id: str) -> Tuned:
        """The model behind an endpoint, which is only where its name says."""
        wanted = f"/locations/{location}/endpoints/{id}"
        found = next((m for m in self._world.tuned(WIRE) if endpoint_name(m).endswith(wanted)), None)
        if found is None:
            raise _missing("Endpoint")
        return found

    def _check_base(self, location: str, id: str) -> None:
        if base_model(WIRE, id) is None or location not in _EVERYWHERE:
            name = f"projects/{PROJECT}/locations/{location}/publishers/google/models/{id}"
            raise _missing(f"Publisher Model `{name}`", "or your project does not have access to it")


def _here(request: Request) -> str:
    """The location that is asked, of the one project there is, by its name or its number."""
    if request.path_params["project"] not in (PROJECT, NUMBER):
        raise Refused(403, "Permission denied on resource project.", code="PERMISSION_DENIED")
    return str(request.path_params["location"])


def _missing(what: str, more: str = "") -> Refused:
    return Refused(404, f"{what} was not found{' ' if more else ''}{more}.", code="NOT_FOUND")


def _parts(given: Answer) -> list[dict[str, Any]]:
    calls = [call["function"] for call in given.tool_calls]
    made: list[dict[str, Any]] = [
        {"functionCall": {"name": call["name"], "args": json.loads(call["arguments"])}} for call in calls
    ]
    return made or [{"text": given.text}]


def _piece(model: str, parts: list[dict[str, Any]], given: Answer | None) -> dict[str, Any]:
    """One answer, or a piece of one; with its end and its usage where `given` says that it is the last."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    body: dict[str, Any] = {"candidates": [candidate], "modelVersion": model, "responseId": new_id("")}
    if given is None:
        return body
    candidate["finishReason"] = _STOPS[given.finish_reason]
    usage = {
        "promptTokenCount": given.prompt_tokens,
        "candidatesTokenCount": given.completion_tokens,
        "totalTokenCount": given.prompt_tokens + given.completion_tokens,
    }
    return body | {"usageMetadata": usage}


async def _events(given: Answer, model: str) -> AsyncIterator[bytes]:
    """The answer word by word, its last piece with the end."""
    words = given.text.split(" ") if given.text else []
    pieces = [[{"text": word if place == 0 else f" {word}"}] for place, word in enumerate(words)] or [_parts(given)]
    for place, parts in enumerate(pieces, start=1):
        body = _piece(model, parts, given if place == len(pieces) else None)
        yield b"data: " + json.dumps(body).encode() + b"\r\n\r\n"
