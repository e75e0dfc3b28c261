"""What a platform takes of one file and of one row, against what an upload holds. The limits themselves are facts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from providers.contract import Dialect
from providers.dialects import Limits, format_of
from providers.errors import NotFound
from providers.records import Example, Message, ModelFacts, TokenRules

from .rules import Problem

if TYPE_CHECKING:
    from providers.tokenizers import Counter

__all__ = ["Lengths", "lengths_for", "limits_of"]

_PROXY = "o200k_base"
_WIDEST_MARGIN = 0.30  # of counts by the proxy, measured over our model families
_LEAST_OF_AN_IMAGE = 85  # an image asked for with low detail, facts 1.3
_COUNTED = 1 << 20
"""Characters of one text that are counted; a longer one is counted so far, and scaled. No text may take a second."""


def limits_of(dialect: Dialect) -> Limits:
    """The documented limits of a file in this format; for a format without facts, one row at the least."""
    try:
        return format_of(dialect.name).limits
    except NotFound:
        return Limits(least_rows=1)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Judges the lengths of rows for one model. `most`: tokens of one example; what is over is cut from its end."""

    model: str
    most: int
    rules: TokenRules
    counter: Counter
    margin: float

    def problems(self, example: Example, size: int) -> Iterator[Problem]:
        """`size`: the line's length in bytes. No token is shorter than a byte, so that most rows need no counting."""
        if size <= self.most and not _images(example):
            return
        tokens = self._tokens(example)
        if tokens * (1 - self.margin) > self.most:
            about = "about " if self.margin else ""
            lost = f"truncation loses {about}{tokens - self.most:,} from its end"
            yield Problem("too-long", f"has {about}{tokens:,} tokens, {self.model} takes {self.most:,}: {lost}")

    def _tokens(self, example: Example) -> int:
        """The rule of `TokenRules`, with tools and calls as JSON; of images the least they can be."""
        texts = [text for message in (*example.messages, *example.rejected) for text in _texts(message)]
        if example.tools:
            texts.append(json.dumps(example.tools, ensure_ascii=False))
        heads = [text[:_COUNTED] for text in texts]
        counts = self.counter.count(heads)
        scaled = sum(
            int(count) * len(text) // max(len(head), 1) for count, text, head in zip(counts, texts, heads, strict=True)
        )
        framing = self.rules.per_example + self.rules.per_message * len(example.messages)
        return scaled + framing + _images(example) * _LEAST_OF_AN_IMAGE


def lengths_for(model: ModelFacts, rules: TokenRules) -> Lengths | None:
    """None where no limit of this model is known."""
    from providers.tokenizers import counter, is_available

    most = rules.truncate_at or model.context_tokens
    if most is None:
        return None
    own = model.tokenizer if model.tokenizer and is_available(model.tokenizer) else None
    margin = float(model.token_margin) if own or not model.tokenizer else _WIDEST_MARGIN
    return Lengths(model.name, most, rules, counter(own or _PROXY), margin)


def _texts(message: Message) -> Iterator[str]:
    yield message.role
    yield message.text
    yield from filter(None, (message.name, message.reasoning))
    if message.tool_calls:
        yield json.dumps(message.tool_calls, ensure_ascii=False)


def _images(example: Example) -> int:
    parts = (part for message in example.messages if isinstance(message.content, tuple) for part in message.content)
    return sum(part.get("type") == "image_url" for part in parts)
