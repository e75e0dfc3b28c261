"""The `{"messages": [...], "tools": [...]}` object that chat dialects share: parsed strictly, written plainly.

Parsing judges structure only (types, which key may stand on which role); order of turns and quality are judged above.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import InvalidData
from ..records import Example, JsonObject, Message

__all__ = ["ROLES", "BadLine", "message_json", "parse_conversation", "unknown_keys", "write_conversation"]

ROLES = frozenset({"system", "user", "assistant", "tool"})
_LINE_KEYS = frozenset({"messages", "tools", "parallel_tool_calls"})
_MESSAGE_KEYS = frozenset(
    {"role", "content", "tool_calls", "tool_call_id", "name", "weight", "reasoning", "reasoning_content"}
)


class BadLine(InvalidData):
    """A line that is no conversation. `field` is its path in the line, `reason` one word for the kind of defect.

    Reasons: shape, role, content, image (its turn), image-type (its kind or its place), weight, tools, deprecated,
    preference, unknown (a key that this format does not have).
    """

    code = "bad_line"

    def __init__(self, message: str, *, field: str = "", reason: str = "shape", fix: str | None = None) -> None:
        super().__init__(message, fix=fix, nothing_created=True)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def parse_conversation(line: JsonObject) -> Example:
    """The example in a chat line. A `developer` turn becomes a `system` turn. Raises `BadLine`."""
    messages = line.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadLine("must be a list with at least one message", field="messages")
    parallel = line.get("parallel_tool_calls")
    if parallel is not None and not isinstance(parallel, bool):
        raise BadLine("must be true or false", field="parallel_tool_calls", reason="tools")
    tools = line.get("tools")
    parsed = [_plain(message) or _message(message, index) for index, message in enumerate(messages)]
    return Example(tuple(parsed), () if tools is None else _tools(tools), parallel)


def unknown_keys(line: JsonObject) -> Iterator[str]:
    """Paths of keys that a conversation that parsed does not know, and that parsing left behind."""
    if not line.keys() <= _LINE_KEYS:
        yield from (key for key in line if key not in _LINE_KEYS)
    for index, message in enumerate(line.get("messages") or ()):
        if len(message) > 2 and not message.keys() <= _MESSAGE_KEYS:
            yield from (f"messages[{index}].{key}" for key in message if key not in _MESSAGE_KEYS)


def write_conversation(example: Example) -> dict[str, Any]:
    """The line's object: keys only where there is something to say."""
    line: dict[str, Any] = {"messages": [message_json(message) for message in example.messages]}
    if example.tools:
        line["tools"] = list(example.tools)
    if example.parallel_tool_calls is not None:
        line["parallel_tool_calls"] = example.parallel_tool_calls
    return line


def message_json(message: Message) -> dict[str, Any]:
    """One turn as JSON. `content` is left out where it is None beside tool calls."""
    written: dict[str, Any] = {"role": message.role}
    if message.content is not None:
        written["content"] = message.content if isinstance(message.content, str) else list(message.content)
    if message.tool_calls:
        written["tool_calls"] = list(message.tool_calls)
    for key in ("tool_call_id", "name", "weight", "reasoning"):
        value = getattr(message, key)
        if value is not None:
            written[key] = value
    return written


def _plain(raw: Any) -> Message | None:
    """The usual turn, a role and a text, without the checks it does not need: most of any file is made of these."""
    if type(raw) is dict and len(raw) == 2:
        role, content = raw.get("role"), raw.get("content")
        if type(content) is str and (role == "user" or role == "assistant" or role == "system"):
            return Message(role, content)
    return None


def _message(raw: object, index: int) -> Message:
    if not isinstance(raw, dict):
        raise BadLine("must be an object with a role and a content", field=f"messages[{index}]")
    content = raw.get("content")
    at = f"messages[{index}]"
    role = _role(raw, at)
    calls = _tool_calls(raw, role, at)
    return Message(
        role,
        _content(content, role, bool(calls), at),
        calls,
        _tool_call_id(raw, role, at),
        _optional_text(raw, "name", at),
        _weight(raw, role, at),
        _reasoning(raw, role, at),
    )


def _role(raw: Mapping[str, Any], at: str) -> str:
    role = raw.get("role")
    if role == "developer":
        return "system"
    if role == "function" or raw.get("function_call") is not None:
        fix = "write `tool_calls` and a `tool` turn instead"
        raise BadLine("uses the deprecated function_call", field=at, reason="deprecated", fix=fix)
    if not isinstance(role, str) or role not in ROLES:
        raise BadLine(
            f"{role!r} is no role; use system, user, assistant or tool"[:120], field=f"{at}.role", reason="role"
        )
    return role


def _content(content: object, role: str, has_calls: bool, at: str) -> str | tuple[JsonObject, ...] | None:
    if isinstance(content, str):
        return content
    field = f"{at}.content"
    if content is None:
        if role == "assistant" and has_calls:
            return None
        raise BadLine(f"a {role} turn needs content", field=field, reason="content")
    if not isinstance(content, list) or not content:
        raise BadLine("must be text or a list of content parts", field=field, reason="content")
    return tuple([_part(part, role, f"{field}[{index}]") for index, part in enumerate(content)])


def _part(part: object, role: str, at: str) -> JsonObject:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and kind == "text" and isinstance(part.get("text"), str):
        return part
    if isinstance(part, dict) and kind == "image_url":
        image = part.get("image_url")
        if role != "user":
            raise BadLine(f"an image stands in a {role} turn; only user turns may hold one", field=at, reason="image")
        if isinstance(image, dict) and isinstance(image.get("url"), str):
            return part
        raise BadLine("an image part needs image_url.url as text", field=at, reason="image")
    raise BadLine('must be {"type": "text", "text": …} or an image_url part', field=at, reason="content")


def _tools(tools: object) -> tuple[JsonObject, ...]:
    if not isinstance(tools, list):
        raise BadLine("must be a list of tools", field="tools", reason="tools")
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise BadLine("a tool needs function.name", field=f"tools[{index}]", reason="tools")
        if not isinstance(function.get("parameters", {}), dict):
            raise BadLine("must be a JSON schema", field=f"tools[{index}].function.parameters", reason="tools")
    return tuple(tools)


def _tool_calls(raw: Mapping[str, Any], role: str, at: str) -> tuple[JsonObject, ...]:
    calls = raw.get("tool_calls")
    if calls is None:
        return ()
    if role != "assistant":
        raise BadLine(f"a {role} turn cannot call tools", field=f"{at}.tool_calls", reason="tools")
    if not isinstance(calls, list):
        raise BadLine("must be a list", field=f"{at}.tool_calls", reason="tools")
    for index, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not all(isinstance(function.get(k), str) for k in ("name", "arguments")):
            message = "a tool call needs function.name and function.arguments, both text"
            raise BadLine(message, field=f"{at}.tool_calls[{index}]", reason="tools")
    return tuple(calls)


def _tool_call_id(raw: Mapping[str, Any], role: str, at: str) -> str | None:
    value = _optional_text(raw, "tool_call_id", at)
    if role == "tool" and not value:
        raise BadLine("a tool turn needs the id of the call it answers", field=f"{at}.tool_call_id", reason="tools")
    if role != "tool" and value is not None:
        raise BadLine(f"a {role} turn answers no tool call", field=f"{at}.tool_call_id", reason="tools")
    return value


def _weight(raw: Mapping[str, Any], role: str, at: str) -> int | None:
    weight = raw.get("weight")
    if weight is None:
        return None
    if type(weight) is not int or weight not in (0, 1):
        raise BadLine(f"weight must be 0 or 1, not {weight!r}"[:120], field=f"{at}.weight", reason="weight")
    if role != "assistant":
        raise BadLine(f"weight stands on a {role} turn; only assistant turns are learnt", field=at, reason="weight")
    return weight


def _reasoning(raw: Mapping[str, Any], role: str, at: str) -> str | None:
    key = "reasoning" if raw.get("reasoning") is not None else "reasoning_content"
    value = _optional_text(raw, key, at)
    if value is not None and role != "assistant":
        raise BadLine(f"a {role} turn has no reasoning", field=f"{at}.{key}", reason="shape")
    return value


def _optional_text(raw: Mapping[str, Any], key: str, at: str) -> str | None:
    value = raw.get(key)
    if value is not None and not isinstance(value, str):
        raise BadLine("must be text", field=f"{at}.{key}")
    return value
