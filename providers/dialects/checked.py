"""The frame of every format that is no chat line: refuse by name, write, read, refuse again by the same rules."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from ..records import Example, JsonObject
from .calls import plainly
from .conversation import BadLine
from .refusals import Feature, Refusal, untaken
from .strict import encode_strictly, unsupported

__all__ = ["Checked", "Ranked", "must_be", "only_keys"]

_AT_MESSAGE = re.compile(r"messages\[(\d+)\]")


class Checked(ABC):
    """`decode(encode(x)) == plainly(x)`: what differs is spelling only (see `plainly`)."""

    name: str
    takes: frozenset[Feature]
    column = "messages"
    system = "system"
    answers_together = False

    def encode(self, example: Example) -> JsonObject:
        """The line. Raises `Unsupported` naming the first thing that this format cannot express."""
        encode_strictly(example, self.name)
        plain = plainly(example)
        for refusal in self._refusals(plain):
            raise unsupported(self.name, refusal.what, refusal.fix)
        return self._write(plain)

    def decode(self, line: JsonObject) -> Example:
        """The example back. Raises `InvalidData` naming the field."""
        example = plainly(self._read(line))
        for refusal in self._refusals(example):
            field = self._field(refusal.field, example)
            raise BadLine(f"holds {refusal.what}", field=field, reason=refusal.reason, fix=refusal.fix)
        return example

    def _field(self, field: str, example: Example) -> str:
        """The place in this format's line of a place in a chat line."""
        found = _AT_MESSAGE.match(field)
        if found is None:
            return field
        turns, index = example.messages, int(found[1])
        if turns[index].role == "system" and index == 0:
            return self.system
        before = turns[: index + 1]
        joined = sum(a.role == b.role == "tool" for a, b in pairwise(before)) if self.answers_together else 0
        return f"{self.column}[{index - joined - (turns[0].role == 'system')}]{field[found.end() :]}"

    def _refusals(self, example: Example) -> Iterator[Refusal]:
        yield from untaken(example, self.takes)
        yield from self._rules(example)

    @abstractmethod
    def _rules(self, example: Example) -> Iterator[Refusal]:
        """What this format demands beyond the features that it takes."""

    @abstractmethod
    def _write(self, example: Example) -> JsonObject:
        """The line of an example that nothing is refused of."""

    @abstractmethod
    def _read(self, line: JsonObject) -> Example:
        """The example of a line. Raises `BadLine`."""


class Ranked(Checked):
    """A format of preferences: the answer of the conversation is the better one, beside exactly one that is worse."""

    def encode(self, example: Example) -> JsonObject:
        """The line. Raises `Unsupported`, also without exactly one rejected answer."""
        if [turn.role for turn in example.rejected] != ["assistant"]:
            fix = "give one rejected answer, or choose a supervised format"
            count = len(example.rejected)
            what = f"a row with {count} rejected turns" if count else "a row without a rejected answer"
            raise unsupported(self.name, what, fix)
        for messages in (example.messages, (*example.prompt, *example.rejected)):
            encode_strictly(replace(example, messages=messages, rejected=()), self.name)
        plain = plainly(example)
        for refusal in self._refusals(plain):
            raise unsupported(self.name, refusal.what, refusal.fix)
        return self._write(plain)

    def _refusals(self, example: Example) -> Iterator[Refusal]:
        yield from super()._refusals(example)
        yield from untaken(Example(example.rejected), self.takes)
        for turn, at in ((example.messages[-1], "chosen"), *((turn, "rejected") for turn in example.rejected)):
            if turn.tool_calls:
                yield Refusal("a preference between tool calls", "give both answers as text", at, "preference")


def only_keys(value: Any, keys: Collection[str], at: str = "") -> JsonObject:
    """The object, when it holds no other key. Raises `BadLine` naming the first that is strange."""
    if not isinstance(value, dict):
        raise BadLine("must be an object", field=at)
    for key in value:
        if key not in keys:
            raise BadLine("is no key of this format", field=f"{at}.{key}" if at else key, reason="unknown")
    return value


def must_be(value: Any, kind: type, at: str, what: str, reason: str = "content") -> Any:
    """The value, when it is of this type and not empty where it is a list. Raises `BadLine`."""
    if not isinstance(value, kind) or (kind is list and not value):
        raise BadLine(f"must be {what}", field=at, reason=reason)
    return value
