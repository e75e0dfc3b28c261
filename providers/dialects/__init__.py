"""Example ↔ one JSON line of each platform's training file. Pure: no I/O, no judgement of quality.

`decode(encode(x)) == x` for everything a dialect can express; what it cannot is refused by name.
"""

from __future__ import annotations

from .conversation import BadLine, message_json, parse_conversation, unknown_keys
from .lines import encode_line
from .openai_chat import OPENAI_CHAT
from .preference import OPENAI_PREFERENCE, TOGETHER_PREFERENCE
from .sharegpt import chat_line_of, chat_turn_of
from .text import TEXT
from .together import TOGETHER_CONVERSATION, TOGETHER_INSTRUCTION

__all__ = [
    "OPENAI_CHAT",
    "OPENAI_PREFERENCE",
    "TEXT",
    "TOGETHER_CONVERSATION",
    "TOGETHER_INSTRUCTION",
    "TOGETHER_PREFERENCE",
    "BadLine",
    "chat_line_of",
    "chat_turn_of",
    "encode_line",
    "message_json",
    "parse_conversation",
    "unknown_keys",
]
