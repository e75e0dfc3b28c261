"""Rows as tokens under a model's own chat template: what is read, and what of it is learned.

The loss is on the assistant's turns alone. Nothing is cut unseen: rows that are too long are counted here, and whether
they are refused or cut is the order's word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["IGNORED", "Lengths", "Tokens", "UnsuitableRows", "lengths_of", "preference_row", "read_rows", "supervised"]

IGNORED = -100
"""The label of a token that is read and not learned (PyTorch's `ignore_index`)."""

_MARKED = re.compile(r"\{%-?\s*generation\b")
"""A template that marks the assistant's own words (`{% generation %}`)."""

Row = Mapping[str, Any]


class UnsuitableRows(ValueError):
    """Rows that this model cannot learn from as they stand; the message is for people."""


class Tokens(NamedTuple):
    """One row. `labels` repeat `ids` where they are learned."""

    ids: list[int]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of each row, against the most that are taken."""

    tokens: Sequence[int]
    limit: int | None

    @property
    def longer(self) -> int:
        """Rows above the limit."""
        return sum(self.limit is not None and count > self.limit for count in self.tokens)

    @property
    def lost(self) -> int:
        """Tokens above it."""
        return sum(max(0, count - self.limit) for count in self.tokens) if self.limit is not None else 0

    @property
    def text(self) -> str:
        """For people."""
        if not self.longer:
            return (
                f"{len(self.tokens):,} rows, {sum(self.tokens):,} tokens, the longest {max(self.tokens, default=0):,}"
            )
        rows = "1 row is" if self.longer == 1 else f"{self.longer:,} rows are"
        return (
            f"{rows} longer than {self.limit:,} tokens (the longest has {max(self.tokens):,}): {self.lost:,} tokens at "
            "their ends would not be learned"
        )


def read_rows(path: Path) -> list[Row]:
    """Every line's object. Raises `UnsuitableRows` naming the line."""
    rows = []
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise UnsuitableRows(f"{path.name}, line {number}: no JSON object ({error})") from error
    if not rows:
        raise UnsuitableRows(f"{path.name} holds no row")
    return rows


def supervised(tokenizer: Any, rows: Sequence[Row]) -> list[Tokens]:
    """Every conversation with the assistant's turns to learn. Raises `UnsuitableRows` naming the row."""
    _must_have_a_template(tokenizer)
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(_conversation(tokenizer, row))
        except UnsuitableRows as error:
            raise UnsuitableRows(f"row {number}: {error}") from error
        except Exception as error:
            raise UnsuitableRows(f"row {number}: the model's chat template does not take it: {error}") from error
    return found


def _conversation(tokenizer: Any, row: Row) -> Tokens:
    if "messages" not in row:
        raise UnsuitableRows("it holds no messages, so it is no row for supervised training")
    text = _rendered(tokenizer, row, row["messages"])
    told = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, places = told["input_ids"], told["offset_mapping"]
    if _MARKED.search(str(tokenizer.chat_template)):
        learned = _marked(tokenizer, row, ids)
    else:
        spans = list(_answers(tokenizer, row, text))
        learned = [any(start >= a and end <= b and end > start for a, b in spans) for start, end in places]
    if not any(learned):
        raise UnsuitableRows("nothing in it is the assistant's, so there is nothing to learn")
    return Tokens(list(ids), [one if wanted else IGNORED for one, wanted in zip(ids, learned, strict=True)])


def _answers(tokenizer: Any, row: Row, text: str) -> Iterator[tuple[int, int]]:
    """Where in `text` the assistant speaks: from after the words that open its turn to the end of that turn.

    What the template writes after an answer is learned with it, for by that the model knows to stop.
    """
    messages = row["messages"]
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = _rendered(tokenizer, row, messages[:index], opened=True) if index else ""
        after = _rendered(tokenizer, row, messages[: index + 1])
        if not after.startswith(before) or not text.startswith(after):
            raise UnsuitableRows(
                "the model's chat template writes a turn differently once others follow, so the assistant's words "
                "cannot be told from the rest; give one answer a row, or a template with {% generation %} marks"
            )
        yield len(before), len(after)


def _marked(tokenizer: Any, row: Row, ids: Sequence[int]) -> list[bool]:
    told = tokenizer.apply_chat_template(
        row["messages"], tools=_tools(row), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    if list(told["input_ids"]) != list(ids):
        raise UnsuitableRows("the tokenizer reads the rendered conversation differently each time")
    return [bool(one) for one in told["assistant_masks"]]


def _rendered(tokenizer: Any, row: Row, messages: Sequence[Row], *, opened: bool = False) -> str:
    text: str = tokenizer.apply_chat_template(
        list(messages), tools=_tools(row), tokenize=False, add_generation_prompt=opened
    )
    return text


def _tools(row: Row) -> Any:
    told = row.get("tools")
    return json.loads(told) if isinstance(told, str) else told


def preference_row(tokenizer: Any, row: Row, number: int) -> int:
    """Tokens of the longer of its two conversations. Raises `UnsuitableRows` for what holds no preference."""
    _must_have_a_template(tokenizer)
    if not {"prompt", "chosen", "rejected"} <= row.keys():
        raise UnsuitableRows(f"row {number}: it holds no prompt with a chosen and a rejected answer")
    try:
        texts = [_rendered(tokenizer, row, [*row["prompt"], *row[side]]) for side in ("chosen", "rejected")]
    except Exception as error:
        raise UnsuitableRows(f"row {number}: the model's chat template does not take it: {error}") from error
    return max(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])


def lengths_of(counts: Sequence[int], limit: int | None) -> Lengths:
    """The rows' lengths against the limit."""
    return Lengths(counts, limit)


def _must_have_a_template(tokenizer: Any) -> None:
    if not getattr(tokenizer, "chat_template", None):
        raise UnsuitableRows(
            "this model has no chat template, so nobody can say how a conversation is written for it; "
            "choose its instruction-tuned sibling, or put a chat_template.jinja into its folder"
        )
