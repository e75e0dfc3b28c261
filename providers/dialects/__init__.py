"""Example ↔ one JSON line of each platform's training file. Pure: no I/O, no judgement of quality.

`decode(encode(x)) == x` for everything a dialect can express (for some up to spelling, see `plainly`); what it cannot
is refused by name. `named` and `names` find every format; `format_of` adds its limits and the files beside it.
"""

from __future__ import annotations

from .bedrock_claude import BEDROCK_CLAUDE
from .bedrock_nova import BEDROCK_LLAMA, BEDROCK_NOVA
from .calls import plainly
from .conversation import BadLine, message_json, parse_conversation, unknown_keys, write_conversation
from .fireworks import FIREWORKS_CHAT
from .formats import Format, format_of, named, names
from .gemini import GEMINI, GEMINI_PREFERENCE
from .limits import Breach, Limits, breaches
from .lines import encode_line
from .llama_factory import LLAMA_FACTORY, LLAMA_FACTORY_PREFERENCE
from .openai_chat import OPENAI_CHAT
from .preference import FIREWORKS_PREFERENCE, OPENAI_PREFERENCE, TOGETHER_PREFERENCE
from .reinforcement import OPENAI_REINFORCEMENT
from .sharegpt import chat_line_of, chat_turn_of
from .text import TEXT
from .together import TOGETHER_CONVERSATION, TOGETHER_INSTRUCTION
from .trl import TRL_CHAT, TRL_PREFERENCE, TRL_PROMPT_COMPLETION

__all__ = [
    "BEDROCK_CLAUDE",
    "BEDROCK_LLAMA",
    "BEDROCK_NOVA",
    "FIREWORKS_CHAT",
    "FIREWORKS_PREFERENCE",
    "GEMINI",
    "GEMINI_PREFERENCE",
    "LLAMA_FACTORY",
    "LLAMA_FACTORY_PREFERENCE",
    "OPENAI_CHAT",
    "OPENAI_PREFERENCE",
    "OPENAI_REINFORCEMENT",
    "TEXT",
    "TOGETHER_CONVERSATION",
    "TOGETHER_INSTRUCTION",
    "TOGETHER_PREFERENCE",
    "TRL_CHAT",
    "TRL_PREFERENCE",
    "TRL_PROMPT_COMPLETION",
    "BadLine",
    "Breach",
    "Format",
    "Limits",
    "breaches",
    "chat_line_of",
    "chat_turn_of",
    "encode_line",
    "format_of",
    "message_json",
    "named",
    "names",
    "parse_conversation",
    "plainly",
    "unknown_keys",
    "write_conversation",
]
