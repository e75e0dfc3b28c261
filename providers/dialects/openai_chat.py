"""OpenAI's supervised chat line: messages, tools, parallel_tool_calls, weight 0|1 on assistant turns."""

from __future__ import annotations

from ..records import Example, JsonObject, Message
from .conversation import BadLine
from .refusals import images_of
from .strict import decode_strictly, encode_strictly, unsupported

__all__ = ["OPENAI_CHAT"]


class _OpenAIChat:
    """Source of what it can hold: OpenAI's openapi schema FineTuneChatRequestInput (facts 1.3, 2026-11-22)."""

    name: str = "openai_chat"

    def encode(self, example: Example) -> JsonObject:
        """`{"messages": [...]}`. Raises `Unsupported` for reasoning, images outside user turns, unknown roles."""
        if any(message.reasoning is not None for message in example.messages):
            raise unsupported(self.name, "reasoning", "drop it, or choose a dialect that has it")
        if any(map(_unreachable, example.messages)):
            raise unsupported(self.name, "an image that lies in a store", "give an http address, or a base64 data URL")
        return encode_strictly(example, self.name)

    def decode(self, line: JsonObject) -> Example:
        """The example back. Raises `InvalidData` naming the field."""
        example = decode_strictly(line)
        for index, message in enumerate(example.messages):
            if message.reasoning is not None:
                raise BadLine("this format has no reasoning", field=f"messages[{index}].reasoning", reason="unknown")
            if _unreachable(message):
                raise BadLine("an image lies in a store", field=f"messages[{index}].content", reason="image-type")
        return example


def _unreachable(message: Message) -> bool:
    """Whether an image has an address that only another cloud can fetch."""
    return type(message.content) is tuple and any(url.startswith(("s3://", "gs://")) for url in images_of(message))


OPENAI_CHAT = _OpenAIChat()
