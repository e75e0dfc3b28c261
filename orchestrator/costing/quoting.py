"""Puts a quote together: counts, lines, totals, the document's band, a year of upkeep, and the dates that end it.

Pure: facts and prices come through the platform's keyless half, today through `Ask.on`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from providers.records import Capability, Example, Hyperparameters, ModelFacts, Price, TokenRules

from ..dataset.samples import SampleShare
from .batched import batch_prices
from .document import SOURCE, band_for, document, maintenance_rhythm
from .elsewhere import elsewhere
from .lines import Costed, beside_lines, evaluation_lines, hosting_line, people_line, training_line, validation_line
from .records import Ask, Band, DateNote, Hours, Maintenance, Quote, QuoteLine, TokenCount
from .sampled import count_share, note_of
from .tokens import count
from .track import opened

if TYPE_CHECKING:
    from ..dataset.lengths import Lengths

__all__ = ["ACCEPT_DAYS", "WARN_DAYS", "quote", "with_asking"]

WARN_DAYS, ACCEPT_DAYS = 90, 30
"""An end fewer days away is warned of; a model that ends within so few is bought only with a person's word."""
_DAYS_A_MONTH = Decimal("30.4375")
_SERVED = {
    "serverless": "",
    "dedicated": "; serving by the hour comes on top",
    "unknown": "; serving comes on top where it bills by the hour",
}


def quote(ask: Ask) -> Quote:
    """What `ask` will cost. Raises the platform's `NotFound` or `Unsupported` for a model or a value it cannot take."""
    facts = ask.platform.model(ask.model)
    recipe = ask.platform.recipe(ask.model, ask.method, ask.hyperparameters, len(ask.train), len(ask.validation))
    costed = _costed(ask, facts, recipe.hyperparameters)
    lines, track = opened(_lines(ask, costed), ask.past, ask.model)
    bill = [line for line in lines if line.item != "people"]
    low, high = _sums(bill)
    unknown = tuple(line.name for line in bill if not line.known)
    band = band_for(ask.rows_cleaned)
    hours = _hours(facts, band)
    dates = _dates(facts, ask.on) if ask.own_host and not ask.sandbox else ()
    project_low, project_high = _project(lines)
    return Quote(
        provider=ask.platform.name,
        model=ask.model,
        method=ask.method,
        recipe=recipe,
        lines=lines,
        low_usd=low,
        high_usd=high,
        complete=not unknown,
        unknown=unknown,
        train_tokens=costed.train,
        validation_tokens=costed.validation,
        test_tokens=costed.test,
        billed_tokens=_billed_tokens(costed),
        hours=(hours.low, hours.high) if hours else None,
        hours_source=hours.source if hours else "",
        band=band,
        band_text=_band_text(band, lines),
        project_low_usd=project_low,
        project_high_usd=project_high,
        maintenance=_maintenance(bill, facts, ask),
        dates=dates,
        serving=_serving(facts),
        customisation=_customisation(ask, facts),
        sandbox=ask.sandbox,
        on=ask.on,
        as_of=min((line.as_of for line in bill if line.as_of), default=None),
        warnings=_warnings(ask, facts, costed, dates),
        track=track,
        sample=note_of(ask.train, costed.train) if isinstance(ask.train, SampleShare) else None,
    )


def with_asking(quoted: Quote, more: Sequence[QuoteLine], samples: int = 1) -> Quote:
    """The quote with every prompt asked `samples` times, and with the lines of further candidates. Upkeep stays that of
    base and tuned."""
    at = max((place for place, line in enumerate(quoted.lines, start=1) if line.item != "people"), default=0)
    lines = (*(_asked_again(line, samples) for line in quoted.lines[:at]), *more, *quoted.lines[at:])
    bill = [line for line in lines if line.item != "people"]
    (low, high), (project_low, project_high) = _sums(bill), _project(lines)
    unknown = tuple(line.name for line in bill if not line.known)
    return replace(
        quoted,
        lines=lines,
        low_usd=low,
        high_usd=high,
        complete=not unknown,
        unknown=unknown,
        project_low_usd=project_low,
        project_high_usd=project_high,
        as_of=min((line.as_of for line in bill if line.as_of), default=None),
    )


def _asked_again(line: QuoteLine, samples: int) -> QuoteLine:
    if line.item != "evaluation" or samples == 1:
        return line
    low, high = (None if usd is None else usd * samples for usd in (line.low_usd, line.high_usd))
    return replace(line, low_usd=low, high_usd=high, basis=f"{line.basis}, {samples} times")


def _costed(ask: Ask, facts: ModelFacts, settings: Hyperparameters) -> Costed:
    rules = ask.platform.token_rules(ask.model, ask.method, settings)
    train, validation = _count(ask.train, rules, facts), _count(ask.validation, rules, facts)
    test = _count(ask.test, replace(rules, pads_to_context=False), facts)  # prompts are asked one by one, never padded
    return Costed(facts, rules, _prices(ask, settings), settings, train, validation, test, ask.method)


def _count(rows: Sequence[Example] | Lengths | SampleShare, rules: TokenRules, facts: ModelFacts) -> TokenCount:
    return count_share(rows, rules, facts) if isinstance(rows, SampleShare) else count(rows, rules, facts)


def _prices(ask: Ask, settings: Hyperparameters) -> Sequence[Price]:
    ours = ask.platform.prices(ask.model, ask.method, settings)
    ours = ours if ask.own_host or ask.sandbox else elsewhere(ours)
    told = ask.overrides.apply(ours, ask.platform.name, ask.model, ask.method) if ask.overrides else ours
    return batch_prices(told) if ask.batched else told


def _lines(ask: Ask, costed: Costed) -> tuple[QuoteLine, ...]:
    validation = validation_line(costed)
    return (
        training_line(costed),
        *((validation,) if validation else ()),
        *evaluation_lines(costed, ask.sampling),
        *_beside(ask, costed),
        hosting_line(costed, ask.hosting_hours),
        _people(ask),
    )


def _beside(ask: Ask, costed: Costed) -> list[QuoteLine]:
    rules, found = replace(costed.rules, pads_to_context=False), list[QuoteLine]()
    for one in ask.beside:
        asked = replace(costed, test=_count(one.rows, rules, costed.facts))
        found += beside_lines(asked, ask.sampling, one.part, base=one.base, tuned=one.tuned)
    return found


def _people(ask: Ask) -> QuoteLine:
    if ask.people_usd is not None or ask.overrides is None:
        return people_line(ask.people_usd, "user")
    return people_line(ask.overrides.people_usd, f"user: {ask.overrides.file}")


def _sums(lines: Sequence[QuoteLine]) -> tuple[Decimal, Decimal]:
    """The known parts alone; a line with only one known end counts with it at both."""
    low = sum((line.low_usd or Decimal(0) for line in lines), Decimal(0))
    highs = (line.low_usd if line.high_usd is None else line.high_usd for line in lines)
    return low, sum((usd or Decimal(0) for usd in highs), Decimal(0))


def _project(lines: Sequence[QuoteLine]) -> tuple[Decimal | None, Decimal | None]:
    return _sums(lines) if all(line.known for line in lines) else (None, None)


def _billed_tokens(costed: Costed) -> int:
    """Training tokens over all epochs, and validation tokens where they are known to be billed."""
    trained = costed.train.tokens * (costed.hyperparameters.epochs or 1)
    validated = costed.validation.tokens * costed.rules.validation_passes if costed.rules.validation_billed else 0
    return trained + validated


def _hours(facts: ModelFacts, band: Band | None) -> Hours | None:
    if facts.hours:
        return Hours(*facts.hours, facts.source)
    return Hours(*band.hours, SOURCE) if band else None


def _band_text(band: Band | None, lines: Sequence[QuoteLine]) -> str:
    texts = document()["texts"]
    parts = [texts["band_is"] if band else texts["no_band"]]
    if not all(line.known for line in lines if line.item == "people"):
        parts.append(texts["people_unknown"])
    return " ".join(parts)


def _maintenance(bill: Sequence[QuoteLine], facts: ModelFacts, ask: Ask) -> Maintenance:
    months, (least, most) = maintenance_rhythm()
    repeated = [line for line in bill if line.item != "hosting"]
    low, high = _sums(repeated)
    possible = None if ask.sandbox or not ask.own_host else _possible_here(facts.jobs_close, ask.on, months)
    note = "each retrain pays training, validation and evaluation again" + _SERVED[facts.tuned_serving]
    if facts.jobs_close and possible is not None and possible[1] < most:
        note += f"; this platform takes no new jobs from {facts.jobs_close}, so upkeep must move elsewhere"
    return Maintenance(
        every_months=months,
        retrains=(least, most),
        low_usd=low * least,
        high_usd=high * most,
        complete=all(line.known for line in repeated),
        possible_here=possible,
        note=note,
    )


def _possible_here(close: date | None, on: date, every_months: tuple[int, int]) -> tuple[int, int] | None:
    if close is None:
        return None
    months_left = max(0, (close - on).days) / _DAYS_A_MONTH
    often, seldom = every_months
    return int(months_left // seldom), int(months_left // often)


def _dates(facts: ModelFacts, on: date) -> tuple[DateNote, ...]:
    notes = []
    if facts.jobs_close:
        notes.append(_note("jobs_close", facts.jobs_close, "no new jobs from this day", on, facts.source))
    if facts.shutdown:
        text = "the base and every model tuned on it stop answering"
        notes.append(_note("shutdown", facts.shutdown, text, on, facts.source))
    return tuple(sorted(notes, key=lambda note: note.on))


def _note(kind: Literal["jobs_close", "shutdown"], day: date, text: str, on: date, source: str) -> DateNote:
    left = (day - on).days
    word = left <= (ACCEPT_DAYS if kind == "shutdown" else 0)
    warn = left < WARN_DAYS
    return DateNote(on=day, kind=kind, text=text, days_left=left, warn=warn, source=source, needs_word=word)


def _serving(facts: ModelFacts) -> str:
    return {
        "serverless": "at once, billed by the token",
        "dedicated": "on its own machine, billed by the hour while it runs",
        "unknown": "not known: ask the platform before training",
    }[facts.tuned_serving]


def _customisation(ask: Ask, facts: ModelFacts) -> str:
    """What can be chosen here, from the platform's capabilities on that day."""
    can = ask.platform.capabilities(ask.on)
    learned = [method.value for method in facts.methods if can.get(Capability(method.value))]
    how = [name for name, key in (("LoRA", Capability.LORA), ("full", Capability.FULL)) if can.get(key)]
    parts = [", ".join(learned) or "no method open", " or ".join(how) or "no choice of LoRA or full"]
    if can.get(Capability.DOWNLOAD):
        parts.append("weights can be downloaded")
    return "; ".join(parts)


def _warnings(ask: Ask, facts: ModelFacts, costed: Costed, dates: Sequence[DateNote]) -> tuple[str, ...]:
    found = [f"{facts.name} cannot be tuned: {facts.tunable.reason}"] if facts.tunable.answer == "no" else []
    if facts.tunable.answer == "unknown":
        found.append(f"it is not known whether {facts.name} can be tuned: {facts.tunable.reason}")
    if ask.method not in facts.methods:
        found.append(f"{facts.name} is not listed for {ask.method.value}")
    found += [_date_warning(note) for note in dates if note.warn]
    if costed.train.truncated_rows:
        about = costed.train.about
        found.append(
            f"{about}{costed.train.truncated_rows:,} rows are longer than {costed.rules.truncate_at:,} tokens: "
            f"{costed.train.truncated_tokens:,} tokens at their ends will not be learned"
        )
    return (*found, *_epoch_warning(ask, costed))


def _epoch_warning(ask: Ask, costed: Costed) -> tuple[str, ...]:
    """A preset follows the number of rows, which a sample leaves open."""
    spread = costed.train.spread
    if spread is None:
        return ()
    ends = [ask.platform.recipe(ask.model, ask.method, ask.hyperparameters, rows, 1) for rows in spread.rows]
    fewer, more = (recipe.hyperparameters.epochs for recipe in ends)
    if fewer == more:
        return ()
    rows = f"{spread.rows.low:,} to {spread.rows.high:,}"
    return (f"{rows} training rows may take {fewer} or {more} epochs; give --epochs to settle it",)


def _date_warning(note: DateNote) -> str:
    when = f"in {note.days_left} days" if note.days_left > 0 else "today" if note.days_left == 0 else "already past"
    word = "; run and submit need --accept-sunset" if note.needs_word else ""
    return f"{note.on} ({when}): {note.text}{word}"
