"""Fixes that cannot change what a row means, each named. Pure: a row in, the same row or a mended one out.

`fix_row` mends the fields as read, before an example is built of them; `fix` mends the example. Both give the very same
object back where there is nothing to mend, and mending twice is mending once. Blanks at the ends of lines stay: in
Markdown two of them break the line, and in code nobody knows.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from providers.records import Example, JsonObject, Message

from .answer_rules import misdecoded
from .fix_records import Fixed
from .fixing_fields import mended_calls, mended_functions, mended_roles, mended_weights

__all__ = ["FIXES", "fix", "fix_row"]

FIXES: Mapping[str, str] = {
    "line-ends": "Line ends of Windows (CR LF) become LF, as models write them.",
    "mojibake": "UTF-8 that was read as Windows-1252 or Latin-1 is decoded back, where the whole text decodes.",
    "nul": "NUL characters at the ends, the padding of some programs, are taken off.",
    "invisible-ends": "Byte order marks and characters without width at the ends are taken off.",
    "composition": "Letters with separate accents become the composed letters (NFC) that mean the same.",
    "outer-blanks": "A short answer on one line loses the blank before it and those after it.",
    "double-encoded": "Tool arguments that are a JSON string holding JSON are written once.",
    "weight": "Weights true, false, 1.0 and 0.0 become 1 and 0.",
    "role": "Roles are written in lower case.",
    "tool-arguments": "Tool arguments given as an object become its JSON text, as platforms take them.",
    "deprecated-call": "function_call and functions become tool_calls and tools, where each call is answered at once.",
}
"""What each fix does, for people. Where a rule of that name exists, the fix settles what it finds."""

_LONGEST_LABEL = 80  # as in `answers`: a longer answer is no label
_INVISIBLE = "\ufeff\u200b\u2060\u00ad"
"""Byte order mark, zero-width space, word joiner, soft hyphen. Joiners and direction marks can matter to a script."""
_NEAR, _SHOWN = 8, 24
_LETTERS, _LEAST_LETTERS = re.compile("[\u0100-\u017f\u0370-\u06ff]"), 2


def fix_row(fields: dict[str, Any]) -> tuple[dict[str, Any], tuple[Fixed, ...]]:
    """The fields with chat messages as platforms take them. Other shapes come back as they are."""
    done: list[Fixed] = []
    for mend in (mended_roles, mended_functions, mended_calls, mended_weights):
        made = mend(fields)
        if made is not None:
            fields = made.fields
            done += [Fixed(made.rule, change.field, _cut(change.before), _cut(change.after)) for change in made.changes]
    return fields, tuple(done)


def fix(example: Example) -> tuple[Example, tuple[Fixed, ...]]:
    """The example with its texts and tool arguments mended."""
    done: list[Fixed] = []
    last = len(example.messages) - 1
    messages = tuple(
        [_turn(message, f"messages[{at}]", done, at == last) for at, message in enumerate(example.messages)]
    )
    rejected = tuple([_turn(message, "rejected", done, True) for message in example.rejected])
    return (replace(example, messages=messages, rejected=rejected), tuple(done)) if done else (example, ())


def _turn(message: Message, at: str, done: list[Fixed], is_answer: bool) -> Message:
    before = len(done)
    content: Any = message.content
    if type(content) is str:
        content = _text(content, f"{at}.content", done, is_answer and message.role == "assistant")
    elif isinstance(content, tuple):
        content = tuple([_part(part, f"{at}.content[{i}]", done) for i, part in enumerate(content)])
    calls = tuple([_call(call, f"{at}.tool_calls[{i}]", done) for i, call in enumerate(message.tool_calls)])
    reasoning = message.reasoning and _text(message.reasoning, f"{at}.reasoning", done)
    if len(done) == before:
        return message
    return replace(message, content=content, tool_calls=calls, reasoning=reasoning)


def _part(part: JsonObject, at: str, done: list[Fixed]) -> JsonObject:
    if part.get("type") != "text":
        return part
    return {**part, "text": _text(part["text"], f"{at}.text", done)}


def _call(call: JsonObject, at: str, done: list[Fixed]) -> JsonObject:
    function = call["function"]
    arguments = function["arguments"]
    inner = _unwrapped(arguments)
    if inner == arguments:
        return call
    done.append(Fixed("double-encoded", f"{at}.function.arguments", *_around(arguments, inner)))
    return {**call, "function": {**function, "arguments": inner}}


def _unwrapped(arguments: str) -> str:
    """The text of the object inside as many JSON strings as there are around it; else the text as it is."""
    text: Any = arguments
    while isinstance(text, str):
        value = _loaded(text)
        if isinstance(value, dict):
            return text
        text = value
    return arguments


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(text: str, field: str, done: list[Fixed], is_answer: bool = False) -> str:
    """The text, mended until no fix finds anything more: one can uncover what another is for."""
    mends = _ANSWER_MENDS if is_answer else _MENDS
    again = not _is_plain(text) or is_answer
    while again:
        again = False
        for rule, mend in mends:
            after = mend(text)
            if after != text:
                done.append(Fixed(rule, field, *_around(text, after)))
                text, again = after, True
    return text


def _is_plain(text: str) -> bool:
    """True for most texts, in which no fix can find anything."""
    return text.isascii() and "\r" not in text and "\0" not in text


def _line_ends(text: str) -> str:
    while "\r\n" in text:
        text = text.replace("\r\n", "\n")
    return text


def _decoded(text: str) -> str:
    """Decoded back only if the whole text is UTF-8 misread, so that misreading the result gives the text again."""
    if text.isascii():
        return text
    for misread in (_LATIN_1, _WINDOWS_1252):
        try:
            decoded = bytes([misread[character] for character in text]).decode()
        except (KeyError, UnicodeDecodeError):
            continue
        return decoded if misdecoded(text) or _is_language(decoded) else text
    return text


def _is_language(text: str) -> bool:
    """By chance `CAFÉ’` decodes too, to one sign of phonetics. Letters of Poland to Arabia come in numbers."""
    return len(_LETTERS.findall(text)) >= _LEAST_LETTERS


_LATIN_1 = {chr(byte): byte for byte in range(256)}
_WINDOWS_1252 = {bytes([byte]).decode("cp1252", "replace"): byte for byte in range(256)}
_WINDOWS_1252 |= {chr(byte): byte for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}  # browsers read what it leaves open so
del _WINDOWS_1252["\ufffd"]


def _without_nul(text: str) -> str:
    return text.strip("\0")


def _without_invisible(text: str) -> str:
    return text.strip(_INVISIBLE)


def _composed(text: str) -> str:
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _without_blanks(text: str) -> str:
    """More than one blank before it may be the indent of code."""
    bare = text.strip()
    if not bare or len(bare) > _LONGEST_LABEL or len(text.splitlines()) > 1:
        return text
    led = text.rstrip()
    return bare if len(led) - len(bare) <= 1 else led


Mend = tuple[str, Callable[[str], str]]
_MENDS: tuple[Mend, ...] = (
    ("line-ends", _line_ends),
    ("mojibake", _decoded),
    ("nul", _without_nul),
    ("invisible-ends", _without_invisible),
    ("composition", _composed),
)
_ANSWER_MENDS: tuple[Mend, ...] = (*_MENDS, ("outer-blanks", _without_blanks))


def _around(before: str, after: str) -> tuple[str, str]:
    """Both texts from a little before they part: no more, for there may be a secret beside it."""
    same = next((at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    start = max(0, (min(len(before), len(after)) if same is None else same) - _NEAR)
    return _window(before, start), _window(after, start)


def _window(text: str, start: int) -> str:
    shown = "".join(_visible(text[start : start + _SHOWN]))
    return f"{'…' * (start > 0)}{shown}{'…' * (start + _SHOWN < len(text))}"


def _visible(text: str) -> Iterator[str]:
    for character in text:
        if character == " " or (character.isprintable() and not unicodedata.combining(character)):
            yield character
        else:
            yield {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character, f"\\u{ord(character):04x}")


def _cut(text: str) -> str:
    return _window(text, 0)
