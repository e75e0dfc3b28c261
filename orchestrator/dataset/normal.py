"""When two inputs count as the same: case, spaces and Unicode composition do not matter. Pure."""

from __future__ import annotations

import json
import unicodedata
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from providers.dialects import message_json
from providers.records import Example, Message

__all__ = [
    "Names",
    "answer_key",
    "answer_number",
    "canonical",
    "collapse",
    "group_key",
    "input_key",
    "names_of",
    "names_of_texts",
    "normalise",
    "number_of",
    "question_key",
    "question_text",
    "share_of",
]


_dump = json.JSONEncoder(sort_keys=True).encode


class Names(NamedTuple):
    """What a row is called: `keys`, an entry of `table.KEYS`, and the normalised `question`, to tell near ones by."""

    keys: bytes
    question: str


def names_of_texts(system: str | None, user: str, answer: str) -> Names:
    """`names_of` for the usual row, a system turn at the most, a question and an answer; several times as fast."""
    asked = normalise(user)
    question = sha256(b"input\x1euser\x1f" + _bytes(asked)).digest()[:8]
    words = f"user:{len(user)}:{user}\nassistant:{len(answer)}:{answer}"
    whole = question
    if system is not None:
        whole = _both(question, _system_key(system)[:8])
        words = f"system:{len(system)}:{system}\n{words}"
    said = sha256(_bytes(collapse(answer))).digest()[:8]
    return Names(whole + said + question + sha256(_bytes(words)).digest()[:16], asked)


def names_of(example: Example, beside: bytes = b"") -> Names:
    """The names of a row. `beside`: what else belongs to its content, as exact bytes."""
    answer = answer_key(example) if example.messages[-1].role == "assistant" else ""
    keys = (input_key(example)[:8], _digest(answer)[:8], question_key(example)[:8])
    return Names(b"".join([*keys, sha256(canonical(example) + beside).digest()[:16]]), question_text(example))


def question_text(example: Example) -> str:
    """What is asked, whatever the system prompt, normalised: by it near rows are told."""
    return "\n".join([normalise(_words(message)) for message in example.prompt if message.role != "system"])


def answer_number(answer: str) -> int:
    """A text answer as it stands in the column of answers."""
    return number_of(_digest(collapse(answer)))


def number_of(key: bytes) -> int:
    """A key as it stands in a column: its first eight bytes."""
    return int.from_bytes(key[:8])


def collapse(text: str) -> str:
    """The text with every run of whitespace as one space, none at the ends, composed (NFC)."""
    # No other white space than the space is printable, so most texts need no taking apart.
    collapsed = text.strip(" ") if text.isprintable() and "  " not in text else " ".join(text.split())
    return collapsed if collapsed.isascii() else unicodedata.normalize("NFC", collapsed)


def normalise(text: str) -> str:
    """`collapse`, and without case."""
    return collapse(text).casefold()


def input_key(example: Example) -> bytes:
    """Names an input: equal exactly when the normalised turns before the answer, and the tools, are equal.

    A row with no prompt (plain text) is named by its text.
    """
    question = question_key(example)
    system = [_words(message) for message in example.prompt if message.role == "system"]
    return _both(question, _system_key("\x1e".join(system))) if 0 < len(system) < len(example.prompt) else question


def question_key(example: Example) -> bytes:
    """Names what is asked, whatever the system prompt: a new system prompt must not move a row to another side."""
    turns = [message for message in example.prompt if message.role != "system"]
    parts = [_role_and_words(message) for message in turns or example.prompt or example.messages]
    if example.tools:
        parts.append(json.dumps(example.tools, sort_keys=True))
    return _digest("input\x1e" + "\x1e".join(parts))


def group_key(group: str) -> bytes:
    """Names a group given by the user's column."""
    return _digest("group\x1e" + group)


def answer_key(example: Example) -> str:
    """The answer as it is compared for duplicates and contradictions: case counts, spacing does not.

    A rejected answer belongs to it: two rows may prefer one answer to different ones.
    """
    return " ≻ ".join([collapse(_words(turn)) for turn in (example.messages[-1], *example.rejected)])


def share_of(key: bytes) -> float:
    """A key's fixed place in [0, 1): the side of the split depends on nothing else."""
    return int.from_bytes(key[:7]) / 2**56


def _role_and_words(message: Message) -> str:
    return f"{message.role}\x1f{normalise(_words(message))}"


# One system prompt usually stands on every row.
@lru_cache(maxsize=64)
def _system_key(words: str) -> bytes:
    return _digest(f"system\x1f{normalise(words)}")


def _both(one: bytes, other: bytes) -> bytes:
    """A name for two named things together."""
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))


def _words(message: Message) -> str:
    if isinstance(message.content, str) and not message.tool_calls:
        return message.content
    parts = message.content if isinstance(message.content, tuple) else ()
    images = [part for part in parts if part.get("type") != "text"]
    # The ids of calls are made up anew for each row: rows that differ in nothing else say the same.
    calls = [call.get("function", call) for call in message.tool_calls]
    return message.text + json.dumps([*images, *calls], sort_keys=True)


def canonical(example: Example) -> bytes:
    """The example's exact content as bytes: equal exactly when the examples are equal."""
    parts = []
    for message in example.messages:
        content = message.content
        if type(content) is str and _is_plain(message):
            parts.append(f"{message.role}:{len(content)}:{content}")
        else:
            parts.append(_dump(message_json(message)))
    if example.tools or example.parallel_tool_calls is not None:
        parts.append(_dump([example.tools, example.parallel_tool_calls]))
    if example.rejected:
        parts.append(_dump(["rejected", *map(message_json, example.rejected)]))
    return "\n".join(parts).encode("utf-8", "surrogatepass")


def _is_plain(message: Message) -> bool:
    rest = (message.weight, message.name, message.reasoning, message.tool_call_id)
    return not message.tool_calls and rest == (None, None, None, None)


def _digest(text: str) -> bytes:
    return sha256(_bytes(text)).digest()[:16]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
