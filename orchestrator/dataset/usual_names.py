"""The names by which columns are recognised, as data. What is done about them is left to `shapes`."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = [
    "BESIDE_TEXT",
    "CONTEXTS",
    "HELD_OUT",
    "HISTORIES",
    "INDEXES",
    "INPUTS",
    "OUTPUTS",
    "PAIRS",
    "REASONINGS",
    "RIVAL_INPUTS",
    "RIVAL_OUTPUTS",
    "SYSTEMS",
    "TURNS",
    "Kind",
    "TurnShape",
]

Kind = Literal["pairs", "chat", "text", "sharegpt", "preference", "prompted", "foreign"]

PAIRS = (
    ("input", "output"),
    ("input", "target"),
    ("inputs", "targets"),
    ("source", "target"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("query", "answer"),
    ("query", "response"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("user", "assistant"),
    ("human", "assistant"),
    ("problem", "solution"),
    ("article", "summary"),
    ("document", "summary"),
    ("dialogue", "summary"),
    ("text", "summary"),
    ("text", "label"),
    ("text", "label_text"),
    ("text", "category"),
    ("text", "intent"),
    ("text", "sentiment"),
    ("sentence", "label"),
    ("utterance", "intent"),
    ("review", "sentiment"),
)
HELD_OUT = "tunewright_held_out"
"""The column of a row that was held out in an earlier round: it is tested, whatever else would decide its side."""
INPUTS = tuple(dict.fromkeys(name for name, _ in PAIRS))
OUTPUTS = tuple(dict.fromkeys(name for _, name in PAIRS))
SYSTEMS = ("system", "system_prompt")
REASONINGS = ("reasoning", "reasoning_content", "thinking")
HISTORIES = ("history",)

RIVAL_INPUTS = ("input", "prompt", "question", "query", "instruction")
RIVAL_OUTPUTS = ("output", "completion", "answer", "response", "target", "solution")
"""Names that hardly ever mean anything else: one more of them than a pair needs, and the user is asked."""

CONTEXTS = ("context", "passage", "document")
"""Beside a question these belong to it as often as not: the user is asked."""

INDEXES = frozenset({"", "unnamed: 0", "index", "idx", "id", "row", "row_id", "uuid", "__index_level_0__"})
"""Names of a column that only numbers the rows; pandas writes its own without a name, or as `Unnamed: 0`."""

BESIDE_TEXT = INDEXES | {"source", "url", "meta", "metadata", "date", "timestamp", "lang", "language", "license"}
"""What may stand beside the one column `text` of plain texts."""


class TurnShape(NamedTuple):
    """Columns of whole turns. `needed` must be there, `beside` are read too; `name` is what people call the shape."""

    needed: tuple[str, ...]
    beside: tuple[str, ...]
    name: str
    kind: Kind


_MORE = ("system", "tools")
_CALLS = ("tools", "parallel_tool_calls")

TURNS: tuple[TurnShape, ...] = (
    TurnShape(("input", "preferred_output", "non_preferred_output"), (), "preference rows", "preference"),
    TurnShape(("conversations", "chosen", "rejected"), _MORE, "ShareGPT preference rows", "preference"),
    TurnShape(("prompt", "chosen", "rejected"), _MORE, "prompt/chosen/rejected", "preference"),
    TurnShape(("instruction", "chosen", "rejected"), ("input", *_MORE), "instruction/chosen/rejected", "preference"),
    TurnShape(("question", "chosen", "rejected"), _MORE, "question/chosen/rejected", "preference"),
    TurnShape(("chosen", "rejected"), (), "chosen/rejected conversations", "preference"),
    TurnShape(("contents",), ("systemInstruction", "system_instruction", "tools"), "contents of parts", "foreign"),
    TurnShape(("schemaVersion", "messages"), ("system",), "messages of content blocks", "foreign"),
    TurnShape(("messages", "reference_answer"), _CALLS, "messages and a reference answer", "prompted"),
    TurnShape(("messages",), _CALLS, "chat messages", "chat"),
    TurnShape(("conversations",), _MORE, "ShareGPT conversations", "sharegpt"),
)
"""The first that fits is taken."""
