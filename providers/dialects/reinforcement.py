"""Reinforcement lines: a prompt, and beside it the reference that a grader holds the model's answer against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..records import Example, JsonObject, Message
from .conversation import BadLine
from .openai_chat import OPENAI_CHAT
from .pairs import plain_text
from .strict import refuse_rejected, unsupported

__all__ = ["OPENAI_REINFORCEMENT"]

_KEYS = {"messages", "tools", "reference_answer"}


class _Reinforcement:
    """`{"messages": [… user], "tools"?, "reference_answer"?}`; a grader reads `{{item.reference_answer}}`.

    OpenAI reserves `messages` and `tools` alone and leaves every other key to the grader; `reference_answer` is the
    name that Bedrock's reinforcement prescribes, so that one file serves both. Sources: OpenAI's openapi schema
    FineTuneReinforcementRequestInput, and
    https://docs.aws.amazon.com/bedrock/latest/userguide/rft-prepare-data-open-weight.html (2026-11-22).
    """

    name = "openai_reinforcement"

    def encode(self, example: Example) -> JsonObject:
        """The answer to learn becomes the reference; an example without one has none. Raises `Unsupported`."""
        refuse_rejected(example, self.name)
        if example.parallel_tool_calls is not None:
            raise unsupported(self.name, "parallel_tool_calls", "leave it out")
        prompt = example.prompt
        if not prompt or prompt[-1].role != "user":
            raise unsupported(self.name, "a prompt that does not end with the user", "end it with a user turn")
        line = dict(OPENAI_CHAT.encode(replace(example, messages=prompt)))
        if len(prompt) < len(example.messages):
            line["reference_answer"] = self._reference(example.messages[-1])
        return line

    def _reference(self, answer: Message) -> str:
        if answer.tool_calls:
            raise unsupported(self.name, "a tool call as the reference", "give the reference as text")
        return plain_text(answer, self.name)

    def decode(self, line: JsonObject) -> Example:
        """The example back; a reference that is no text is read as JSON text. Raises `InvalidData`."""
        for key in line:
            if key not in _KEYS:
                raise BadLine("is left to the grader, and not kept", field=key, reason="unknown")
        chat = {key: line[key] for key in ("messages", "tools") if key in line}
        example = OPENAI_CHAT.decode(chat)
        if example.messages[-1].role != "user":
            at = f"messages[{len(example.messages) - 1}].role"
            raise BadLine("the prompt does not end with the user", field=at, reason="role")
        if "reference_answer" not in line:
            return example
        return replace(example, messages=(*example.messages, Message("assistant", _text(line["reference_answer"]))))


def _text(reference: Any) -> str:
    if isinstance(reference, str):
        return reference
    if isinstance(reference, Mapping | list):
        return json.dumps(reference, ensure_ascii=False)
    raise BadLine("must be text, an object or a list", field="reference_answer", reason="content")


OPENAI_REINFORCEMENT = _Reinforcement()
