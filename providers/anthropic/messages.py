"""Questions in the shape of Anthropic's Messages API, and its answers as ours. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..content_blocks import arguments_of, by_turns, parameters_of
from ..errors import PlatformFault
from ..records import Completion, JsonObject, Message, Sampling
from ..wire import integer

__all__ = ["completion_of", "request_of"]

_STOPS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_DATA_URL = re.compile(r"data:(image/[a-z]+);base64,(.+)", re.DOTALL)


def request_of(
    model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject]
) -> dict[str, Any]:
    """One question. The API has no seed, and no temperature any more (anthropic 2.14.0): the model's own holds."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": sampling.max_tokens,
        "messages": by_turns(messages, _blocks),
    }
    system = "\n\n".join(message.text for message in messages if message.role in ("system", "developer"))
    if system:
        body["system"] = system
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
    return body


def completion_of(answer: JsonObject, latency_s: float, request_id: str | None, first_s: float | None) -> Completion:
    """One whole answer. Raises `PlatformFault` where it holds none."""
    blocks = answer.get("content")
    if not isinstance(blocks, list) or not answer.get("stop_reason"):
        raise PlatformFault("the answer holds no message", body=str(dict(answer))[:65_536], request_id=request_id)
    found = [block for block in blocks if isinstance(block, Mapping)]
    usage = answer.get("usage") or {}
    stop = str(answer["stop_reason"])
    text = "".join(str(block.get("text", "")) for block in found if block.get("type") == "text")
    return Completion(
        text=text,
        model=str(answer.get("model") or ""),
        finish_reason=_STOPS.get(stop, stop),
        refusal=text or "the model declined to answer" if stop == "refusal" else None,
        tool_calls=tuple(_call(block) for block in found if block.get("type") == "tool_use"),
        input_tokens=integer(usage.get("input_tokens")),
        output_tokens=integer(usage.get("output_tokens")),
        latency_s=latency_s,
        first_token_s=first_s,
        request_id=request_id,
    )


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        yield {"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": message.text}
        return
    for part in message.content if isinstance(message.content, tuple) else ():
        yield _image(part) if part.get("type") == "image_url" else {"type": "text", "text": str(part.get("text", ""))}
    if isinstance(message.content, str) and message.content:
        yield {"type": "text", "text": message.content}
    for call in message.tool_calls:
        function = call["function"]
        yield {"type": "tool_use", "id": str(call.get("id")), "name": function["name"], "input": arguments_of(function)}


def _image(part: JsonObject) -> dict[str, Any]:
    url = str(part["image_url"]["url"])
    inline = _DATA_URL.fullmatch(url)
    if inline:
        return {"type": "image", "source": {"type": "base64", "media_type": inline[1], "data": inline[2]}}
    return {"type": "image", "source": {"type": "url", "url": url}}


def _tool(tool: JsonObject) -> dict[str, Any]:
    function = tool["function"]
    about = {"description": function["description"]} if function.get("description") else {}
    return {"name": function["name"], **about, "input_schema": parameters_of(function)}


def _call(block: JsonObject) -> JsonObject:
    function = {"name": str(block.get("name") or ""), "arguments": json.dumps(block.get("input") or {})}
    return {"id": str(block.get("id") or ""), "type": "function", "function": function}
