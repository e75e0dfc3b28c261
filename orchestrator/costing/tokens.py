"""Makes the tokens a platform would bill out of the lengths of rows: exact with its own tokenizer, else bounded.

Prices and epochs are left to the quote: these are the tokens of one pass. Measuring is left to `dataset.lengths`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from providers.records import Example, ModelFacts, TokenRules
from providers.tokenizers import counter, is_available

from .records import TokenCount

if TYPE_CHECKING:
    from numpy import integer
    from numpy.typing import NDArray

    from ..dataset.lengths import Lengths

__all__ = ["RowTokens", "count", "margin_of", "row_tokens", "tokenizer_of"]

PROXY_TOKENIZER = "o200k_base"
"""Counts for models whose own vocabulary is not at hand, within the margin that their facts state."""

FALLBACK_MARGIN = Decimal("0.30")
"""For facts that name a vocabulary we do not carry: o200k was up to 21.5 % off on 6,599 English rows of ten others."""

_LOW_DETAIL_IMAGE = 85  # OpenAI vision guide: an image with detail "low"
_IMAGE, _LARGEST_IMAGE = 765, 1445  # the same guide: 85 + 170 per tile, at 4 tiles and at the most, 8
_JSON_LEAST, _JSON_MOST = Decimal("0.5"), Decimal("1.25")  # tools are rewritten in a form that no platform publishes


def tokenizer_of(facts: ModelFacts) -> str:
    """The tokenizer that counts for this model: its own, or the proxy where that is not at hand."""
    return facts.tokenizer if facts.tokenizer and is_available(facts.tokenizer) else PROXY_TOKENIZER


def count(rows: Iterable[Example] | Lengths, rules: TokenRules, facts: ModelFacts) -> TokenCount:
    """One pass over the rows: examples, or their lengths by `tokenizer_of(facts)`.

    Per example: `per_example` + Σ over messages (`per_message` + tokens(role) + tokens(content)), cut at
    `truncate_at` (source: openai-cookbook, and `rules.source`). Unpacked training bills rows × context instead.
    A rejected answer counts as `counts_rejected` says, on top.
    """
    from ..dataset.lengths import Lengths, measure

    lengths = rows if isinstance(rows, Lengths) else measure(rows, counter(tokenizer_of(facts)))
    bill = _Bill(lengths, rules)
    lost = _lost(bill.whole, rules)
    rejected = bill.rejected - _lost(bill.rejected, rules)
    tokens = int(bill.whole.sum(dtype="int64")) - int(lost.sum(dtype="int64")) + int(rejected.sum(dtype="int64"))
    fewer, more, margin = bill.fewer, bill.more, margin_of(facts)
    if rules.pads_to_context and rules.truncate_at:
        tokens, fewer, more, margin = len(lengths) * rules.truncate_at, 0, 0, Decimal(0)
    return TokenCount(
        rows=len(lengths),
        tokens=tokens,
        low=_scaled(tokens - fewer, 1 - margin, ROUND_FLOOR),
        high=_scaled(tokens + more, 1 + margin, ROUND_CEILING),
        exact=margin == 0 and fewer == 0 and more == 0,
        truncated_rows=int((lost > 0).sum()),
        truncated_tokens=int(lost.sum(dtype="int64")),
        prompt_tokens=int(bill.prompt.sum(dtype="int64")),
        answer_tokens=int(lengths.usual["answer"].sum(dtype="int64")),
    )


class RowTokens(NamedTuple):
    """Tokens of each row. `answer` is what the answer turn says; the rest of `whole` is what stands around it."""

    answer: NDArray[integer[Any]]
    whole: NDArray[integer[Any]]


def row_tokens(lengths: Lengths, rules: TokenRules) -> RowTokens:
    """Each row by one platform's rules, before anything is cut."""
    answer = lengths.usual["answer"].astype("int64")
    answer[lengths.odd["row"]] += lengths.odd["beside"] + lengths.odd["answer_json"]
    return RowTokens(answer, _Bill(lengths, rules).whole)


def margin_of(facts: ModelFacts) -> Decimal:
    """The share by which counts with `tokenizer_of(facts)` may be off: 0 with the model's own tokenizer."""
    known = not facts.tokenizer or is_available(facts.tokenizer)
    return facts.token_margin if known else max(facts.token_margin, FALLBACK_MARGIN)


def _lost(whole: NDArray[integer[Any]], rules: TokenRules) -> NDArray[integer[Any]]:
    """Tokens of each row that truncation loses."""
    over = whole - (rules.truncate_at or whole.max(initial=0))
    return over.clip(min=0, out=over)


def _scaled(tokens: int, share: Decimal, rounding: str) -> int:
    return int((tokens * share).to_integral_value(rounding))


class _Bill:
    """Tokens of each row by one platform's rules; `fewer` and `more`: by how much its own count may differ, in all.

    `prompt` is what asking costs: the turns before the answer, tools and the overhead of the example. `rejected`: what
    a rejected answer adds, for the rows that have one.
    """

    def __init__(self, lengths: Lengths, rules: TokenRules) -> None:
        import numpy as np

        usual, odd = lengths.usual, lengths.odd
        row = odd["row"]
        # 32 bits a row: a row of two thousand million tokens does not exist, and millions of rows do.
        self.prompt: NDArray[integer[Any]] = usual["prompt"].astype("int32")
        self.prompt += rules.per_example
        self.prompt += usual["turns"] * np.int32(rules.per_message)
        if rules.without_system:
            self.prompt += ~usual["system"] * np.int32(rules.without_system)
        self.prompt[row] += odd["prompt_json"]
        images, small = odd["images"].astype("int32"), odd["small_images"].astype("int32")
        self.prompt[row] += (images - small) * _IMAGE + small * _LOW_DETAIL_IMAGE
        self.whole = self.prompt + usual["answer"].astype("int32")
        self.whole += rules.per_message + lengths.answer_role
        unanswered = row[odd["unanswered"]]
        self.whole[unanswered] = self.prompt[unanswered]
        self.whole[row] += odd["beside"] + odd["answer_json"]
        large = int((images - small).sum())
        self.fewer = self.more = rules.tolerance * len(usual)
        self.fewer += sum(n - _scaled(n, _JSON_LEAST, ROUND_FLOOR) for n in _unpublished(odd))
        self.fewer += large * (_IMAGE - _LOW_DETAIL_IMAGE)
        self.more += sum(_scaled(n, _JSON_MOST, ROUND_CEILING) - n for n in _unpublished(odd))
        self.more += large * (_LARGEST_IMAGE - _IMAGE)
        self._count_rejected(lengths, rules)

    def _count_rejected(self, lengths: Lengths, rules: TokenRules) -> None:
        """Once, or as a conversation of its own; where no source says which, once at least and at most the other."""
        preferring = lengths.odd[lengths.odd["rejected"] > 0]
        answers = preferring["rejected"].astype("int64") + (rules.per_message + lengths.answer_role)
        prompts = self.prompt[preferring["row"]]
        self.rejected = answers + prompts if rules.counts_rejected == "with_prompt" else answers
        if rules.counts_rejected == "unknown":
            self.more += int(prompts.sum())


def _unpublished(odd: NDArray[Any]) -> list[int]:
    """Tokens of each tool list and call as compact JSON, which no platform says how it writes."""
    return [tokens for column in ("prompt_json", "answer_json") for tokens in odd[column].tolist()]
