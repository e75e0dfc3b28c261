"""What an example must be to fit a format without turns: one prompt and one answer, both plain text."""

from __future__ import annotations

from typing import NamedTuple

from ..records import Example, Message
from .strict import refuse_rejected, unsupported

__all__ = ["PromptCompletion", "pair_of", "plain_text"]


class PromptCompletion(NamedTuple):
    """The two texts of a pair."""

    prompt: str
    completion: str


def pair_of(example: Example, dialect: str) -> PromptCompletion:
    """The pair, or `Unsupported` naming the first thing that a pair cannot carry."""
    refuse_tools(example, dialect)
    roles = [message.role for message in example.messages]
    if "system" in roles:
        raise unsupported(dialect, "a system turn", "put it into the prompt, or choose a conversation format")
    if roles.count("user") > 1:
        raise unsupported(dialect, f"{roles.count('user')} user turns", "choose a conversation format")
    if roles != ["user", "assistant"]:
        raise unsupported(
            dialect, f"the turns {', '.join(roles) or 'none'}", "it takes one user and one assistant turn"
        )
    user, assistant = example.messages
    return PromptCompletion(plain_text(user, dialect), plain_text(assistant, dialect))


def refuse_tools(example: Example, dialect: str) -> None:
    """Tools and the calling of them need a conversation format, and a rejected answer one of preferences."""
    refuse_rejected(example, dialect)
    if example.tools or any(message.tool_calls or message.role == "tool" for message in example.messages):
        raise unsupported(dialect, "tools", "choose a conversation format")
    if example.parallel_tool_calls is not None:
        raise unsupported(dialect, "parallel_tool_calls", "leave it out")


def plain_text(message: Message, dialect: str) -> str:
    """The turn's text, when it is nothing but text."""
    for field in ("weight", "reasoning", "name", "tool_call_id"):
        if getattr(message, field) is not None:
            raise unsupported(dialect, field, "leave it out, or choose a conversation format")
    if not isinstance(message.content, str):
        raise unsupported(dialect, "content parts", "use plain text")
    return message.content
