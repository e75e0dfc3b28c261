"""The frozen records of costing: what is asked, what is counted, what is quoted. Money is Decimal US dollars.

Nothing here computes a price; `Quote.to_json` is the one serialisation, with every Decimal as a plain string.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

# Imported for real, not for types alone: the ledger rebuilds a stored quote from its annotations.
from providers.records import Example, Hyperparameters, Method, Recipe, Sampling

if TYPE_CHECKING:
    from providers.contract import Platform

    from ..dataset.lengths import Lengths
    from ..dataset.samples import SampleShare
    from .overrides import Overrides

__all__ = [
    "Ask",
    "AskedBeside",
    "Band",
    "DateNote",
    "Ends",
    "Hours",
    "Item",
    "Maintenance",
    "PastBill",
    "Quote",
    "QuoteLine",
    "SampleNote",
    "Spread",
    "TokenCount",
    "TrackNote",
    "jsonable",
    "usd_limit",
    "usd_span",
    "usd_text",
]

_CENT = Decimal("0.01")
Item = Literal["training", "validation", "evaluation", "hosting", "people"]


class Ends(NamedTuple):
    """The two ends of an interval."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Intervals at 95 %: of rows and of tokens as they would be counted here; of prompts and answers as billed."""

    rows: Ends
    tokens: Ends
    prompt_tokens: Ends
    answer_tokens: Ends


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleNote:
    """How far a quote rests on a sample.

    `rows`: usable rows of the whole, estimated, with the ends of the interval at `confidence`. `rows_read` of them,
    `rows_dropped` of these not usable, in `windows` places, whose lines are `bytes_read` of `bytes_there`.
    `percent_off`: half the interval of the training tokens, in percent of them, the tokenizer's own margin not counted.
    """

    rows_read: int
    rows_dropped: int
    rows: int
    rows_ends: Ends
    windows: int
    bytes_read: int
    bytes_there: int
    seed: int
    confidence: Decimal
    percent_off: Decimal

    @property
    def text(self) -> str:
        """For people."""
        return (
            f"from a sample of {self.rows_read:,} rows (of about {self.rows:,}): tokens ±{self.percent_off} % at "
            f"{100 * self.confidence:.0f} %; duplicates, leaks and contradictions were not looked for"
        )


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one pass over some examples, after truncation; `low` and `high` bound what the platform may count.

    `exact`: counted with the platform's own tokenizer and no part whose wire format is unpublished.
    `prompt_tokens` is what asking every prompt once costs, `answer_tokens` the reference answers alone.
    `spread`: where only a sample was read, what its other numbers may be.
    """

    rows: int
    tokens: int
    low: int
    high: int
    exact: bool
    truncated_rows: int
    truncated_tokens: int
    prompt_tokens: int
    answer_tokens: int
    spread: Spread | None = None

    @property
    def about(self) -> str:
        """What stands before a number that was estimated."""
        return "about " if self.spread else ""


@dataclass(frozen=True, slots=True)
class Hours:
    """Wall-clock hours of training, and who says so."""

    low: Decimal
    high: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteLine:
    """One component. None means not known, which makes the total "at least"; `part` tells base from tuned."""

    item: Item
    low_usd: Decimal | None
    high_usd: Decimal | None
    basis: str
    source: str = ""
    as_of: date | None = None
    note: str = ""
    part: str = ""

    @property
    def name(self) -> str:
        """The component for people: "evaluation (base)"."""
        return f"{self.item} ({self.part})" if self.part else self.item

    @property
    def known(self) -> bool:
        """Both ends are known."""
        return self.low_usd is not None and self.high_usd is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The document's budget band for this many cleaned rows: a whole project's cost, people included."""

    name: Literal["small", "medium", "large"]
    from_rows: int
    to_rows: int | None
    low_usd: Decimal
    high_usd: Decimal
    hours: tuple[Decimal, Decimal]
    open_ended: bool = False

    @property
    def text(self) -> str:
        """For people: "$500-$5,000, 1-2 h"."""
        plus = "+" if self.open_ended else ""
        return f"${self.low_usd:,}-${self.high_usd:,}{plus}, {self.hours[0]}-{self.hours[1]} h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A year of upkeep at the document's rhythm: what 2 to 4 retrains cost here.

    `possible_here`: how many fit before this platform closes to new jobs (None: no end known).
    """

    every_months: tuple[int, int]
    retrains: tuple[int, int]
    low_usd: Decimal
    high_usd: Decimal
    complete: bool
    possible_here: tuple[int, int] | None = None
    note: str = ""

    @property
    def priced(self) -> bool:
        """Whether anything of the sum is known: nothing known of any part is no $0.00."""
        return self.complete or bool(self.low_usd)

    @property
    def text(self) -> str:
        """The year's sum for people; a partial one is never shown as a total."""
        if not self.priced:
            return "unknown"
        if not self.complete:
            return f"at least {usd_text(self.low_usd, rounding=ROUND_FLOOR)}"
        return usd_span(self.low_usd, self.high_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class DateNote:
    """A day on which something ends here. `warn`: it is past or fewer than 90 days away.

    `needs_word`: nothing is bought in the face of it without `--accept-sunset`.
    """

    on: date
    kind: Literal["jobs_close", "shutdown"]
    text: str
    days_left: int
    warn: bool
    source: str = ""
    needs_word: bool = False


class PastBill(NamedTuple):
    """One finished job of a platform: its model, and its bill over the middle of its quote."""

    model: str
    ratio: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackNote:
    """What earlier bills say of a quote like this one; `track` has the rule.

    `of`: whether the bills are this model's or the platform's. `low_usd` and `high_usd`: what the job is quoted at
    from counts and prices alone, before the range was opened.
    """

    bills: int
    of: Literal["model", "platform"]
    low_ratio: Decimal
    high_ratio: Decimal
    low_usd: Decimal
    high_usd: Decimal
    widened: bool

    @property
    def text(self) -> str:
        """For people."""
        low, high = (
            ratio.quantize(_CENT, rounding=rounding)
            for ratio, rounding in ((self.low_ratio, ROUND_FLOOR), (self.high_ratio, ROUND_CEILING))
        )
        here = "of this model " if self.of == "model" else ""
        opened = "; the range is opened to that" if self.widened else ""
        return f"your last {self.bills} jobs {here}here were billed {low} to {high} of the quoted middle{opened}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedBeside:
    """Prompts to be asked beside the held-out ones, named by `part`: the base or not, and how many tuned models."""

    part: str
    rows: Sequence[Example] | Lengths | SampleShare
    base: bool = True
    tuned: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is to be quoted. `rows_cleaned` picks the band; `on` is today, always injected.

    The rows of each share are examples, or their lengths by the tokenizer that `tokenizer_of` names for the model, or
    what a sample says of those; then all three are of one sample.

    `hosting_hours`: how long a tuned model is to be served where serving bills by the hour. `people_usd`: the user's
    own figure for people and data, None where not given. `sandbox`: what is spent there is not money.
    `own_host`: it is the platform itself, for which our dates of its end hold.
    `past`: bills of this platform, the newest first. `beside`: what is asked beside the held-out prompts. `batched`:
    questions are asked by the platform's batches.
    """

    platform: Platform
    model: str
    method: Method
    hyperparameters: Hyperparameters
    train: Sequence[Example] | Lengths | SampleShare
    validation: Sequence[Example] | Lengths | SampleShare
    test: Sequence[Example] | Lengths | SampleShare
    sampling: Sampling
    rows_cleaned: int
    on: date
    hosting_hours: Decimal = Decimal(0)
    overrides: Overrides | None = None
    people_usd: Decimal | None = None
    sandbox: bool = False
    own_host: bool = True
    past: Sequence[PastBill] = ()
    beside: Sequence[AskedBeside] = ()
    batched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What one run will cost at one platform, before anything is sent.

    `low_usd`, `high_usd`, `complete` and `unknown` are the platform's own bill (training, validation, evaluation,
    hosting): what a budget reserves. Not complete: the sums hold what is known, and are only "at least".
    `project_low_usd` and `project_high_usd` add the people's figure, None where that or any part is not known; they
    are what compares with `band`. `as_of` is the oldest price row used. `sample`: where only a part of the pairs was
    read, how far that may be off; low and high hold it.
    """

    provider: str
    model: str
    method: Method
    recipe: Recipe
    lines: tuple[QuoteLine, ...]
    low_usd: Decimal
    high_usd: Decimal
    complete: bool
    unknown: tuple[str, ...]
    train_tokens: TokenCount
    validation_tokens: TokenCount
    test_tokens: TokenCount
    billed_tokens: int
    hours: tuple[Decimal, Decimal] | None
    hours_source: str
    band: Band | None
    band_text: str
    project_low_usd: Decimal | None
    project_high_usd: Decimal | None
    maintenance: Maintenance
    dates: tuple[DateNote, ...]
    serving: str
    customisation: str
    sandbox: bool
    on: date
    as_of: date | None
    warnings: tuple[str, ...] = ()
    sample: SampleNote | None = None
    track: TrackNote | None = None

    @property
    def priced(self) -> bool:
        """As `Maintenance.priced`, of the platform's bill."""
        return self.complete or bool(self.low_usd)

    @property
    def total_text(self) -> str:
        """The platform's bill for people; a partial sum is never shown as a total."""
        money = "play money, " if self.sandbox else ""
        unknown = ", ".join(self.unknown)
        if not self.priced:
            return f"{money}unknown ({unknown})"
        if not self.complete:
            return f"{money}at least {usd_text(self.low_usd, rounding=ROUND_FLOOR)}, plus unknown {unknown}"
        return f"{money}{usd_span(self.low_usd, self.high_usd)}"

    def to_json(self) -> dict[str, Any]:
        """Every field, Decimals as plain strings, dates in ISO form, and the total in words."""
        told = jsonable(self)
        assert isinstance(told, dict)
        return {**told, "total": self.total_text}


def usd_text(usd: Decimal, *, rounding: str = ROUND_HALF_EVEN) -> str:
    """Dollars for people: cents, or two significant digits where a price is so small that cents would say little.

    `rounding`: as `decimal` names it, ROUND_CEILING for the most that something may cost, ROUND_FLOOR for the least.
    """
    return _written(usd, _places(usd), rounding)


def usd_span(low_usd: Decimal, high_usd: Decimal) -> str:
    """Both ends with equal digits, each rounded outwards, so that the true bill lies between: $0.009 to $0.015.

    A low end too small for those digits is left out, "up to $0.23", for it is not nothing.
    """
    places = _places(high_usd)
    high = _written(high_usd, places, ROUND_CEILING)
    if low_usd == high_usd:
        return high
    if 0 < low_usd < Decimal(1).scaleb(-places):
        return f"up to {high}"
    return f"{_written(low_usd, places, ROUND_FLOOR)} to {high}"


def usd_limit(usd: Decimal) -> str:
    """An amount that somebody set, such as a cap: every digit of it, and at least cents."""
    exponent = usd.normalize().as_tuple().exponent
    return _written(usd, max(2, -exponent if isinstance(exponent, int) else 2), ROUND_HALF_EVEN)


def _places(usd: Decimal) -> int:
    """Decimal places for two significant digits; two from ten cents on, and for whole cents."""
    if abs(usd) >= Decimal("0.1") or usd % _CENT == 0:
        return 2
    return 1 - usd.adjusted()


def _written(usd: Decimal, places: int, rounding: str) -> str:
    enough = Context(prec=max(28, usd.adjusted() + places + 2))
    return f"${usd.quantize(Decimal(1).scaleb(-places), rounding=rounding, context=enough):,f}"


def jsonable(value: Any) -> Any:
    """Frozen records as plain JSON values: Decimals as strings without exponents, enums by value."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: jsonable(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return value
