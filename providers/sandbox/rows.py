"""Training files as the platforms read them: each row checked, and turned into the pairs that the learner trains on.

Knows OpenAI's chat and preference rows and Together's conversation, instruction, text and preference rows. Which rules
apply to whom is `openai_rows` and `together_rows`; the messages follow the platforms' in substance, not in wording.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .lesson import Pair
from .tokens import message_tokens, text_tokens

__all__ = ["BadFile", "Rows", "answer_of", "message_text", "objects", "openai_rows", "together_rows", "tool_calls_of"]

_SPECIAL = re.compile(r"<\|[a-z_]+\|>")
_OPENAI_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_TOGETHER_ROLES = frozenset({"system", "user", "assistant", "tool"})
_OPENAI_MINIMUM = 10  # examples: platforms' limits, facts of 2026-11-22
_OPENAI_CONTEXT = 65_536  # tokens an example of the 4o and 4.1 families; longer ones are cut at the end
_TOOLS = "\x00tool_calls:"  # an answer that is tool calls, told apart from any text


class BadFile(Exception):
    """The file cannot be trained on; `line` is 1-based, None when no one line is to blame."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(f"Line {line}: {message}" if line else message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Rows:
    """What a good file holds: pairs to learn, billed tokens of one pass, and the platform's name for its format."""

    pairs: tuple[Pair, ...]
    tokens: int
    format: str


def openai_rows(data: bytes, method: str, minimum: int = _OPENAI_MINIMUM) -> Rows:
    """Chat rows (`method` supervised) or preference rows (dpo). Raises `BadFile`."""
    pairs, tokens = [], 0
    for line, row in objects(data):
        sides = _preference(row, line) if method == "dpo" else [_messages_of(row, line)]
        for messages in sides:
            _check_messages(messages, _OPENAI_ROLES, line)
            _check_tools(_tools_of(row), messages, line)
            _check_special(messages, line)
            tokens += min(_OPENAI_CONTEXT, message_tokens(messages))
        pairs.append(_pair(*sides))
    if len(pairs) < minimum:
        raise BadFile(f"Training file has {len(pairs)} example(s), but must have at least {minimum} examples")
    return Rows(tuple(pairs), tokens, "preference" if method == "dpo" else "chat")


def together_rows(data: bytes, method: str | None = None) -> Rows:
    """Rows of any one of Together's formats; all must share the first one's, and suit the `method` where one is given.

    Raises `BadFile`.
    """
    pairs, tokens, kind = [], 0, ""
    for line, row in objects(data):
        found = _together_format(row, line)
        kind = kind or found
        if found != kind:
            raise BadFile(f"the dataset is in {kind} format, but this row is {found}", line)
        pair, length = _TOGETHER_READERS[kind](row, line)
        pairs.append(pair)
        tokens += length
    if not pairs:
        raise BadFile("The file is empty")
    if method is not None and (kind == _PREFERENCE) != (method == "dpo"):
        raise BadFile(f"training by {method} does not take a dataset in {kind} format")
    return Rows(tuple(pairs), tokens, kind)


def tool_calls_of(answer: str) -> tuple[list[dict[str, Any]], str]:
    """An answer taken apart into tool calls and text; one of the two is empty."""
    return (json.loads(answer[len(_TOOLS) :]), "") if answer.startswith(_TOOLS) else ([], answer)


# ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def objects(data: bytes) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each line's number and JSON object. Raises `BadFile`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadFile("is not valid UTF-8", line) from error
    for line, content in enumerate(text.split("\n"), start=1):
        if content.strip():
            yield line, _object(content, line)


def _object(content: str, line: int) -> Mapping[str, Any]:
    try:
        row = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"is not a valid JSON object ({error})", line) from error
    if not isinstance(row, dict):
        raise BadFile("every line must be a JSON object", line)
    return row


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# ── conversations ───────────────────────────────────────────────────────────────────────────────────────────────────


def _messages_of(row: Mapping[str, Any], line: int) -> list[Mapping[str, Any]]:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadFile('key "messages" must be a non-empty list', line)
    return messages


def _preference(row: Mapping[str, Any], line: int) -> list[list[Mapping[str, Any]]]:
    """The prompt with its preferred answer, and with its rejected one."""
    asked = row.get("input")
    if not isinstance(asked, dict):
        raise BadFile("a preference row needs input.messages, preferred_output and non_preferred_output", line)
    prompt = _messages_of(asked, line)
    if isinstance(prompt[-1], dict) and prompt[-1].get("role") == "assistant":
        raise BadFile("input.messages must not end with an assistant message", line)
    return [[*prompt, _output(row, name, line)] for name in ("preferred_output", "non_preferred_output")]


def _output(row: Mapping[str, Any], name: str, line: int) -> Mapping[str, Any]:
    side = row.get(name)
    if not isinstance(side, list) or len(side) != 1 or not isinstance(side[0], dict):
        raise BadFile(f"{name} must be a list of exactly one assistant message", line)
    return side[0]


def _tools_of(row: Mapping[str, Any]) -> Any:
    asked = row.get("input")
    return (asked if isinstance(asked, dict) else row).get("tools", [])


def _check_messages(messages: Sequence[Any], roles: frozenset[str], line: int) -> None:
    for message in messages:
        _check_message(message, roles, line)
    if messages[-1]["role"] != "assistant":
        raise BadFile("the last message must be from the assistant", line)
    weights = [message.get("weight", 1) for message in messages if message["role"] == "assistant"]
    if not any(weights):
        raise BadFile("no assistant message has a weight above 0: there is nothing to learn", line)


def _check_message(message: Any, roles: frozenset[str], line: int) -> None:
    if not isinstance(message, dict):
        raise BadFile("every message must be an object", line)
    role, content = message.get("role"), message.get("content")
    if role not in roles:
        raise BadFile(f"unknown role {role!r}; expected one of {', '.join(sorted(roles))}", line)
    if message.get("tool_calls") or message.get("function_call"):
        _check_tool_calls(message, line)
    elif not isinstance(content, str | list):
        raise BadFile(f"the {role} message has no text content", line)
    weight = message.get("weight", 1)
    if type(weight) is not int or weight not in (0, 1) or ("weight" in message and role != "assistant"):
        raise BadFile("weight must be 0 or 1, on assistant messages only", line)
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise BadFile("a tool message needs tool_call_id", line)


def _check_tool_calls(message: Mapping[str, Any], line: int) -> None:
    if message["role"] != "assistant":
        raise BadFile("only an assistant message may call tools", line)
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
            raise BadFile("a tool call needs function.name and function.arguments (a string)", line)


def _check_tools(tools: Any, messages: Sequence[Mapping[str, Any]], line: int) -> None:
    """Tools are well formed, every tool answer answers a call before it, and only users show images."""
    if not isinstance(tools, list) or not all(isinstance(tool, dict) and "function" in tool for tool in tools):
        raise BadFile("tools must be a list of objects that hold a function", line)
    called: set[str] = set()
    for message in messages:
        called |= {str(call.get("id")) for call in message.get("tool_calls") or ()}
        if message["role"] == "tool" and message["tool_call_id"] not in called:
            raise BadFile(f"tool_call_id {message['tool_call_id']!r} answers no call before it", line)
        content = message.get("content")
        if message["role"] != "user" and isinstance(content, list) and any(_is_image(part) for part in content):
            raise BadFile(f"a {message['role']} message may not hold an image", line)


def _is_image(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "image_url"


def _check_special(messages: Sequence[Mapping[str, Any]], line: int) -> None:
    for message in messages:
        found = _SPECIAL.search(message_text(message))
        if found:
            raise BadFile(f"special token {found.group()} is not allowed in training text", line)


def _pair(messages: Sequence[Mapping[str, Any]], worse: Sequence[Mapping[str, Any]] | None = None) -> Pair:
    system = "\n".join(message_text(m) for m in messages[:-1] if m["role"] in ("system", "developer"))
    users = [message_text(m) for m in messages[:-1] if m["role"] in ("user", "tool")]
    return Pair(system, users[-1] if users else "", answer_of(messages), answer_of(worse) if worse else None)


def answer_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the last message says, in words or in tool calls."""
    last = messages[-1]
    return _TOOLS + json.dumps(last["tool_calls"]) if last.get("tool_calls") else message_text(last)


def message_text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content or () if isinstance(part, dict))


# ── Together's formats ──────────────────────────────────────────────────────────────────────────────────────────────


def _together_format(row: Mapping[str, Any], line: int) -> str:
    for format, keys in _TOGETHER_KEYS.items():
        if keys <= row.keys():
            return format
    raise BadFile(f"no known format has the keys {sorted(row)}", line)


def _conversation(row: Mapping[str, Any], line: int) -> tuple[Pair, int]:
    messages = _messages_of(row, line)
    _check_messages(messages, _TOGETHER_ROLES, line)
    return _pair(messages), message_tokens(messages)


def _preference_row(row: Mapping[str, Any], line: int) -> tuple[Pair, int]:
    sides = _preference(row, line)
    for messages in sides:
        _check_messages(messages, _TOGETHER_ROLES, line)
    return _pair(*sides), sum(message_tokens(messages) for messages in sides)


def _instruction(row: Mapping[str, Any], line: int) -> tuple[Pair, int]:
    prompt, completion = row["prompt"], row["completion"]
    if not isinstance(prompt, str) or not isinstance(completion, str):
        raise BadFile("prompt and completion must be strings", line)
    return Pair("", prompt, completion), text_tokens(prompt) + text_tokens(completion)


def _plain(row: Mapping[str, Any], line: int) -> tuple[Pair, int]:
    text = row["text"]
    if not isinstance(text, str):
        raise BadFile("text must be a string", line)
    head, _, tail = text.partition("\n")
    return Pair("", head, tail or text), text_tokens(text)


_PREFERENCE = "PREFERENCE_OPENAI"
_TOGETHER_KEYS = {
    _PREFERENCE: {"input", "preferred_output", "non_preferred_output"},
    "CONVERSATION": {"messages"},
    "INSTRUCTION": {"prompt", "completion"},
    "GENERAL": {"text"},
}
_TOGETHER_READERS = {
    _PREFERENCE: _preference_row,
    "CONVERSATION": _conversation,
    "INSTRUCTION": _instruction,
    "GENERAL": _plain,
}
