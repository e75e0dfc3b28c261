"""ShareGPT rows, `{"conversations": [{"from", "value"}]}`, as chat rows. How they spell roles, calls and tools."""

from __future__ import annotations

import json
from typing import Any

from ..records import JsonObject
from .conversation import BadLine

__all__ = ["chat_line_of", "chat_turn_of"]

# The names in use, LLaMA-Factory's README among them (2026-11-22).
_ROLES = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant", "model", "chatgpt", "bot"), "assistant"),
    **dict.fromkeys(("observation", "tool", "function_response"), "tool"),
    "system": "system",
    "function_call": "assistant",
}


def chat_line_of(line: JsonObject) -> dict[str, Any]:
    """`{"messages", "tools"?}` of a ShareGPT row, its own `system` first. Raises `BadLine` naming the field."""
    turns = line.get("conversations")
    if not isinstance(turns, list) or not turns:
        raise BadLine("must be a list with at least one turn", field="conversations")
    messages: list[dict[str, Any]] = []
    system = line.get("system")
    if isinstance(system, str) and system.strip():
        messages.append({"role": "system", "content": system})
    waiting: list[str] = []
    for index, turn in enumerate(turns):
        message = chat_turn_of(turn, f"conversations[{index}]")
        _link(message, messages, waiting)
        messages.append(message)
    tools = _tools(line.get("tools"))
    return {"messages": messages, "tools": tools} if tools else {"messages": messages}


def chat_turn_of(turn: Any, at: str) -> dict[str, Any]:
    """One turn with `role` and `content`. Turns that are chat turns already stay as they are."""
    if not isinstance(turn, dict):
        raise BadLine("must be an object", field=at)
    if "role" in turn:
        return dict(turn)
    speaker, value = turn.get("from"), turn.get("value")
    role = _ROLES.get(speaker.lower()) if isinstance(speaker, str) else None
    if role is None:
        raise BadLine(f"{speaker!r} is no speaker; use human, gpt or system"[:120], field=f"{at}.from", reason="role")
    if not isinstance(value, str):
        raise BadLine("must be text", field=f"{at}.value", reason="content")
    if str(speaker).lower() == "function_call":
        return {"role": role, "content": None, "tool_calls": _calls(value, f"{at}.value")}
    return {"role": role, "content": value}


def _calls(text: str, at: str) -> list[dict[str, Any]]:
    value = _parsed(text, at)
    calls = value if isinstance(value, list) else [value]
    if not calls or not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        raise BadLine('must hold {"name", "arguments"} as JSON', field=at, reason="tools")
    return [{"type": "function", "function": {"name": c["name"], "arguments": _arguments(c)}} for c in calls]


def _arguments(call: JsonObject) -> str:
    arguments = call.get("arguments", {})
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _link(message: dict[str, Any], before: list[dict[str, Any]], waiting: list[str]) -> None:
    """Calls and answers have no ids here: each call gets one by its place, and is answered in turn."""
    made = sum(len(earlier.get("tool_calls") or ()) for earlier in before)
    for number, call in enumerate(message.get("tool_calls") or (), made + 1):
        call.setdefault("id", f"call_{number}")
        waiting.append(str(call["id"]))
    if message["role"] == "tool" and "tool_call_id" not in message:
        message["tool_call_id"] = waiting.pop(0) if waiting else "call_0"


def _tools(value: Any) -> list[Any]:
    """Tools may be JSON text, and may lack the wrapping that chat rows have."""
    if isinstance(value, str):
        value = _parsed(value, "tools") if value.strip() else None
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadLine("must be a list of tools", field="tools", reason="tools")
    return [tool if isinstance(tool, dict) and "function" in tool else _wrapped(tool) for tool in value]


def _wrapped(tool: Any) -> dict[str, Any]:
    return {"type": "function", "function": tool}


def _parsed(text: str, at: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadLine("holds no JSON", field=at, reason="tools") from error
