"""Preference lines: one prompt, the answer to prefer, and one that is worse. Three platforms write them alike."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ..contract import Dialect
from ..records import Example, JsonObject
from .conversation import BadLine
from .fireworks import FIREWORKS_CHAT
from .openai_chat import OPENAI_CHAT
from .row_weight import without_weight
from .strict import unsupported
from .together import TOGETHER_CONVERSATION

__all__ = ["FIREWORKS_PREFERENCE", "OPENAI_PREFERENCE", "TOGETHER_PREFERENCE"]

_LINE_KEYS = {"input", "preferred_output", "non_preferred_output"}
_AT_MESSAGE = re.compile(r"messages\[(\d+)\]")


class _Preference:
    """`{"input": {"messages", "tools"?}, "preferred_output": [1], "non_preferred_output": [1]}`.

    The turns follow the platform's chat dialect (facts 1.3, 2.2 and 3.5, 2026-11-22). `weighted`: a weight of the row
    may stand beside them, and is read past.
    """

    def __init__(self, name: str, chat: Dialect, *, weighted: bool = False) -> None:
        self.name = name
        self._chat = chat
        self._weighted = weighted

    def encode(self, example: Example) -> JsonObject:
        """The line. Raises `Unsupported` without exactly one rejected answer, or with a prompt that is none."""
        roles = [message.role for message in example.rejected]
        if roles != ["assistant"]:
            what = f"a row with {len(roles)} rejected turns" if roles else "a row without a rejected answer"
            raise unsupported(self.name, what, "give one rejected answer, or choose a supervised format")
        prompt = example.prompt
        if len(prompt) == len(example.messages) or not prompt or prompt[-1].role == "assistant":
            fix = "end the prompt with a user or tool turn, and give the answer to prefer"
            raise unsupported(self.name, "a prompt without a turn to answer", fix)
        line = dict(self._chat.encode(replace(example, rejected=())))
        messages = line.pop("messages")
        worse = self._chat.encode(Example(example.rejected))["messages"]
        return {
            "input": {"messages": messages[:-1], **line},
            "preferred_output": messages[-1:],
            "non_preferred_output": worse,
        }

    def decode(self, line: JsonObject) -> Example:
        """The example back. Raises `InvalidData` naming the field."""
        line = without_weight(line) if self._weighted else line
        given = line.get("input")
        if not isinstance(given, dict) or not isinstance(given.get("messages"), list) or not given["messages"]:
            raise BadLine("must be an object with messages", field="input")
        for key in line:
            if key not in _LINE_KEYS:
                raise BadLine("is no key of this format", field=key, reason="unknown")
        prompt = given["messages"]
        preferred = _one_turn(line, "preferred_output")
        rejected = _one_turn(line, "non_preferred_output")
        example = self._decoded({**given, "messages": [*prompt, preferred]}, "input.", len(prompt), "preferred_output")
        if example.messages[-2].role == "assistant":
            raise BadLine("ends with an assistant turn", field="input.messages", reason="preference")
        worse = self._decoded({"messages": [rejected]}, "", 0, "non_preferred_output")
        return replace(example, rejected=worse.messages)

    def _decoded(self, line: dict[str, Any], prefix: str, last: int, output: str) -> Example:
        """The chat line's example; a defect is named by its place in the preference line."""
        try:
            return self._chat.decode(line)
        except BadLine as error:
            at = _AT_MESSAGE.match(error.field)
            is_output = at is not None and int(at[1]) == last
            rest = error.field[at.end() :] if at else ""
            error.field = f"{output}[0]{rest}" if is_output else f"{prefix}{error.field}"
            raise


def _one_turn(line: JsonObject, key: str) -> Any:
    turns = line.get(key)
    if not isinstance(turns, list) or len(turns) != 1 or not isinstance(turns[0], dict):
        raise BadLine("must be a list of one assistant turn", field=key, reason="preference")
    if turns[0].get("role") != "assistant":
        raise BadLine(f"is a {turns[0].get('role')!r:.40} turn, not an assistant's", field=key, reason="preference")
    return turns[0]


OPENAI_PREFERENCE = _Preference("openai_preference", OPENAI_CHAT)
TOGETHER_PREFERENCE = _Preference("together_preference", TOGETHER_CONVERSATION, weighted=True)
FIREWORKS_PREFERENCE = _Preference("fireworks_preference", FIREWORKS_CHAT)
