"""Bedrock's Converse and ConverseStream, as routes over the sandbox's one way to answer."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .bedrock_jobs import bedrock_base
from .chat import Answer, answer, throttled
from .refusals import Refused, body_of
from .world import Sandbox, Tuned

__all__ = ["routes"]

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def routes(world: Sandbox) -> list[Route]:
    """Below the wire's prefix."""
    wire = _Questions(world)
    return [
        Route("/model/{id:path}/converse", wire.converse, methods=["POST"]),
        Route("/model/{id:path}/converse-stream", wire.stream, methods=["POST"]),
    ]


class _Questions:
    def __init__(self, world: Sandbox) -> None:
        self._world = world

    async def converse(self, request: Request) -> Response:
        given, headers = await self._answered(request)
        content = [{"text": given.text}] if given.text else []
        content += [_tool_use(call) for call in given.tool_calls]
        body = {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": _STOPS[given.finish_reason],
            "usage": _usage(given),
            "metrics": {"latencyMs": 1},
        }
        return JSONResponse(body, headers=dict(headers))

    async def stream(self, request: Request) -> Response:
        given, headers = await self._answered(request)
        media = "application/vnd.amazon.eventstream"
        return StreamingResponse(_events(given), media_type=media, headers=dict(headers))

    async def _answered(self, request: Request) -> tuple[Answer, Mapping[str, str]]:
        body = await body_of(request)
        tuned = self._asked(request.path_params["id"])
        limits = body.get("inferenceConfig") or {}
        turns = [{"role": "system", "content": _text(body.get("system"))}] if body.get("system") else []
        turns += [{"role": turn["role"], "content": _text(turn["content"])} for turn in body.get("messages") or []]
        if not turns or turns[-1]["role"] != "user":
            raise Refused(400, "A conversation must end with a user message.")
        asked: dict[str, Any] = {"model": request.path_params["id"], "messages": turns}
        asked |= {"max_tokens": limits["maxTokens"]} if "maxTokens" in limits else {}
        headers = throttled(self._world, asked)
        return await answer(self._world, tuned, asked), headers

    def _asked(self, reference: str) -> Tuned | None:
        """The tuned model behind an ARN, None for a base. Raises `Refused` as the platform does."""
        served = self._world.throughput.route(reference)
        if served is not None and not served.ready(self._world.clock.now()):
            raise Refused(429, "The model is not ready for inference.", code="ModelNotReadyException")
        name = served.model if served else reference
        found = next((model for model in self._world.tuned("bedrock") if model.name == name), None)
        if found is not None and served is None:
            raise Refused(400, f"Invocation of model ID {reference} with on-demand throughput isn't supported.")
        if found is None and bedrock_base(name) is None:
            raise Refused(400, "The provided model identifier is invalid.")
        return found


def _text(blocks: Any) -> str:
    return "".join(str(block.get("text", "")) for block in blocks or () if isinstance(block, dict))


def _tool_use(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    told = {"toolUseId": str(call.get("id") or "tooluse_1"), "name": function["name"]}
    return {"toolUse": {**told, "input": json.loads(function["arguments"])}}


def _usage(given: Answer) -> dict[str, int]:
    total = given.prompt_tokens + given.completion_tokens
    return {"inputTokens": given.prompt_tokens, "outputTokens": given.completion_tokens, "totalTokens": total}


async def _events(given: Answer) -> AsyncIterator[bytes]:
    """The answer word by word, in AWS's event-stream frames."""
    yield _frame("messageStart", {"role": "assistant"})
    for number, word in enumerate(given.text.split(" ") if given.text else ()):
        delta = {"text": word if number == 0 else f" {word}"}
        yield _frame("contentBlockDelta", {"delta": delta, "contentBlockIndex": 0})
    yield _frame("contentBlockStop", {"contentBlockIndex": 0})
    yield _frame("messageStop", {"stopReason": _STOPS[given.finish_reason]})
    yield _frame("metadata", {"usage": _usage(given), "metrics": {"latencyMs": 1}})


def _frame(kind: str, body: Mapping[str, Any]) -> bytes:
    """One message: lengths and their checksum, headers, payload, and the checksum of all (vnd.amazon.eventstream)."""
    told = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in told.items()
    )
    payload = json.dumps(body).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))
