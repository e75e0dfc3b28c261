"""Conversations in blocks: what the shapes of Claude's own API and of Bedrock's Converse have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from .errors import InvalidData
from .records import JsonObject, Message

__all__ = ["arguments_of", "by_turns", "parameters_of"]


def by_turns(
    messages: Iterable[Message], blocks: Callable[[Message], Iterable[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """User and assistant by turns: a tool's answer is the user's, and turns of one side in a row are one. What the
    system says stands elsewhere on these wires.

    `blocks` writes one message in the wire's own blocks.
    """
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role in ("system", "developer"):
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks(message)
        else:
            turns.append({"role": role, "content": list(blocks(message))})
    return turns


def arguments_of(function: JsonObject) -> Any:
    """The arguments of a tool call as JSON, not as its text. Raises `InvalidData` where they are none."""
    try:
        return json.loads(str(function.get("arguments") or "{}"))
    except ValueError:
        raise InvalidData("a tool call whose arguments are no JSON", nothing_created=True) from None


def parameters_of(function: JsonObject) -> JsonObject:
    """The schema of a tool's input; that of no input where it gives none."""
    schema: JsonObject = function.get("parameters") or {"type": "object", "properties": {}}
    return schema
