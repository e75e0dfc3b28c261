"""Questions in the shape of generateContent, and its answers as ours. Pure but for the clock that is handed in.

A question is written as a training line is, by the same dialect, so that a model is asked in the shape it was trained
on. Thinking is turned down to its lowest level for base and tuned model alike: a tuned one has learned to do without it
(docs/vertex.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..dialects import GEMINI
from ..errors import PlatformFault, Unsupported
from ..hints import rate_hints
from ..records import Completion, Example, JsonObject, Message, Sampling
from ..wire import integer, mapping

__all__ = ["THINKING_LEVELS", "GatheredAnswer", "request_of", "thinking_of"]

THINKING_LEVELS = ("minimal", "low", "medium", "high", "default")
"""What the user may choose; `default` leaves it to the model."""

_STOPS: Mapping[str, str] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
_BUDGETS: Mapping[str, int] = {"gemini-2.5-flash": 0, "gemini-2.5-flash-lite": 0, "gemini-2.5-pro": 128}
"""The least that these take, which know a budget and no level."""


def thinking_of(model: str, chosen: str) -> JsonObject | None:
    """How much it may think. Raises `Unsupported` for a level that there is not."""
    level = chosen or "minimal"
    if level not in THINKING_LEVELS:
        raise Unsupported(f"thinking {chosen!r}: use one of {', '.join(THINKING_LEVELS)}", nothing_created=True)
    if level == "default" or model.startswith("gemini-2.0"):
        return None
    if model in _BUDGETS:
        return {"thinkingBudget": _BUDGETS[model]} if level == "minimal" else None
    return {"thinkingLevel": level.upper()}


def request_of(
    messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject], thinking: JsonObject | None
) -> dict[str, Any]:
    """One question. Raises `Unsupported` for what Gemini's lines cannot say."""
    line = dict(GEMINI.encode(Example((*messages, Message("assistant", "-")), tuple(tools))))
    config: dict[str, Any] = {"temperature": sampling.temperature, "maxOutputTokens": sampling.max_tokens}
    if sampling.seed is not None:
        config["seed"] = sampling.seed
    if thinking is not None:
        config["thinkingConfig"] = thinking
    return {**line, "contents": line["contents"][:-1], "generationConfig": config}


@dataclass(slots=True)
class GatheredAnswer:
    """One answer, whole or piece by piece; `first_token_s` is when the first words or call of a stream came."""

    first_token_s: float | None = None
    _words: list[str] = field(default_factory=list)
    _calls: list[JsonObject] = field(default_factory=list)
    _usage: JsonObject = field(default_factory=dict)
    _stop: str | None = None
    _blocked: str | None = None
    _model: str = ""
    _id: str | None = None

    def add(self, piece: JsonObject, elapsed_s: float | None = None) -> None:
        """Take in the answer, or one more piece of it that arrived `elapsed_s` after the question was sent."""
        self._usage = mapping(piece.get("usageMetadata")) or self._usage
        self._model = str(piece.get("modelVersion") or self._model)
        self._id = str(piece.get("responseId") or "") or self._id
        self._blocked = str(mapping(piece.get("promptFeedback")).get("blockReason") or "") or self._blocked
        candidates = piece.get("candidates")
        for candidate in candidates[:1] if isinstance(candidates, list) else ():
            self._stop = str(candidate.get("finishReason") or "") or self._stop
            before = len(self._words) + len(self._calls)
            self._take(mapping(candidate.get("content")))
            if self.first_token_s is None and len(self._words) + len(self._calls) > before:
                self.first_token_s = elapsed_s

    def completion(self, latency_s: float, headers: Mapping[str, str]) -> Completion:
        """The whole answer. Raises `PlatformFault` where it ended before it was one."""
        if self._stop is None and self._blocked is None:
            raise PlatformFault("the answer holds no candidate, or ended before it was whole")
        stop = "content_filter" if self._stop is None else _STOPS.get(self._stop, self._stop.lower())
        refused = self._blocked or (self._stop if stop == "content_filter" else None)
        return Completion(
            text="".join(self._words),
            model=self._model,
            finish_reason="tool_calls" if self._calls and stop == "stop" else stop,
            refusal=refused,
            tool_calls=tuple(self._calls),
            input_tokens=integer(self._usage.get("promptTokenCount")),
            output_tokens=self._output_tokens(),
            latency_s=latency_s,
            first_token_s=self.first_token_s,
            request_id=self._id or headers.get("x-request-id"),
            rates=rate_hints(headers),
        )

    def _output_tokens(self) -> int | None:
        """Thoughts are paid as output too."""
        said, thought = (integer(self._usage.get(key)) for key in ("candidatesTokenCount", "thoughtsTokenCount"))
        return None if said is None and thought is None else (said or 0) + (thought or 0)

    def _take(self, content: JsonObject) -> None:
        parts = content.get("parts")
        for part in parts if isinstance(parts, list) else ():
            if not isinstance(part, Mapping) or part.get("thought"):
                continue
            call = part.get("functionCall")
            if isinstance(call, Mapping):
                self._calls.append(_call(call, len(self._calls) + 1))
            elif part.get("text"):
                self._words.append(str(part["text"]))


def _call(told: JsonObject, number: int) -> JsonObject:
    function = {"name": str(told.get("name") or ""), "arguments": json.dumps(told.get("args") or {})}
    return {"id": str(told.get("id") or f"call_{number}"), "type": "function", "function": function}
