"""Amazon Bedrock's lines for Claude: the system prompt beside the turns, text alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..records import Example, JsonObject, Message
from .checked import Checked, must_be, only_keys
from .conversation import BadLine
from .refusals import Refusal, alternating

__all__ = ["BEDROCK_CLAUDE"]


class _BedrockClaude(Checked):
    """`{"system"?, "messages": [{"role", "content"}]}`: two turns at least, user first, assistant last, by turns.

    No other key is allowed. Source: https://platform.claude.com/cookbook/finetuning-finetuning-on-bedrock (2026-11-22).
    """

    name = "bedrock_claude"
    takes = frozenset()

    def _rules(self, example: Example) -> Iterator[Refusal]:
        return alternating(example)

    def _write(self, example: Example) -> JsonObject:
        messages = [{"role": turn.role, "content": turn.content} for turn in example.messages]
        if messages[0]["role"] == "system":
            return {"system": messages[0]["content"], "messages": messages[1:]}
        return {"messages": messages}

    def _read(self, line: JsonObject) -> Example:
        only_keys(line, ("system", "messages"))
        turns = must_be(line.get("messages"), list, "messages", "a list of turns", "shape")
        messages = [_turn(turn, f"messages[{index}]") for index, turn in enumerate(turns)]
        if "system" in line:
            messages.insert(0, Message("system", must_be(line["system"], str, "system", "text")))
        return Example(tuple(messages))


def _turn(turn: Any, at: str) -> Message:
    only_keys(turn, ("role", "content"), at)
    role = turn.get("role")
    if role not in ("user", "assistant"):
        raise BadLine(f"{role!r} is no role here; use user or assistant"[:120], field=f"{at}.role", reason="role")
    return Message(role, must_be(turn.get("content"), str, f"{at}.content", "text"))


BEDROCK_CLAUDE = _BedrockClaude()
