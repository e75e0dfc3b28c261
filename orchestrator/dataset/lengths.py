"""Tokens of rows, by one tokenizer: a few numbers a row, from which any platform's rules make what it will bill.

What a platform adds around turns, truncates or bills is left to `costing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from providers.records import Example, JsonObject, Message
from providers.tokenizers import Counter

__all__ = ["ODD", "USUAL", "Lengths", "Meter", "Texts", "measure"]

USUAL = np.dtype([("prompt", "<u4"), ("answer", "<u4"), ("turns", "<u2"), ("system", "?")])
"""prompt: names of roles and texts of every turn before the answer. answer: its text. turns: those of the prompt.
system: whether one of them is the system's."""

ODD = np.dtype(
    [
        ("row", "<u4"),
        ("unanswered", "?"),
        ("beside", "<u4"),
        ("rejected", "<u4"),
        ("prompt_json", "<u4"),
        ("answer_json", "<u4"),
        ("images", "<u2"),
        ("small_images", "<u2"),
    ]
)
"""What few rows have. unanswered: there is no answer turn. beside: name and reasoning of the answer turn. rejected: the
worse answer. prompt_json, answer_json: tools and calls as compact JSON. images, and those with `detail` low."""

_NAME_TOKENS = 1  # openai-cookbook, How_to_count_tokens_with_tiktoken: `tokens_per_name`
_BLOCK_ROWS = 1000
_REMEMBERED_CHARACTERS = 2048  # times 1,024 entries: a few megabytes at the most


@dataclass(frozen=True, slots=True, eq=False)
class Lengths:
    """`usual`: one `USUAL` entry a row. `odd`: an `ODD` entry for each row that has more to it, by row."""

    usual: NDArray[Any]
    odd: NDArray[Any]
    answer_role: int
    """Tokens of the word `assistant`."""

    def __len__(self) -> int:
        return len(self.usual)

    def of(self, chosen: NDArray[np.intp]) -> Lengths:
        """The lengths of the chosen rows, which are given in ascending order."""
        place = np.searchsorted(chosen, self.odd["row"])
        inside = place < len(chosen)
        inside[inside] = chosen[place[inside]] == self.odd["row"][inside]
        odd = self.odd[inside].copy()
        odd["row"] = place[inside]
        return Lengths(self.usual[chosen], odd, self.answer_role)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """The lengths one after the other."""
        odds, start = [], 0
        for part in parts:
            odd = part.odd.copy()
            odd["row"] += start
            odds.append(odd)
            start += len(part)
        return cls(np.concatenate([part.usual for part in parts]), np.concatenate(odds), parts[0].answer_role)


Texts = tuple[str | None, str, str]
"""System, user and answer text of a usual row."""


class Meter:
    """Measures rows with one counter. Texts of usual rows are counted a block at a time, for speed."""

    def __init__(self, counter: Counter) -> None:
        self._count = counter.count
        self._remembered = lru_cache(maxsize=1024)(self._count_one)
        self._usual: list[NDArray[Any]] = []
        self._odd: list[tuple[Any, ...]] = []
        self._rows = 0

    def add(self, rows: Sequence[Texts | Example]) -> None:
        """A block of rows, in order."""
        made = np.zeros(len(rows), USUAL)
        others = [(place, row) for place, row in enumerate(rows) if isinstance(row, Example)]
        texts = [row for row in rows if not isinstance(row, Example)] if others else rows
        where = np.ones(len(rows), bool)
        where[[place for place, _ in others]] = False
        if texts:
            made[where] = self._measured(texts)  # type: ignore[arg-type]  # the examples were taken out
        for place, example in others:
            made[place] = self._one(example, self._rows + place)
        self._usual.append(made)
        self._rows += len(rows)

    def lengths(self) -> Lengths:
        """What was measured."""
        usual = np.concatenate([np.empty(0, USUAL), *self._usual])
        return Lengths(usual, np.array(self._odd, ODD), self.tokens("assistant"))

    def tokens(self, text: str) -> int:
        """Tokens of one text; short ones that repeat (roles, labels, system prompts) are remembered."""
        return self._remembered(text) if len(text) <= _REMEMBERED_CHARACTERS else self._count_one(text)

    def _measured(self, rows: Sequence[Texts]) -> NDArray[Any]:
        systems, users, answers = zip(*rows, strict=True)
        made = np.empty(len(rows), USUAL)
        costs = {text: 0 if text is None else self.tokens(text) + self.tokens("system") for text in set(systems)}
        framed = np.array([costs[text] for text in systems])
        made["prompt"] = np.asarray(self._count(users)) + self.tokens("user") + framed
        made["answer"] = self._count(answers)
        made["system"] = framed > 0
        made["turns"] = 1 + made["system"]
        return made

    def _one(self, example: Example, row: int) -> tuple[int, int, int, bool]:
        prompt = example.prompt
        final = example.messages[len(prompt) :]
        odd = (
            not final,
            sum(map(self._beside, final)),
            sum(self.tokens(turn.text) + self._beside(turn) for turn in example.rejected),
            sum(self._json(turn.tool_calls) for turn in prompt) + self._json(example.tools),
            sum(self._json(turn.tool_calls) for turn in final),
            *_images(example.messages),
        )
        if any(odd):
            self._odd.append((row, *odd))
        system = any(turn.role == "system" for turn in prompt)
        return sum(map(self._turn, prompt)), self.tokens(example.answer), len(prompt), system

    def _count_one(self, text: str) -> int:
        return int(self._count([text])[0])

    def _turn(self, message: Message) -> int:
        return self.tokens(message.role) + self.tokens(message.text) + self._beside(message)

    def _beside(self, message: Message) -> int:
        name = _NAME_TOKENS + self.tokens(message.name) if message.name else 0
        return name + (self.tokens(message.reasoning) if message.reasoning else 0)

    def _json(self, objects: tuple[JsonObject, ...]) -> int:
        if not objects:
            return 0
        return self.tokens(json.dumps(objects, ensure_ascii=False, default=dict, separators=(",", ":")))


def measure(examples: Iterable[Example], counter: Counter) -> Lengths:
    """The lengths of some examples, in one pass and constant memory beside the result."""
    meter, stream = Meter(counter), iter(examples)
    while block := list(islice(stream, _BLOCK_ROWS)):
        meter.add(block)
    return meter.lengths()


def _images(messages: Iterable[Message]) -> tuple[int, int]:
    """Images, and how many of them ask for low detail."""
    parts = [part for message in messages if isinstance(message.content, tuple) for part in message.content]
    urls = [part.get("image_url") for part in parts if part.get("type") == "image_url"]
    return len(urls), sum(isinstance(url, dict) and url.get("detail") == "low" for url in urls)
