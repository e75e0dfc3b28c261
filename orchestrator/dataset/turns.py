"""Turns in the ways people write them in a cell: lists of turns, pairs of texts, roles by other names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.dialects import BadLine, chat_turn_of

__all__ = ["chat_turns", "history_turns", "is_turns", "with_reasoning", "with_usual_roles"]

_ROLES = {
    **dict.fromkeys(("human", "user", "customer", "prompter"), "user"),
    **dict.fromkeys(("gpt", "assistant", "model", "chatgpt", "bot", "ai"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    "tool": "tool",
}
_THINKING = ".thinking"


def is_turns(value: Any) -> bool:
    """A list of turns: objects with a role, or with a speaker."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and ("role" in item or "from" in item) for item in value)
    )


def chat_turns(value: list[Any], at: str) -> list[dict[str, Any]]:
    """Every turn with `role` and `content`. Raises `BadLine` naming the place."""
    return [chat_turn_of(turn, f"{at}[{index}]") for index, turn in enumerate(value)]


def history_turns(value: Any, at: str) -> list[dict[str, Any]]:
    """Earlier turns: a list of turns, or of [user, assistant] pairs as LLaMA-Factory has them. Raises `BadLine`."""
    if value is None or value == "" or value == []:
        return []
    if is_turns(value):
        return chat_turns(value, at)
    if not isinstance(value, list):
        message = "is not a list of [user, assistant] pairs or of turns; name --input and --output to leave it out"
        raise BadLine(message, field=at, reason="history")
    turns = []
    for index, pair in enumerate(value):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise BadLine("is no pair of two texts", field=f"{at}[{index}]", reason="history")
        turns += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    return turns


def with_usual_roles(line: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row with roles such as `Assistant` or `human` by their usual names; None where that changes nothing."""
    messages = line["messages"]
    changed = [_usual(turn, index) for index, turn in enumerate(messages)]
    return None if changed == messages else {**line, "messages": changed}


def _usual(turn: Any, index: int) -> Any:
    if not isinstance(turn, dict):
        return turn
    role = turn.get("role")
    if role is None and "from" in turn:
        return chat_turn_of(turn, f"messages[{index}]")
    usual = _ROLES.get(role.strip().lower(), role) if isinstance(role, str) else role
    return turn if usual == role else {**turn, "role": usual}


def with_reasoning(line: Mapping[str, Any], strange: list[str]) -> dict[str, Any] | None:
    """The row with `thinking` on its turns as `reasoning`; None where no strange key says so."""
    if not any(key.endswith(_THINKING) for key in strange):
        return None
    return {**line, "messages": [_reasoned(turn) for turn in line["messages"]]}


def _reasoned(turn: dict[str, Any]) -> dict[str, Any]:
    if "thinking" not in turn or "reasoning" in turn or "reasoning_content" in turn:
        return turn
    return {("reasoning" if name == "thinking" else name): value for name, value in turn.items()}
