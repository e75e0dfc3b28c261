"""Together's conversation and instruction lines."""

from __future__ import annotations

from ..records import Example, JsonObject, Message
from .conversation import BadLine
from .pairs import pair_of
from .refusals import images_of
from .row_weight import without_weight
from .strict import decode_strictly, encode_strictly, unsupported

__all__ = ["TOGETHER_CONVERSATION", "TOGETHER_INSTRUCTION"]


class _TogetherConversation:
    """Roles system/user/assistant/tool, weight 0|1, reasoning on assistant turns; a weight of the row is read past.

    Source: facts 2.2 (2026-11-22).
    """

    name: str = "together_conversation"

    def encode(self, example: Example) -> JsonObject:
        """`{"messages": [...]}`. Raises `Unsupported` for parallel_tool_calls, name, and images by address."""
        if example.parallel_tool_calls is not None:
            raise unsupported(self.name, "parallel_tool_calls", "leave it out")
        for message in example.messages:
            if message.name is not None:
                raise unsupported(self.name, "name", "leave it out")
            for url in images_of(message):
                if not url.startswith("data:"):
                    raise unsupported(self.name, "an image by address", "inline it as a base64 data URL")
        return encode_strictly(example, self.name)

    def decode(self, line: JsonObject) -> Example:
        """The example back. Raises `InvalidData` naming the field."""
        example = decode_strictly(without_weight(line))
        if example.parallel_tool_calls is not None:
            raise BadLine("is no key of this format", field="parallel_tool_calls", reason="unknown")
        for index, message in enumerate(example.messages):
            if message.name is not None:
                raise BadLine("is no key of this format", field=f"messages[{index}].name", reason="unknown")
            if any(not url.startswith("data:") for url in images_of(message)):
                raise BadLine(
                    "an image must be a base64 data URL", field=f"messages[{index}].content", reason="image-type"
                )
        return example


class _TogetherInstruction:
    """`{"prompt", "completion"}`: one user turn and its answer, nothing else."""

    name: str = "together_instruction"

    def encode(self, example: Example) -> JsonObject:
        """Raises `Unsupported` for a system turn, further turns, tools, weights, images, reasoning."""
        prompt, completion = pair_of(example, self.name)
        return {"prompt": prompt, "completion": completion}

    def decode(self, line: JsonObject) -> Example:
        """The example back. Raises `InvalidData` naming the field."""
        return _decode_pair(without_weight(line))


def _decode_pair(line: JsonObject) -> Example:
    for key in line:
        if key not in ("prompt", "completion"):
            raise BadLine("is no key of this format", field=key, reason="unknown")
    for key in ("prompt", "completion"):
        if not isinstance(line.get(key), str):
            raise BadLine("must be text", field=key, reason="content")
    return Example((Message("user", line["prompt"]), Message("assistant", line["completion"])))


TOGETHER_CONVERSATION = _TogetherConversation()
TOGETHER_INSTRUCTION = _TogetherInstruction()
