"""Questions in the shape of Bedrock's Converse, and its answers as ours. Pure but for the clock of a stream."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

from ..content_blocks import arguments_of, by_turns, parameters_of
from ..errors import PlatformFault, Unsupported
from ..records import Completion, JsonObject, Message, Sampling
from ..wire import integer

__all__ = ["completion_of", "request_of", "streamed"]

_STOPS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_CONTEXT = re.compile(r":\d+k$")
_DATA_URL = re.compile(r"data:image/(png|jpeg|jpg|gif|webp);base64,(.+)", re.DOTALL)


def request_of(
    model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject]
) -> dict[str, Any]:
    """One question. Converse has no seed; what it cannot carry raises `Unsupported`."""
    body: dict[str, Any] = {
        # An id for training ends in the length of the context (`:128k`); without it, it is the id to ask.
        "modelId": model if model.startswith("arn:") else _CONTEXT.sub("", model),
        "messages": by_turns(messages, _blocks),
        "inferenceConfig": {"maxTokens": sampling.max_tokens, "temperature": sampling.temperature},
    }
    system = [{"text": message.text} for message in messages if message.role in ("system", "developer")]
    if system:
        body["system"] = system
    if tools:
        body["toolConfig"] = {"tools": [_tool(tool) for tool in tools]}
    return body


def completion_of(answer: JsonObject, model: str, latency_s: float) -> Completion:
    """One whole answer. Raises `PlatformFault` where it holds no message."""
    output = answer.get("output")
    message = output.get("message") if isinstance(output, Mapping) else None
    blocks = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(blocks, list):
        raise PlatformFault("the answer holds no message", body=str({**answer, "ResponseMetadata": None})[:65_536])
    calls = tuple(_call(block["toolUse"]) for block in blocks if isinstance(block.get("toolUse"), Mapping))
    text = "".join(str(block["text"]) for block in blocks if "text" in block)
    return _completion(text, calls, answer.get("stopReason"), answer.get("usage"), answer, model, latency_s, None)


def streamed(answer: JsonObject, model: str, started: float) -> Completion:
    """The events of a stream, gathered. Raises `PlatformFault` where it ends before the answer does."""
    words: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    first_s: float | None = None
    stop: object = None
    usage: object = None
    for event in answer["stream"]:
        if "contentBlockStart" in event:
            begun = event["contentBlockStart"].get("start", {}).get("toolUse")
            if begun:
                calls[event["contentBlockStart"]["contentBlockIndex"]] = {**begun, "input": ""}
        elif "contentBlockDelta" in event:
            first_s = first_s or perf_counter() - started
            delta, place = event["contentBlockDelta"]["delta"], event["contentBlockDelta"]["contentBlockIndex"]
            words.append(str(delta.get("text", "")))
            if "toolUse" in delta and place in calls:
                calls[place]["input"] += str(delta["toolUse"].get("input", ""))
        stop = event.get("messageStop", {}).get("stopReason", stop)
        usage = event.get("metadata", {}).get("usage", usage)
    if stop is None:
        raise PlatformFault("the stream ended before the answer did")
    made = tuple(_call(calls[place]) for place in sorted(calls))
    return _completion("".join(words), made, stop, usage, answer, model, perf_counter() - started, first_s)


def _completion(
    text: str,
    calls: tuple[JsonObject, ...],
    stop: object,
    usage: object,
    answer: JsonObject,
    model: str,
    latency_s: float,
    first_s: float | None,
) -> Completion:
    counted: Mapping[str, Any] = usage if isinstance(usage, Mapping) else {}
    about: Mapping[str, Any] = answer.get("ResponseMetadata") or {}
    return Completion(
        text=text,
        model=model,
        finish_reason=_STOPS.get(str(stop), str(stop)) if stop else None,
        tool_calls=calls,
        input_tokens=integer(counted.get("inputTokens")),
        output_tokens=integer(counted.get("outputTokens")),
        latency_s=latency_s,
        first_token_s=first_s,
        request_id=about.get("RequestId"),
    )


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        told = [{"text": message.text}]
        yield {"toolResult": {"toolUseId": message.tool_call_id or "", "content": told}}
        return
    for part in message.content if isinstance(message.content, tuple) else ():
        yield _image(part) if part.get("type") == "image_url" else {"text": str(part.get("text", ""))}
    if isinstance(message.content, str) and message.content:
        yield {"text": message.content}
    for call in message.tool_calls:
        function = call["function"]
        yield {"toolUse": {"toolUseId": str(call.get("id")), "name": function["name"], "input": arguments_of(function)}}


def _image(part: JsonObject) -> dict[str, Any]:
    url = str(part["image_url"]["url"])
    inline = _DATA_URL.fullmatch(url)
    if inline:
        form = "jpeg" if inline[1] == "jpg" else inline[1]
        return {"image": {"format": form, "source": {"bytes": base64.b64decode(inline[2])}}}
    if url.startswith("s3://"):
        form = {"jpg": "jpeg"}.get(url.rsplit(".", 1)[-1].lower(), url.rsplit(".", 1)[-1].lower())
        return {"image": {"format": form, "source": {"s3Location": {"uri": url}}}}
    raise Unsupported("an image by its web address: Converse takes the bytes, or an s3:// address")


def _tool(tool: JsonObject) -> dict[str, Any]:
    function = tool["function"]
    about = {"description": function["description"]} if function.get("description") else {}
    return {"toolSpec": {"name": function["name"], **about, "inputSchema": {"json": parameters_of(function)}}}


def _call(told: JsonObject) -> JsonObject:
    given = told.get("input")
    arguments = given if isinstance(given, str) else json.dumps(given)
    return {
        "id": str(told.get("toolUseId") or ""),
        "type": "function",
        "function": {"name": str(told.get("name") or ""), "arguments": arguments or "{}"},
    }
