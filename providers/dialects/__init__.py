"""Example ↔ one JSON line of each platform's training file. Pure: no I/O, no judgement of quality.

`decode(encode(x)) == x` for everything a dialect can express; what it cannot is refused by name.
"""

from __future__ import annotations

from .conversation import BadLine, message_json, parse_conversation, unknown_keys
from .lines import encode_line
from .openai_chat import OPENAI_CHAT
from .text import TEXT
from .together import TOGETHER_CONVERSATION, TOGETHER_INSTRUCTION

__all__ = [
    "OPENAI_CHAT",
    "TEXT",
    "TOGETHER_CONVERSATION",
    "TOGETHER_INSTRUCTION",
    "BadLine",
    "encode_line",
    "message_json",
    "parse_conversation",
    "unknown_keys",
]
