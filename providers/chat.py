"""Chat completions as every OpenAI-shaped platform speaks them: request and answer, pure. Adapters send.

`Message.weight` is training data and is never sent in a question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import PlatformFault
from .hints import rate_hints
from .records import Completion, JsonObject, Message, Sampling
from .wire import integer

__all__ = ["StreamedAnswer", "chat_body", "completion_of"]


def chat_body(
    model: str,
    messages: Sequence[Message],
    sampling: Sampling,
    tools: Sequence[JsonObject],
    *,
    length_field: str,
    usage_on_request: bool = True,
) -> dict[str, Any]:
    """The body of one question. `length_field` is the platform's name for the most tokens of an answer;
    `usage_on_request`: whether a stream tells its usage only when asked to."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_wire_message(message) for message in messages],
        "temperature": sampling.temperature,
        length_field: sampling.max_tokens,
    }
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if tools:
        body["tools"] = [dict(tool) for tool in tools]
    if sampling.stream:
        body |= {"stream": True, **({"stream_options": {"include_usage": True}} if usage_on_request else {})}
    return body


def completion_of(answer: JsonObject, latency_s: float, headers: Mapping[str, str]) -> Completion:
    """One whole answer. Raises `PlatformFault` when it holds no choice."""
    request_id = headers.get("x-request-id")
    choice = _first_choice(answer)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise PlatformFault("the answer holds no message", body=str(dict(answer)), request_id=request_id)
    usage = answer.get("usage") or {}
    return Completion(
        text=_text(message.get("content")),
        model=str(answer.get("model") or ""),
        finish_reason=_word(choice.get("finish_reason")),
        refusal=_word(message.get("refusal")),
        tool_calls=tuple(message.get("tool_calls") or ()),
        input_tokens=integer(usage.get("prompt_tokens")),
        output_tokens=integer(usage.get("completion_tokens")),
        latency_s=latency_s,
        request_id=request_id,
        rates=rate_hints(headers),
    )


@dataclass(slots=True)
class StreamedAnswer:
    """Gathers the chunks of a streamed answer; `first_token_s` is when the first words or tool call came."""

    first_token_s: float | None = None
    _text: list[str] = field(default_factory=list)
    _refusal: list[str] = field(default_factory=list)
    _tools: dict[int, dict[str, Any]] = field(default_factory=dict)
    _usage: Mapping[str, Any] = field(default_factory=dict)
    _model: str = ""
    _finish_reason: str | None = None

    def add(self, chunk: JsonObject, elapsed_s: float) -> None:
        """Take in one chunk that arrived `elapsed_s` after the question was sent."""
        self._usage = chunk.get("usage") or self._usage
        self._model = chunk.get("model") or self._model
        for choice in (chunk.get("choices") or ())[:1]:
            self._finish_reason = choice.get("finish_reason") or self._finish_reason
            self._take(choice.get("delta") or {}, elapsed_s)

    def completion(self, latency_s: float, headers: Mapping[str, str]) -> Completion:
        """The whole answer. Raises `PlatformFault` when the stream ended before it did."""
        request_id = headers.get("x-request-id")
        if self._finish_reason is None:
            raise PlatformFault("the stream ended before the answer did", request_id=request_id)
        return Completion(
            text="".join(self._text),
            model=self._model,
            finish_reason=self._finish_reason,
            refusal="".join(self._refusal) or None,
            tool_calls=tuple(self._tools[index] for index in sorted(self._tools)),
            input_tokens=integer(self._usage.get("prompt_tokens")),
            output_tokens=integer(self._usage.get("completion_tokens")),
            latency_s=latency_s,
            first_token_s=self.first_token_s,
            request_id=request_id,
            rates=rate_hints(headers),
        )

    def _take(self, delta: JsonObject, elapsed_s: float) -> None:
        parts = (delta.get("content"), delta.get("refusal"), delta.get("tool_calls"))
        if self.first_token_s is None and any(parts):
            self.first_token_s = elapsed_s
        self._text.append(delta.get("content") or "")
        self._refusal.append(delta.get("refusal") or "")
        for position, call in enumerate(delta.get("tool_calls") or ()):
            self._merge_tool(call, call.get("index", position))

    def _merge_tool(self, call: JsonObject, index: int) -> None:
        known = self._tools.setdefault(index, {"type": "function", "function": {"name": "", "arguments": ""}})
        if call.get("id"):
            known["id"] = call["id"]
        function = call.get("function") or {}
        known["function"]["name"] += function.get("name") or ""
        known["function"]["arguments"] += function.get("arguments") or ""


def _wire_message(message: Message) -> dict[str, Any]:
    content = message.content
    wire: dict[str, Any] = {
        "role": message.role,
        "content": [dict(part) for part in content] if isinstance(content, tuple) else content,
    }
    if message.tool_calls:
        wire["tool_calls"] = [dict(call) for call in message.tool_calls]
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    if message.name:
        wire["name"] = message.name
    return wire


def _first_choice(answer: JsonObject) -> JsonObject:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise PlatformFault("the answer holds no choice", body=str(dict(answer)))
    return choices[0]


def _word(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))
