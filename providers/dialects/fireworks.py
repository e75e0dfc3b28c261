"""Fireworks' chat lines: OpenAI's, with weights and thinking traces, and images only as base64."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..records import Example, JsonObject
from .conversation import BadLine
from .refusals import Feature, Refusal, images_of, system_first, untaken
from .strict import decode_strictly, encode_strictly, unsupported

__all__ = ["FIREWORKS_CHAT"]

_TAKES = frozenset({Feature.TOOLS, Feature.IMAGES, Feature.PARTS, Feature.SKIPPED, Feature.REASONING})
_IMAGE = re.compile(r"data:image/(png|jpe?g);base64,", re.IGNORECASE)


class _Fireworks:
    """`{"messages": [...], "tools"?}`: the system turn first, weight 0|1, `reasoning_content` on assistant turns.

    Sources: https://docs.fireworks.ai/fine-tuning/fine-tuning-models and
    https://docs.fireworks.ai/fine-tuning/fine-tuning-vlm (2026-11-22).
    """

    name = "fireworks_chat"

    def encode(self, example: Example) -> JsonObject:
        """Raises `Unsupported` for names, parallel_tool_calls, late system turns, and images that are not base64."""
        line = encode_strictly(example, self.name)
        for refusal in _refusals(example):
            raise unsupported(self.name, refusal.what, refusal.fix)
        for message in line["messages"]:
            if "reasoning" in message:
                message["reasoning_content"] = message.pop("reasoning")
        return line

    def decode(self, line: JsonObject) -> Example:
        """The example back. Raises `InvalidData` naming the field."""
        example = decode_strictly(line)
        for index, message in enumerate(line["messages"]):
            if message.get("reasoning") is not None:
                fix = "write reasoning_content"
                raise BadLine("is no key here", field=f"messages[{index}].reasoning", reason="unknown", fix=fix)
        for refusal in _refusals(example):
            field = f"{refusal.field}.name" if refusal.what == Feature.NAMES else refusal.field
            reason = "unknown" if refusal.what in (Feature.NAMES, Feature.PARALLEL) else refusal.reason
            raise BadLine(f"holds {refusal.what}", field=field, reason=reason, fix=refusal.fix)
        return example


def _refusals(example: Example) -> Iterator[Refusal]:
    yield from untaken(example, _TAKES)
    yield from system_first(example)
    for index, message in enumerate(example.messages):
        if any(not _IMAGE.match(url) for url in images_of(message)):
            fix = "inline it as a base64 data URL, png or jpg"
            yield Refusal("an image that is not base64 png or jpg", fix, f"messages[{index}].content", "image-type")


FIREWORKS_CHAT = _Fireworks()
