"""One quote line a component: training, validation, evaluation, hosting, people. Unknown stays None, never nothing.

Totals, bands and dates are left to the quote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from providers.records import Hyperparameters, Method, ModelFacts, Price, PriceItem, Sampling, TokenRules

from .records import Item, QuoteLine, TokenCount

__all__ = [
    "Costed",
    "beside_lines",
    "evaluation_lines",
    "hosting_line",
    "people_line",
    "training_line",
    "validation_line",
]

_MILLION = Decimal(1_000_000)
_REJECTED_UNKNOWN = (
    "no source says whether a rejected answer is billed alone or with its prompt once more: low and high hold both"
)


@dataclass(frozen=True, slots=True)
class Costed:
    """What every line is computed from: the facts, the rules, the prices and the three counts."""

    facts: ModelFacts
    rules: TokenRules
    prices: Sequence[Price]
    hyperparameters: Hyperparameters
    train: TokenCount
    validation: TokenCount
    test: TokenCount
    method: Method = Method.SFT

    @property
    def note(self) -> str:
        """Why the tokens of preference rows are a range, where no source says how they are billed."""
        guessed = self.method is Method.DPO and self.rules.counts_rejected == "unknown"
        return _REJECTED_UNKNOWN if guessed else ""

    def price(self, item: PriceItem, per: str = "mtok") -> Price | None:
        """The row for an item, where there is one."""
        return next((price for price in self.prices if price.item is item and price.per == per), None)


def training_line(costed: Costed) -> QuoteLine:
    """Tokens × epochs × the training price, and at least the job's minimum where the platform has one."""
    price, epochs, tokens = costed.price(PriceItem.TRAIN), costed.hyperparameters.epochs, costed.train
    hourly = costed.price(PriceItem.TRAIN, "hour")
    if price is None and hourly is not None:
        return _by_the_hour(costed, hourly)
    if epochs is None:
        return _unknown("training", "the platform chooses the number of epochs", price)
    if costed.rules.pads_to_context and not costed.rules.truncate_at:
        return _unknown("training", "unpacked rows are billed at a context length that is not known", price)
    basis = f"{_tokens(tokens)} tokens × {epochs} epoch{'s' if epochs != 1 else ''}"
    if price is None or price.usd is None:
        return _unknown("training", basis, price)
    low = _at(tokens.low * epochs, _low_of(price))
    high = _at(tokens.high * epochs, price.usd)
    return _with_minimum(_noted(_line("training", low, high, f"{basis} × {_rate(price)}", price), costed.note), costed)


def _by_the_hour(costed: Costed, price: Price) -> QuoteLine:
    """Hours × the rate, where hours are what is paid for; an hour that costs nothing needs no number of hours.

    A setting `max_hours`, at which a training ends, is the high end where nothing else is known.
    """
    most = costed.hyperparameters.extra.get("max_hours")
    bounded = None if most is None else (Decimal(0), Decimal(str(most)))
    hours = bounded or costed.facts.hours or ((Decimal(0), Decimal(0)) if price.usd == 0 else None)
    if hours is None:
        basis = "how long this training takes is not known; a setting max_hours would bound it"
        return _unknown("training", basis, price)
    low, high = hours
    basis = f"{low:f}-{high:f} h" if bounded or costed.facts.hours else "however many hours"
    if price.usd is None:
        return _unknown("training", basis, price)
    return _line("training", low * _low_of(price), high * price.usd, f"{basis} × {_rate(price)}", price)


def _noted(line: QuoteLine, note: str) -> QuoteLine:
    return replace(line, note="; ".join(part for part in (line.note, note) if part))


def _with_minimum(line: QuoteLine, costed: Costed) -> QuoteLine:
    minimum = costed.price(PriceItem.TRAIN, "job")
    if minimum is None or line.low_usd is None or line.high_usd is None:
        return line
    note = "; ".join(part for part in (line.note, minimum.note) if part)
    high = minimum.usd
    return QuoteLine(
        item=line.item,
        low_usd=max(line.low_usd, _low_of(minimum)),
        high_usd=None if high is None else max(line.high_usd, high),
        basis=line.basis,
        source=f"{line.source}; minimum: {minimum.source}",
        as_of=min(day for day in (line.as_of, minimum.as_of) if day),
        note=note,
    )


def validation_line(costed: Costed) -> QuoteLine | None:
    """What reading the validation file costs; None where there is no validation file."""
    rules, tokens, price = costed.rules, costed.validation, costed.price(PriceItem.TRAIN)
    if not tokens.rows:
        return None
    if rules.validation_billed is None:
        return _unknown("validation", f"{_tokens(tokens)} tokens; no source says whether they are billed", None, rules)
    if not rules.validation_billed:
        return _free("validation", "not billed", rules.source)
    basis = f"{_tokens(tokens)} tokens × {rules.validation_passes} evaluations"
    if price is None or price.usd is None:
        return _unknown("validation", basis, price, rules)
    low = _at(tokens.low * rules.validation_passes, _low_of(price))
    high = _at(tokens.high * rules.validation_passes, price.usd)
    return _noted(_line("validation", low, high, f"{basis} × {_rate(price)}", price), costed.note)


def evaluation_lines(costed: Costed, sampling: Sampling) -> tuple[QuoteLine, ...]:
    """Asking every test prompt of base and tuned once: answers as long as the references, or as `max_tokens` allows."""
    if not costed.test.rows:
        return ()
    base = _base(costed, sampling, "base")
    if _by_the_hour_alone(costed):
        basis = f"{costed.test.about}{costed.test.rows:,} prompts; served by the hour, see hosting"
        tuned = _free("evaluation", basis, costed.facts.source, part="tuned")
    else:
        tuned = _asked(costed, sampling, "tuned", PriceItem.TUNED_INPUT, PriceItem.TUNED_OUTPUT)
    return base, tuned


def _by_the_hour_alone(costed: Costed) -> bool:
    """Whether the tuned model's answers cost nothing beside its machine: the platform has no price of tokens for it."""
    return costed.facts.tuned_serving == "dedicated" and costed.price(PriceItem.TUNED_INPUT) is None


def beside_lines(costed: Costed, sampling: Sampling, part: str, *, base: bool, tuned: int) -> tuple[QuoteLine, ...]:
    """Asking the prompts that `costed.test` counts beside the held-out ones: the base once or not at all, and the tuned
    model, or so many states of it."""
    if not costed.test.rows:
        return ()
    lines = [_base(costed, sampling, f"{part}, base")] if base else []
    part = f"{part}, tuned" if base else part
    if _by_the_hour_alone(costed):
        basis = f"{costed.test.rows:,} prompts; served by the hour, see hosting"
        return (*lines, _free("evaluation", basis, costed.facts.source, part=part))
    once = _asked(costed, sampling, part, PriceItem.TUNED_INPUT, PriceItem.TUNED_OUTPUT)
    return (*lines, once if tuned == 1 else _times(once, tuned))


def _base(costed: Costed, sampling: Sampling, part: str) -> QuoteLine:
    if costed.facts.base_serving == "beside_tuned":
        basis = f"{costed.test.about}{costed.test.rows:,} prompts; answered in the hours of hosting"
        return _free("evaluation", basis, costed.facts.source, part=part)
    return _asked(costed, sampling, part, PriceItem.INPUT, PriceItem.OUTPUT)


def _times(line: QuoteLine, times: int) -> QuoteLine:
    low, high = (None if usd is None else usd * times for usd in (line.low_usd, line.high_usd))
    return replace(line, low_usd=low, high_usd=high, basis=f"up to {times} × ({line.basis})")


def _asked(costed: Costed, sampling: Sampling, part: str, into: PriceItem, out: PriceItem) -> QuoteLine:
    test, price_in, price_out = costed.test, costed.price(into), costed.price(out)
    longest = test.rows * sampling.max_tokens
    shortest = min(test.answer_tokens, longest)
    basis = f"{test.about}{test.rows:,} prompts, {test.prompt_tokens:,} tokens in, {shortest:,} to {longest:,} out"
    if price_in is None or price_out is None or price_in.usd is None or price_out.usd is None:
        return _unknown("evaluation", basis, price_in or price_out, part=part)
    least, most = _least_asked(test, sampling.max_tokens), _most_asked(test, sampling.max_tokens)
    low = _at(least.prompts, _low_of(price_in)) + _at(least.answers, _low_of(price_out))
    high = _at(most.prompts, price_in.usd) + _at(most.answers, price_out.usd)
    return _line("evaluation", low, high, f"{basis} × {_rate(price_in)} and {_rate(price_out)}", price_in, part)


class _Asked(NamedTuple):
    """Tokens of all prompts, and of all answers to them."""

    prompts: int
    answers: int


def _least_asked(test: TokenCount, max_tokens: int) -> _Asked:
    """With answers as long as the references."""
    if test.spread:
        answers = min(test.spread.answer_tokens.low, test.spread.rows.low * max_tokens)
        return _Asked(test.spread.prompt_tokens.low, answers)
    answers = min(test.answer_tokens, test.rows * max_tokens)
    return _Asked(_fewest(test.prompt_tokens, test), _fewest(answers, test))


def _most_asked(test: TokenCount, max_tokens: int) -> _Asked:
    """With answers as long as they may be."""
    if test.spread:
        return _Asked(test.spread.prompt_tokens.high, test.spread.rows.high * max_tokens)
    return _Asked(_most(test.prompt_tokens, test), test.rows * max_tokens)


def _fewest(part: int, whole: TokenCount) -> int:
    """The low end of a part of some rows: it is taken to be off by the same share as the whole."""
    return part * whole.low // whole.tokens if whole.tokens else part


def _most(part: int, whole: TokenCount) -> int:
    return -(-part * whole.high // whole.tokens) if whole.tokens else part


def hosting_line(costed: Costed, hours: Decimal) -> QuoteLine:
    """Serving the tuned model by the hour, where the platform does; nothing where it bills by the token."""
    price, serving = costed.price(PriceItem.HOSTING, "hour"), costed.facts.tuned_serving
    if serving == "serverless":
        basis = "served by the token, no hourly charge"
        source = price.source if price else costed.facts.source
        return _free("hosting", basis, source)
    if serving == "unknown":
        return _unknown("hosting", "how this tuned model can be served is not known", price)
    if not hours and costed.test.rows:
        return _unknown("hosting", "evaluation needs the tuned model served by the hour; no hours were given", price)
    if hours and (price is None or price.usd is None):
        return _unknown("hosting", f"{hours} h", price)
    if price is None or price.usd is None:
        return _free("hosting", "not served", costed.facts.source)
    return _line("hosting", hours * _low_of(price), hours * price.usd, f"{hours} h × {_rate(price)}", price)


def people_line(people_usd: Decimal | None, source: str) -> QuoteLine:
    """The user's own figure for people and data; it stays out of the platform's bill."""
    if people_usd is None:
        return _unknown("people", "your people and data: not given", None)
    return QuoteLine(item="people", low_usd=people_usd, high_usd=people_usd, basis="your own figure", source=source)


def _line(item: Item, low: Decimal, high: Decimal, basis: str, price: Price, part: str = "") -> QuoteLine:
    return QuoteLine(
        item=item,
        part=part,
        low_usd=low,
        high_usd=high,
        basis=basis,
        source=price.source,
        as_of=price.as_of,
        note=price.note,
    )


def _free(item: Item, basis: str, source: str, *, part: str = "") -> QuoteLine:
    zero = Decimal(0)
    return QuoteLine(item=item, part=part, low_usd=zero, high_usd=zero, basis=basis, source=source)


def _unknown(
    item: Item, basis: str, price: Price | None, rules: TokenRules | None = None, *, part: str = ""
) -> QuoteLine:
    return QuoteLine(
        item=item,
        part=part,
        low_usd=None,
        high_usd=None,
        basis=basis,
        source=price.source if price else rules.source if rules else "",
        as_of=price.as_of if price else None,
        note=price.note if price else "",
    )


def _low_of(price: Price) -> Decimal:
    """The low end of a price; its only number where it is no range."""
    return next((usd for usd in (price.low_usd, price.usd) if usd is not None), Decimal(0))


def _at(tokens: int, usd_per_mtok: Decimal) -> Decimal:
    return tokens * usd_per_mtok / _MILLION


def _rate(price: Price) -> str:
    unit = {"mtok": "1M tokens", "hour": "h", "job": "job"}[price.per]
    low = f"${price.low_usd:f}-" if price.low_usd is not None else "$"
    return f"{low}{price.usd:f}/{unit}"


def _tokens(tokens: TokenCount) -> str:
    return f"{tokens.tokens:,}" if tokens.exact else f"{tokens.low:,}-{tokens.high:,}"
