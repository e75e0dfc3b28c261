"""Counts the tokens a platform would bill for some examples. Exact where its tokenizer is at hand, bounded where not.

Prices and epochs are left to the quote: these are the tokens of one pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache

from providers.records import Example, JsonObject, Message, ModelFacts, TokenRules
from providers.tokenizer import encoding, encoding_names

from .records import TokenCount

__all__ = ["count"]

PROXY_ENCODING = "o200k_base"
"""Counts for models whose own vocabulary is not at hand, within the margin that their facts state."""

FALLBACK_MARGIN = Decimal("0.30")
"""For facts that name a vocabulary we do not carry: the widest margin of our own measured model families."""

_REMEMBERED_CHARACTERS = 2048  # times 1,024 entries: a few megabytes at the most

_NAME_TOKENS = 1  # openai-cookbook, How_to_count_tokens_with_tiktoken: `tokens_per_name`
_LOW_DETAIL_IMAGE = 85  # OpenAI vision guide: an image with detail "low"
_IMAGE, _LARGEST_IMAGE = 765, 1445  # the same guide: 85 + 170 per tile, at 4 tiles and at the most, 8
_JSON_LEAST, _JSON_MOST = Decimal("0.5"), Decimal("1.25")  # tools are rewritten in a form that no platform publishes


@dataclass(slots=True)
class _Size:
    """Tokens, and by how much the platform may count fewer or more because part of the form is unpublished."""

    tokens: int = 0
    fewer: int = 0
    more: int = 0

    def add(self, other: _Size) -> None:
        self.tokens += other.tokens
        self.fewer += other.fewer
        self.more += other.more


def count(examples: Iterable[Example], rules: TokenRules, facts: ModelFacts) -> TokenCount:
    """One pass over `examples` in constant memory.

    Per example: `per_example` + Σ over messages (`per_message` + tokens(role) + tokens(content)), cut at
    `truncate_at` (source: openai-cookbook, and `rules.source`). Unpacked training bills rows × context instead.
    """
    meter = _Meter(rules, facts)
    total = _Size()
    rows = prompts = answers = cut_rows = cut_tokens = 0
    for example in examples:
        prompt, answer = meter.prompt(example), meter.text(example.answer)
        whole = meter.whole(example, prompt)
        lost = max(0, whole.tokens - rules.truncate_at) if rules.truncate_at else 0
        whole.tokens -= lost
        total.add(whole)
        rows, prompts, answers = rows + 1, prompts + prompt.tokens, answers + answer
        cut_rows, cut_tokens = cut_rows + bool(lost), cut_tokens + lost
    if rules.pads_to_context and rules.truncate_at:
        total = _Size(rows * rules.truncate_at)
        margin = Decimal(0)
    else:
        margin = meter.margin
    return TokenCount(
        rows=rows,
        tokens=total.tokens,
        low=_scaled(total.tokens - total.fewer, 1 - margin, ROUND_FLOOR),
        high=_scaled(total.tokens + total.more, 1 + margin, ROUND_CEILING),
        exact=margin == 0 and total.fewer == 0 and total.more == 0,
        truncated_rows=cut_rows,
        truncated_tokens=cut_tokens,
        prompt_tokens=prompts,
        answer_tokens=answers,
    )


def _scaled(tokens: int, share: Decimal, rounding: str) -> int:
    return int((tokens * share).to_integral_value(rounding))


class _Meter:
    """One tokenizer and one set of rules; short texts that repeat (roles, labels, system prompts) are remembered."""

    def __init__(self, rules: TokenRules, facts: ModelFacts) -> None:
        own = facts.tokenizer if facts.tokenizer in encoding_names() else None
        self._encode = encoding(own or PROXY_ENCODING).encode_ordinary
        self.margin = facts.token_margin if own or not facts.tokenizer else max(facts.token_margin, FALLBACK_MARGIN)
        self._remembered = lru_cache(maxsize=1024)(self._measure)
        self._rules = rules

    def text(self, text: str) -> int:
        """Tokens of one text."""
        return self._remembered(text) if len(text) <= _REMEMBERED_CHARACTERS else self._measure(text)

    def _measure(self, text: str) -> int:
        return len(self._encode(text))

    def whole(self, example: Example, prompt: _Size) -> _Size:
        """The example as trained: its prompt, already measured, and the final answer turn."""
        size = _Size(prompt.tokens, prompt.fewer, prompt.more)
        for message in example.messages[len(example.prompt) :]:
            size.add(self._message(message))
        return size

    def prompt(self, example: Example) -> _Size:
        """The turns before the answer, tools and the per-example overhead: what asking it costs."""
        size = _Size(self._rules.per_example)
        for message in example.prompt:
            size.add(self._message(message))
        if example.tools:
            size.add(self._unpublished(example.tools))
        return size

    def _message(self, message: Message) -> _Size:
        size = _Size(self._rules.per_message + self.text(message.role) + self.text(message.text))
        if message.name:
            size.tokens += _NAME_TOKENS + self.text(message.name)
        if message.reasoning:
            size.tokens += self.text(message.reasoning)
        if message.tool_calls:
            size.add(self._unpublished(message.tool_calls))
        if isinstance(message.content, tuple):
            for part in message.content:
                size.add(_image(part))
        return size

    def _unpublished(self, objects: tuple[JsonObject, ...]) -> _Size:
        tokens = self.text(json.dumps(objects, ensure_ascii=False, default=dict, separators=(",", ":")))
        least, most = _scaled(tokens, _JSON_LEAST, ROUND_FLOOR), _scaled(tokens, _JSON_MOST, ROUND_CEILING)
        return _Size(tokens, tokens - least, most - tokens)


def _image(part: JsonObject) -> _Size:
    if part.get("type") != "image_url":
        return _Size()
    url = part.get("image_url")
    if isinstance(url, dict) and url.get("detail") == "low":
        return _Size(_LOW_DETAIL_IMAGE)
    return _Size(_IMAGE, _IMAGE - _LOW_DETAIL_IMAGE, _LARGEST_IMAGE - _IMAGE)
