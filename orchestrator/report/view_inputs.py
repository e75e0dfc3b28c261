"""What went into a run, as frozen records for its report: money and dates, the data, and what is needed to repeat it.

Part of `view`, which exports all of these; see there for units and for what None means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

# ── money and dates ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyLine:
    """One item as quoted and as billed. No quoted figure means unknown beside a `basis`, and not quoted without one."""

    item: str
    low_usd: Decimal | None = None
    high_usd: Decimal | None = None
    billed_usd: Decimal | None = None
    basis: str = ""
    source: str = ""
    as_of: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandView:
    """The planning band for a whole project of this many rows: people, data, training and evaluation."""

    name: str
    rows: int | None = None
    low_usd: Decimal | None = None
    high_usd: Decimal | None = None
    low_hours: Decimal | None = None
    high_hours: Decimal | None = None
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceView:
    """What keeping the model fresh costs a year. `complete` False: `low_usd` is only "at least", and there is no high
    end; both None: not known."""

    rhythm: str
    low_usd: Decimal | None = None
    high_usd: Decimal | None = None
    complete: bool = True
    basis: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyView:
    """Quote beside bill. `complete` False: the quote's sums are only "at least", plus what `unknown` names.

    `billed_unknown` does the same for the bill. Tokens are billed tokens, estimated and as reported by the platform.
    """

    lines: tuple[MoneyLine, ...] = ()
    low_usd: Decimal | None = None
    high_usd: Decimal | None = None
    billed_usd: Decimal | None = None
    complete: bool = True
    unknown: tuple[str, ...] = ()
    billed_unknown: tuple[str, ...] = ()
    estimated_tokens: int | None = None
    billed_tokens: int | None = None
    platform_estimate_usd: Decimal | None = None
    low_hours: Decimal | None = None
    high_hours: Decimal | None = None
    actual_hours: Decimal | None = None
    budget: str = ""
    band: BandView | None = None
    maintenance: MaintenanceView | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DateView:
    """A date after which something stops. `days_left` counts from the day the report was made."""

    what: str
    on: date
    effect: str = ""
    days_left: int | None = None
    source: str = ""
    as_of: date | None = None


# ── data ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """A file as it was recognised."""

    file: str
    format: str = ""
    encoding: str = ""
    shape: str = ""
    rows: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """Something a check found, with the row (1-based, header excluded) and what to do about it."""

    rule: str
    severity: Literal["error", "warning", "info"]
    message: str
    fix: str = ""
    file: str = ""
    row: int | None = None
    field: str | None = None
    related: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedView:
    """A row that was left out, and why."""

    row: int
    file: str
    rule: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitView:
    """One part of the split. `labels`: answer → rows, where answers are labels. `uploaded` False: held out."""

    name: str
    rows: int
    uploaded: bool = True
    tokens: int | None = None
    sha256: str = ""
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataView:
    """The pairs: where they came from, what was left out, how they were split."""

    sources: tuple[SourceView, ...] = ()
    rows: int = 0
    task: str = ""
    dropped: tuple[DroppedView, ...] = ()
    findings: tuple[FindingView, ...] = ()
    splits: tuple[SplitView, ...] = ()
    sha256: str = ""
    notes: tuple[str, ...] = ()


# ── provenance ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceView:
    """A dated price row that the quote used. `usd` None: known to exist, amount unknown."""

    item: str
    model: str
    usd: Decimal | None
    per: str
    as_of: date | None = None
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceView:
    """What is needed to do it again. Every mapping goes from a name to a value printable as JSON."""

    ledger: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, int | None] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    prices: tuple[PriceView, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
