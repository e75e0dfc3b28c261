"""The two strict directions chat dialects share: write only what reads back equal, read only what is known."""

from __future__ import annotations

from typing import Any

from ..errors import Unsupported
from ..records import Example, JsonObject, Message
from .conversation import ROLES, BadLine, parse_conversation, unknown_keys, write_conversation
from .refusals import is_plain

__all__ = ["decode_strictly", "encode_strictly", "refuse_rejected", "unsupported"]


def encode_strictly(example: Example, dialect: str) -> dict[str, Any]:
    """The chat line's object, or `Unsupported` naming what no chat line can hold."""
    refuse_rejected(example, dialect)
    line = write_conversation(example)
    if example.tools or not all(map(is_plain, example.messages)) or not example.messages:
        for message in example.messages:
            _check_roles(message, dialect)
        _check_reads_back(example, line, dialect)
    return line


def decode_strictly(line: JsonObject) -> Example:
    """`parse_conversation`, refusing keys it would leave behind and roles it would rename."""
    example = parse_conversation(line)
    for key in unknown_keys(line):
        raise BadLine("is no key of this format", field=key, reason="unknown")
    for index, message in enumerate(line["messages"]):
        if message["role"] == "developer":
            raise BadLine(
                "this format has no developer turn; use system", field=f"messages[{index}].role", reason="role"
            )
    return example


def refuse_rejected(example: Example, dialect: str) -> None:
    """A rejected answer has a place in preference lines alone; leaving it out would be another training."""
    if example.rejected:
        raise unsupported(dialect, "a rejected answer", "train by preference, or give only the answers to learn")


def unsupported(dialect: str, what: str, fix: str) -> Unsupported:
    """The one way a dialect says no."""
    name = dialect.replace("_", "-")
    return Unsupported(f"{name} cannot express {what}", operation="encode", fix=fix, nothing_created=True)


def _check_roles(message: Message, dialect: str) -> None:
    if message.role not in ROLES:
        raise unsupported(dialect, f"role {message.role!r}", "use system, user, assistant or tool")
    if message.role != "assistant":
        for field in ("weight", "tool_calls", "reasoning"):
            if getattr(message, field) not in (None, ()):
                raise unsupported(dialect, f"{field} on a {message.role} turn", "only assistant turns carry it")
    parts = message.content if isinstance(message.content, tuple) else ()
    if message.role != "user" and any(part.get("type") == "image_url" for part in parts):
        raise unsupported(dialect, f"an image in a {message.role} turn", "move it into a user turn")


def _check_reads_back(example: Example, line: JsonObject, dialect: str) -> None:
    """What is left is expressible exactly when it reads back equal."""
    try:
        back = parse_conversation(line)
    except BadLine as error:
        raise unsupported(dialect, f"{error.field}: {error.message}", error.fix or "mend the example") from error
    if back != example:
        raise unsupported(dialect, "this example so that it reads back equal", "mend the example")
