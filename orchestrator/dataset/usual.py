"""The usual rows, fast: lines of JSON with nothing out of the ordinary, without an object for each of their parts.

A row is usual when a strict parser takes it for a short conversation of plain texts, or for a pair of them, and none of
the rules could find anything in it. Whatever else there is goes the long way; this module never finds fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec

from .answer_rules import is_suspicious, misdecoded
from .lengths import Texts
from .making import Treatment
from .shapes import Layout

__all__ = ["Block", "Usual", "usual_reader"]

_NOT_PLAIN = re.compile(rb"<\||\\u00[0-7]")
"""What a rule may object to, or what an escape may hide: the start of a control token, an escaped ASCII character."""


_BESIDE = ("extra", "system", "group", "accept", "template", "system_text", "history", "time", "reasoning", "renamed")


class Block(NamedTuple):
    """Whole lines of one file: `start` is the offset of the first in bytes, `number` its number from 1."""

    start: int
    number: int
    content: bytes


class Usual(NamedTuple):
    """A block's lines with their offsets in the file. `texts`: one entry a line, None for what is not usual."""

    lines: list[bytes]
    offsets: list[int]
    texts: list[Texts | None]


class _Turn(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: str
    content: str


class _Chat(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    messages: list[_Turn]


Suspects = Callable[[bytes], Iterable[int]]
Texter = Callable[[Any], Texts | None]


def usual_reader(layout: Layout | None, treatment: Treatment, *, sensitive: bool) -> Callable[[Block], Usual]:
    """Reads blocks of a file with this layout. `sensitive`: rows with what may be sensitive are not usual."""
    suspects = treatment.suspects() if sensitive or treatment.redactor else _nowhere
    kind = layout.kind if layout else ""
    if suspects is None or treatment.fix:
        return _nothing_usual
    if layout is None or kind not in ("chat", "pairs") or any(getattr(layout, name) for name in _BESIDE):
        return _nothing_usual
    shape, keys = (_Chat, (b'"messages"', b'"role"', b'"content"')) if kind == "chat" else _pair(layout)
    return _Reader(msgspec.json.Decoder(shape), keys, _chat_texts if kind == "chat" else _pair_texts, suspects)


def _pair(layout: Layout) -> tuple[type[msgspec.Struct], tuple[bytes, ...]]:
    """A row of exactly the two columns; a row with others is not usual, so that their names are seen."""
    names = {"user": layout.input or "", "answer": layout.output or ""}
    shape = msgspec.defstruct("_Pair", [("user", str), ("answer", str)], rename=names, forbid_unknown_fields=True)
    return shape, tuple(msgspec.json.encode(name) for name in names.values())


def _nowhere(block: bytes) -> Iterable[int]:
    return ()


def _nothing_usual(block: Block) -> Usual:
    lines, offsets = _lines(block)
    return Usual(lines, offsets, [None] * len(lines))


class _Reader:
    """`keys`: as JSON; each stands once in a row or a turn. One that is met more often may be a second of its name."""

    def __init__(self, decoder: Any, keys: tuple[bytes, ...], texts: Texter, suspects: Suspects) -> None:
        self._decode, self._keys, self._texts, self._suspects = decoder.decode, keys, texts, suspects

    def __call__(self, block: Block) -> Usual:
        lines, offsets = _lines(block)
        rows = self._decoded(lines)
        for place in self._odd(block, offsets):
            rows[place] = None
        texts = [None if row is None else self._texts(row) for row in rows]
        if not self._keys_stand_once(block.content, rows):
            for place, (line, row) in enumerate(zip(lines, rows, strict=True)):
                if row is not None and not self._keys_stand_once(line, [row]):
                    texts[place] = None
        return Usual(lines, offsets, texts)

    def _decoded(self, lines: list[bytes]) -> list[Any]:
        try:
            return [self._decode(line) for line in lines]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return [self._decoded_one(line) for line in lines]

    def _decoded_one(self, line: bytes) -> Any:
        try:
            return self._decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def _odd(self, block: Block, offsets: list[int]) -> Iterator[int]:
        """Places of lines to look at closely."""
        marks = [found.start() for found in _NOT_PLAIN.finditer(block.content)]
        place, last = 0, len(offsets) - 1
        for mark in sorted({*marks, *self._suspects(block.content)}):
            while place < last and offsets[place + 1] - block.start <= mark:
                place += 1
            yield place

    def _keys_stand_once(self, content: bytes, rows: Sequence[Any]) -> bool:
        """A key that two members of one object have is met more often than the rows can explain."""
        turns = sum(len(row.messages) if type(row) is _Chat else 1 for row in rows if row is not None)
        whole = sum(row is not None for row in rows)
        wanted = [whole, turns, turns] if len(self._keys) == 3 else [whole] * len(self._keys)
        return [content.count(key) for key in self._keys] == wanted


def _lines(block: Block) -> tuple[list[bytes], list[int]]:
    lines = block.content.split(b"\n")
    offsets = list(accumulate([len(line) + 1 for line in lines], initial=block.start))
    if not lines[-1]:
        lines.pop()
    return lines, offsets[: len(lines)]


def _chat_texts(row: _Chat) -> Texts | None:
    turns = row.messages
    count = len(turns)
    if count == 3:
        first, asked, answered = turns
        if first.role != "system" or not first.content or first.content.isspace():
            return None
        system = first.content
        if not (system.isascii() or not misdecoded(system)):
            return None
    elif count == 2:
        system, (asked, answered) = None, turns
    else:
        return None
    if asked.role != "user" or answered.role != "assistant":
        return None
    return _checked(system, asked.content, answered.content)


def _pair_texts(row: Any) -> Texts | None:
    user, answer = row.user, row.answer
    outer = (user[:1], user[-1:], answer[:1], answer[-1:])
    return None if any(map(str.isspace, outer)) else _checked(None, user, answer)


def _checked(system: str | None, user: str, answer: str) -> Texts | None:
    """The texts, if they are no business of any rule."""
    if not user or not answer or user.isspace() or answer.isspace() or is_suspicious(answer):
        return None
    if (user.isascii() or not misdecoded(user)) and (answer.isascii() or not misdecoded(answer)):
        return system, user, answer
    return None
