"""The usual rows, fast: lines of JSON with nothing out of the ordinary, without an object for each of their parts.

A row is usual when a strict parser takes it for a short conversation of plain texts, or for a pair of them, and none of
the rules could find anything in it. Whatever else there is goes the long way; this module never finds fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec

from .answer_rules import is_suspicious, misdecoded
from .lengths import Texts
from .making import Treatment
from .shapes import Layout

__all__ = ["Block", "Usual", "usual_again", "usual_reader"]

_CONTROL, _ESCAPE = b"<|", b"\\u00"
"""What a rule may object to: the start of a control token. What may hide something: an ASCII character as an escape."""


_BESIDE = (
    "extra",
    "system",
    "group",
    "accept",
    "template",
    "system_text",
    "history",
    "time",
    "reasoning",
    "held",
    "renamed",
)


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
    form = None if suspects is None or treatment.fix else _form_of(layout)
    return _nothing_usual if form is None or suspects is None else _Reader(form, suspects)


def usual_again(layout: Layout | None, treatment: Treatment) -> Callable[[Sequence[bytes]], list[Texts | None]]:
    """Reads lines that were found good before, of which only the form has to be usual."""
    form = None if treatment.fix or treatment.redactor else _form_of(layout)
    return _Again(form) if form else lambda lines: [None] * len(lines)


class _Form(NamedTuple):
    """How usual rows of one layout are taken apart. `keys`: as JSON; each stands once in a row or in a turn."""

    decode: Callable[[bytes], Any]
    keys: tuple[bytes, ...]
    texts: Texter


def _form_of(layout: Layout | None) -> _Form | None:
    if layout is None or any(getattr(layout, name) for name in _BESIDE):
        return None
    if layout.kind == "chat":
        return _Form(msgspec.json.Decoder(_Chat).decode, (b'"messages"', b'"role"', b'"content"'), _chat_texts)
    if layout.kind == "pairs":
        shape, keys = _pair(layout)
        return _Form(msgspec.json.Decoder(shape).decode, keys, _pair_texts)
    return None


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


class _Again:
    def __init__(self, form: _Form) -> None:
        self._form = form

    def __call__(self, lines: Sequence[bytes]) -> list[Texts | None]:
        texts = self._form.texts
        return [None if row is None else texts(row) for row in _decoded(self._form, lines)]


class _Reader:
    def __init__(self, form: _Form, suspects: Suspects) -> None:
        self._form, self._keys, self._suspects = form, form.keys, suspects

    def __call__(self, block: Block) -> Usual:
        lines, offsets = _lines(block)
        rows, texts_of = _decoded(self._form, lines), self._form.texts
        for place in self._odd(block, offsets):
            rows[place] = None
        texts = [None if row is None else _harmless(texts_of(row)) for row in rows]
        others = b"".join([line for line, row in zip(lines, rows, strict=True) if row is None])
        if not self._keys_stand_once(block.content, rows, others):
            for place, (line, row) in enumerate(zip(lines, rows, strict=True)):
                if row is not None and not self._keys_stand_once(line, [row]):
                    texts[place] = None
        return Usual(lines, offsets, texts)

    def _odd(self, block: Block, offsets: list[int]) -> Iterator[int]:
        """Places of lines to look at closely."""
        content = block.content
        hidden = [at for at in _places(_ESCAPE, content) if content[at + 4 : at + 5] < b"8"]
        place, last = 0, len(offsets) - 1
        for mark in sorted({*hidden, *_places(_CONTROL, content), *self._suspects(content)}):
            while place < last and offsets[place + 1] - block.start <= mark:
                place += 1
            yield place

    def _keys_stand_once(self, content: bytes, rows: Sequence[Any], others: bytes = b"") -> bool:
        """Whether no key is met more often than the rows explain: one that is may be a second of its name.

        `others`: what stands in the content beside the rows.
        """
        turns = sum(len(row.messages) if type(row) is _Chat else 1 for row in rows if row is not None)
        whole = sum(row is not None for row in rows)
        wanted = [whole, turns, turns] if len(self._keys) == 3 else [whole] * len(self._keys)
        return [content.count(key) - others.count(key) for key in self._keys] == wanted


def _places(mark: bytes, content: bytes) -> Iterator[int]:
    """Where a mark stands: several times as fast as an expression."""
    at = content.find(mark)
    while at >= 0:
        yield at
        at = content.find(mark, at + 1)


def _lines(block: Block) -> tuple[list[bytes], list[int]]:
    lines = block.content.split(b"\n")
    offsets = list(accumulate([len(line) + 1 for line in lines], initial=block.start))
    if not lines[-1]:
        lines.pop()
    return lines, offsets[: len(lines)]


def _decoded(form: _Form, lines: Sequence[bytes]) -> list[Any]:
    try:
        return [form.decode(line) for line in lines]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [_decoded_one(form, line) for line in lines]


def _decoded_one(form: _Form, line: bytes) -> Any:
    try:
        return form.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _chat_texts(row: _Chat) -> Texts | None:
    turns = row.messages
    if len(turns) == 3:
        first, asked, answered = turns
        if first.role != "system":
            return None
        system = first.content
    elif len(turns) == 2:
        system, (asked, answered) = None, turns
    else:
        return None
    if asked.role != "user" or answered.role != "assistant":
        return None
    return system, asked.content, answered.content


def _pair_texts(row: Any) -> Texts | None:
    """One-line texts with blanks around them lose them on the long way."""
    user, answer = row.user, row.answer
    if user[:1].isspace() or user[-1:].isspace() or answer[:1].isspace() or answer[-1:].isspace():
        return None
    return None, user, answer


def _harmless(texts: Texts | None) -> Texts | None:
    """The texts, if they are no business of any rule."""
    if texts is None:
        return None
    system, user, answer = texts
    if not user or not answer or user.isspace() or answer.isspace() or is_suspicious(answer):
        return None
    if system is not None and (not system or system.isspace() or (not system.isascii() and misdecoded(system))):
        return None
    if (user.isascii() or not misdecoded(user)) and (answer.isascii() or not misdecoded(answer)):
        return texts
    return None
