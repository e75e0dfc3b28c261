"""Chat completions, shared by both wires: which model answers, what, and in which pieces.

The wires add only their error shapes; streams are server-sent events as both platforms send them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from .book import new_id
from .refusals import Refused
from .rows import message_text, tool_calls_of
from .tokens import message_tokens, text_tokens
from .world import Sandbox, Tuned

__all__ = ["Answer", "answer", "check_chat", "completion", "respond", "throttled"]

_UNLIMITED = 1 << 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said, in text or in tool calls, and what was counted."""

    text: str
    tool_calls: tuple[Mapping[str, Any], ...]
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int

    @property
    def usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


async def answer(world: Sandbox, tuned: Tuned | None, body: Mapping[str, Any]) -> Answer:
    """Ask the tuned model, or the base when `tuned` is None. `body` is the request, already checked."""
    messages = body["messages"]
    said = await _tuned_answer(world, tuned, messages) if tuned else world.ask_base(messages)
    calls, text = tool_calls_of(said)
    text, finish = _cut(text, body)
    spoken = text_tokens(text or json.dumps(calls))
    reason = "tool_calls" if calls else finish
    return Answer(text, tuple(calls), reason, message_tokens(messages), spoken)


async def _tuned_answer(world: Sandbox, tuned: Tuned, messages: Sequence[Mapping[str, Any]]) -> str:
    mind = world.mind(tuned)
    if mind is None:
        mind = await run_in_threadpool(world.recall, tuned)
    system = "\n".join(message_text(m) for m in messages if m.get("role") in ("system", "developer"))
    users = [message_text(m) for m in messages if m.get("role") in ("user", "tool")]
    return mind.answer(system, users[-1] if users else "")


def check_chat(body: Mapping[str, Any]) -> None:
    """Raises `Refused` (400) unless the request names a model and holds messages."""
    if not isinstance(body.get("model"), str):
        raise Refused(400, "you must provide a model parameter", param="model")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise Refused(400, "Invalid 'messages': expected a non-empty array of message objects.", param="messages")


def throttled(world: Sandbox, body: Mapping[str, Any]) -> Mapping[str, str]:
    """The rate-limit headers of the answer to come. Raises `Refused` (429) when the model's limit is reached.

    What is counted is known before the answer: the prompt, and the most tokens that were asked for.
    """
    if not world.throttle.on:
        return {}
    most = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    return world.throttle.take(body["model"], message_tokens(body["messages"]) + most)


def _cut(text: str, body: Mapping[str, Any]) -> tuple[str, str]:
    stops = body.get("stop") or ()
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop)[0]
    most = body.get("max_completion_tokens") or body.get("max_tokens") or _UNLIMITED
    if text_tokens(text) <= most:
        return text, "stop"
    words = text.split(" ")
    while words and text_tokens(" ".join(words)) > most:
        words.pop()
    return " ".join(words), "length"


def respond(
    given: Answer, body: Mapping[str, Any], created: int, wire: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The HTTP answer: one JSON document, or a stream when the request asks for one."""
    if body.get("stream"):
        head = _head(body, created)
        return StreamingResponse(_stream(given, body, head, wire), media_type="text/event-stream", headers=headers)
    return JSONResponse(completion(given, body, created, wire), headers=headers)


def completion(given: Answer, body: Mapping[str, Any], created: int, wire: str) -> dict[str, Any]:
    """The whole answer as one JSON document."""
    choices = [_choice(given, index) for index in range(body.get("n") or 1)]
    extra: dict[str, Any] = {"prompt": []} if wire == "together" else {"system_fingerprint": "fp_sandbox"}
    head = _head(body, created)
    return {**head, "object": "chat.completion", "choices": choices, "usage": given.usage, **extra}


def _head(body: Mapping[str, Any], created: int) -> dict[str, Any]:
    return {"id": new_id("chatcmpl-"), "created": created, "model": body["model"]}


def _choice(given: Answer, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": given.text, "refusal": None}
    if given.tool_calls:
        message |= {"content": None, "tool_calls": list(given.tool_calls)}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": given.finish_reason}


async def _stream(given: Answer, body: Mapping[str, Any], head: Mapping[str, Any], wire: str) -> AsyncIterator[bytes]:
    """OpenAI tells the usage in a chunk of its own when asked to; the others always, in the last chunk."""
    head = {**head, "object": "chat.completion.chunk"}
    deltas = _deltas(given)
    for place, (delta, finish) in enumerate(deltas, start=1):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        if wire == "together":
            choice["delta"] = {"role": "assistant", "content": None} | delta
        usage = {"usage": given.usage} if wire != "openai" and place == len(deltas) else {}
        yield _event({**head, "choices": [choice], **usage})
    if wire == "openai" and (body.get("stream_options") or {}).get("include_usage"):
        yield _event({**head, "choices": [], "usage": given.usage})
    yield b"data: [DONE]\n\n"


def _deltas(given: Answer) -> list[tuple[dict[str, Any], str | None]]:
    pieces: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    words = given.text.split(" ")
    pieces += [({"content": word if i == 0 else f" {word}"}, None) for i, word in enumerate(words) if given.text]
    if given.tool_calls:
        calls = [{"index": i, **call} for i, call in enumerate(given.tool_calls)]
        pieces.append(({"tool_calls": calls}, None))
    return [*pieces, ({}, given.finish_reason)]


def _event(body: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"
