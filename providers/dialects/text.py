"""Plain text lines, `{"text": …}`: an example with no prompt, only text to continue."""

from __future__ import annotations

from ..records import Example, JsonObject, Message
from .conversation import BadLine
from .pairs import plain_text, refuse_tools
from .row_weight import without_weight
from .strict import unsupported

__all__ = ["TEXT"]


class _Text:
    """One assistant turn and no prompt is one text. Turns are refused: joining them needs the model's own template."""

    name: str = "text"

    def encode(self, example: Example) -> JsonObject:
        """`{"text": …}`. Raises `Unsupported` for anything but a single assistant turn of plain text."""
        refuse_tools(example, self.name)
        roles = [message.role for message in example.messages]
        if roles != ["assistant"]:
            fix = "choose a conversation or instruction format"
            raise unsupported(self.name, f"the turns {', '.join(roles) or 'none'}", fix)
        return {"text": plain_text(example.messages[0], self.name)}

    def decode(self, line: JsonObject) -> Example:
        """The example back; a weight of the row is read past. Raises `InvalidData` naming the field."""
        line = without_weight(line)
        for key in line:
            if key != "text":
                raise BadLine("is no key of this format", field=key, reason="unknown")
        if not isinstance(line.get("text"), str):
            raise BadLine("must be text", field="text", reason="content")
        return Example((Message("assistant", line["text"]),))


TEXT = _Text()
