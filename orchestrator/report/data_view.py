"""What the data page shows, as frozen records: counts and a few first rows, never the rows themselves.

So a page about two million rows is as small as one about ten. Texts in it come from the data and are not to be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .twin import plain

__all__ = [
    "DataPicture",
    "FileView",
    "FixView",
    "Histogram",
    "LabelBar",
    "LabelsView",
    "LengthsView",
    "LimitView",
    "Measure",
    "RepeatsView",
    "RuleView",
    "Spot",
]

Severity = Literal["error", "warning", "info"]
Scale = Literal["linear", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One place in the data: `pairs.jsonl, line 6`, and what stands there."""

    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """What one rule found, or dropped: how many rows, why that matters, and the first of them."""

    rule: str
    severity: Severity
    count: int
    why: str
    fix: str
    first: tuple[Spot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatsView:
    """Rows that are like others, of one kind: `exact`, `near`, `contradiction` or `leak`."""

    kind: Literal["exact", "near", "contradiction", "leak"]
    rules: tuple[str, ...]
    count: int
    first: tuple[Spot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FixView:
    """One kind of safe fix: how often it was applied, and the first of them as `before → after`."""

    rule: str
    why: str
    count: int
    first: tuple[Spot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """What was recognised in one file. `columns`: meaning → column name."""

    file: str
    format: str
    encoding: str
    shape: str
    rows: int
    columns: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelBar:
    """Rows of one label on each side: train, validation, test."""

    label: str
    counts: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsView:
    """The most frequent labels, and how many labels and rows the rest is. `untested`: labels without a test row."""

    labels: int
    top: tuple[LabelBar, ...]
    rest_labels: int
    rest_rows: int
    least: LabelBar | None
    untested: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """`counts[i]` rows have from `edges[i]` up to, but not including, `edges[i + 1]` tokens.

    `answer_shares[i]`: the share of those rows' tokens that are the answer's. Empty but for whole rows.
    """

    edges: tuple[int, ...]
    counts: tuple[int, ...]
    scale: Scale
    answer_shares: tuple[float, ...] = ()

    @property
    def ranges(self) -> tuple[tuple[int, int, int], ...]:
        """First and last length of each bar, and its rows."""
        pairs = zip(self.edges, self.edges[1:], self.counts, strict=False)
        return tuple((start, end - 1, count) for start, end, count in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Lengths of one part of the rows, in tokens. Quantiles are those of rows that exist (no interpolation)."""

    total: int
    mean: float
    least: int
    low: int
    median: int
    high: int
    p90: int
    p99: int
    longest: int
    histogram: Histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """The longest row that one target trains on, and what truncation there would lose of these rows."""

    target: str
    limit_tokens: int
    rows_over: int
    tokens_lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthsView:
    """Lengths of prompts, of answers and of whole rows. `margin`: share by which an estimate may be off, 0 if exact."""

    tokenizer: str
    margin: float
    prompt: Measure
    answer: Measure
    whole: Measure
    limits: tuple[LimitView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPicture:
    """One set of pairs, as it was checked. `sides`: rows to train, to validate, and held out.

    `lengths` None: tokens were not counted. `labels` None: the answers are no labels. `fixed` None: no fixes were asked
    for. `dropped_file`: where the dropped rows are kept, if they are.
    """

    pairs: str
    usable: bool
    task: str
    sha256: str
    rows_read: int
    rows_kept: int
    sides: tuple[int, int, int]
    split_by: str
    moved: int
    files: tuple[FileView, ...]
    more_files: int
    findings: tuple[RuleView, ...]
    dropped: tuple[RuleView, ...]
    repeats: tuple[RepeatsView, ...]
    fixed: tuple[FixView, ...] | None = None
    labels: LabelsView | None = None
    lengths: LengthsView | None = None
    dropped_file: str | None = None

    @property
    def rows_dropped(self) -> int:
        """Rows read and not used."""
        return sum(group.count for group in self.dropped)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, every field present."""
        document: dict[str, Any] = plain(self)
        return document
