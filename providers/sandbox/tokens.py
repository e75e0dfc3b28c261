"""Token counts for usage and billing, by o200k: exact for OpenAI's newer models, near enough for others here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..tokenizers import counter

__all__ = ["message_tokens", "text_tokens"]


@lru_cache(maxsize=4096)
def text_tokens(text: str) -> int:
    """Tokens of `text`."""
    return int(counter("o200k_base").count([text])[0])


def message_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Tokens of a conversation as OpenAI counts it: 3 to prime the reply, 3 a message, its role, its content."""
    return 3 + sum(3 + text_tokens(str(m.get("role", ""))) + text_tokens(_content(m)) for m in messages)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    calls = message.get("tool_calls")
    text = content if isinstance(content, str) else "".join(_part_text(part) for part in content or ())
    return f"{text}{calls}" if calls else text


def _part_text(part: Any) -> str:
    return str(part.get("text", "")) if isinstance(part, dict) else ""
