"""Tokens of a file that only a sample was read of: estimated from its windows, with ends that hold it at 95 %.

Three things make the ends: which windows were drawn, which rows the split will put on a side (both random, added as
variances), and what the platform's own count may differ by (a bound, put around the rest).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil, floor, sqrt
from typing import TYPE_CHECKING, NamedTuple

from providers.records import ModelFacts, TokenRules

from .records import Ends, SampleNote, Spread, TokenCount
from .tokens import count

if TYPE_CHECKING:
    from ..dataset.lengths import Lengths
    from ..dataset.samples import SampleShare
    from ..stats.clusters import Floats

__all__ = ["CONFIDENCE", "count_share", "note_of"]

CONFIDENCE = Decimal("0.95")


def count_share(share: SampleShare, rules: TokenRules, facts: ModelFacts) -> TokenCount:
    """Like `tokens.count`, of a side of what was sampled; `low` and `high` hold the tokens at 95 %.

    Each window is counted as a small file would be. Rows are estimated from the mean of the windows, and tokens from
    their ratio to bytes, which is known of the whole (`stats.clusters`).
    """
    counts = [count(lengths, rules, facts) for lengths in share.lengths]
    tell = _Teller(share)
    by_bytes = not rules.pads_to_context  # padded rows are all as long as each other, whatever their bytes

    def ends(values: Sequence[int], column: str) -> _Range:
        return tell.about(values, column, by_bytes=by_bytes)

    rows = tell.about([one.rows for one in counts], "rows", by_bytes=False)
    tokens = ends([one.tokens for one in counts], "")
    low, high = ends([one.low for one in counts], ""), ends([one.high for one in counts], "")
    prompt = tell.about([one.prompt_tokens for one in counts], "prompt")
    answer = tell.about([one.answer_tokens for one in counts], "answer")
    fewer, more = low.value / (tokens.value or 1), high.value / (tokens.value or 1)
    return TokenCount(
        rows=round(rows.value),
        tokens=round(tokens.value),
        low=floor(low.low),
        high=ceil(high.high),
        exact=False,
        truncated_rows=round(tell.about([one.truncated_rows for one in counts], "").value),
        truncated_tokens=round(tell.about([one.truncated_tokens for one in counts], "").value),
        prompt_tokens=round(prompt.value),
        answer_tokens=round(answer.value),
        spread=Spread(rows.ends(), tokens.ends(), prompt.ends(fewer, more), answer.ends(fewer, more)),
    )


def note_of(share: SampleShare, counted: TokenCount) -> SampleNote:
    """What a quote says of its sample. `counted`: the share by one platform's rules."""
    sample, spread = share.sample, counted.spread
    assert spread is not None
    whole = _Teller(replace(share, share=1.0)).about(
        [len(lengths) for lengths in share.lengths], "rows", by_bytes=False
    )
    off = Decimal(spread.tokens.high - spread.tokens.low) * 50 / max(1, counted.tokens)
    return SampleNote(
        rows_read=sample.rows_read,
        rows_dropped=sum(sample.dropped.values()),
        rows=sample.about_rows,
        rows_ends=whole.ends(),
        windows=len(sample.windows.sizes),
        bytes_read=sum(sample.windows.sizes),
        bytes_there=sample.windows.size,
        seed=sample.windows.seed,
        confidence=CONFIDENCE,
        percent_off=off.quantize(Decimal("0.1")),
    )


class _Range(NamedTuple):
    """An estimate with its interval."""

    value: float
    low: float
    high: float

    def ends(self, fewer: float = 1, more: float = 1) -> Ends:
        """Whole numbers that hold it, and what bounds it on either side."""
        return Ends(floor(self.low * fewer), ceil(self.high * more))


@dataclass(frozen=True, slots=True)
class _Teller:
    """Estimates sums over the rows of a share."""

    share: SampleShare

    def about(self, values: Sequence[int], column: str, *, by_bytes: bool = True) -> _Range:
        """The sum over the share of what each window holds.

        `column`: whose unevenness from row to row tells how far the split may be off from its share: "rows", "prompt",
        "answer", or "" for prompt and answer. A random share p of rows has the relative variance
        (1 − p) / p × Σ v² / (Σ v)².
        """
        from ..stats.clusters import mean_total, ratio_total, t_quantile

        windows, part = self.share.sample.windows, self.share.share
        if by_bytes:
            total = ratio_total(values, windows.sizes, windows.count, windows.size)
        else:
            total = mean_total(values, windows.count)
        value = part * total.value
        split = value**2 * (1 - part) / part * self._unevenness(column)
        freedom = len(windows.sizes) - 1
        half = t_quantile(float((1 + CONFIDENCE) / 2), freedom) * sqrt((part * total.error) ** 2 + split)
        return _Range(value, max(0.0, value - half), value + half)

    def _unevenness(self, column: str) -> float:
        """Σ v² / (Σ v)² over the rows of the whole, which are as many times more as there are more windows."""
        windows, values = self.share.sample.windows, _values(self.share.lengths, column)
        total = float(values.sum())
        return len(windows.sizes) / windows.count * float((values**2).sum()) / total**2 if total else 0.0


def _values(windows: Sequence[Lengths], column: str) -> Floats:
    """What each row has of it."""
    import numpy as np

    usual = np.concatenate([lengths.usual for lengths in windows])
    if column == "rows":
        return np.ones(len(usual))
    prompt, answer = (usual[name].astype(np.float64) for name in ("prompt", "answer"))
    values: Floats = {"prompt": prompt, "answer": answer}.get(column, prompt + answer)
    return values
