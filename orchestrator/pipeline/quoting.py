"""A quote for each platform asked, and the consent without which nothing is bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from providers.records import Example, ModelFacts

from ..costing import Ask, AskedBeside, Quote, QuoteLine, load_overrides, quote, tokenizer_of, usd_limit, usd_text
from ..dataset.records import Dataset, Side
from ..dataset.samples import Sample
from ..errors import BudgetRefused
from ..evaluation.general import general_prompts
from ..settings import RunSettings, Target
from .session import aimed_at, platform_named
from .similar import similar_rows
from .suiting import refuse_unsuitable
from .track_record import past_bills
from .warned import warnings_text

if TYPE_CHECKING:
    from ..dataset.lengths import Lengths
    from ..dataset.samples import SampleShare
    from ..ledger import Bill

__all__ = [
    "asked_models",
    "asked_usd",
    "guards_general",
    "hours_of_hosting",
    "quote_for",
    "refuse_over",
    "reserve_usd",
    "unpriced",
]

_HOSTING_HOURS = Decimal(1)
_BESIDE = ("general", "similar", "choosing")
"""Parts of a quote: what is asked beside the held-out prompts, each held on its own."""
# People are the user's own money; validation has a bound of its own.
_BOUNDED = ("people", "validation")


def quote_for(
    settings: RunSettings,
    dataset: Dataset | Sample,
    target: Target,
    *,
    environ: Mapping[str, str],
    home: Path,
    on: date,
    bills: Sequence[Bill] = (),
) -> Quote:
    """What this run will cost at this target, on that day. No key, no network, no ledger.

    `bills`: the ledger's track record, where there is one; those of this platform open the range. Its warnings end with
    what is doubtful about the data. Raises `UsageError` where the rows do not suit the method.
    """
    refuse_unsuitable(dataset, settings.method)
    platform = platform_named(target.provider)
    facts, connection = platform.model(target.model), aimed_at(platform, environ, home)
    test = _counted(dataset, "test", facts)
    quoted = quote(
        Ask(
            platform=platform,
            model=target.model,
            method=settings.method,
            hyperparameters=settings.hyperparameters,
            train=_counted(dataset, "train", facts),
            validation=_counted(dataset, "validation", facts),
            test=test,
            sampling=settings.sampling,
            rows_cleaned=dataset.about_rows if isinstance(dataset, Sample) else len(dataset.rows),
            on=on,
            hosting_hours=hours_of_hosting(settings) if facts.tuned_serving == "dedicated" else Decimal(0),
            overrides=load_overrides(settings.prices) if settings.prices else None,
            people_usd=settings.people_usd,
            sandbox=connection.is_sandbox,
            own_host=connection.is_own_host,
            past=past_bills(bills, target.provider, connection),
            beside=_beside(settings, dataset, facts, sandbox=connection.is_sandbox),
            batched=settings.by_batches(len(test)) and platform.batch_limits() is not None,
        )
    )
    warned = "" if isinstance(dataset, Sample) else warnings_text(dataset)
    return replace(quoted, warnings=(*quoted.warnings, warned)) if warned else quoted


_MOST_CHECKPOINTS = 8
"""That are quoted where the checkpoints are to meet; how many there will be is known when training has ended."""


def _beside(settings: RunSettings, dataset: Dataset | Sample, facts: ModelFacts, *, sandbox: bool) -> list[AskedBeside]:
    """What this run asks beside the held-out prompts. A sample's quote leaves it out."""
    found = list[AskedBeside]()
    if isinstance(dataset, Sample):
        return found
    if guards_general(settings, facts.tuned_serving, sandbox=sandbox):
        found.append(AskedBeside(part="general", rows=[prompt.row.example for prompt in general_prompts()]))
    if settings.similar is not None:
        found.append(AskedBeside(part="similar", rows=[row.example for row in similar_rows(settings)]))
    if settings.choose is not None:
        rows = _counted(dataset, "validation", facts)
        found.append(AskedBeside(part="choosing", rows=rows, base=False, tuned=_MOST_CHECKPOINTS))
    return found


def guards_general(settings: RunSettings, tuned_serving: str, *, sandbox: bool) -> bool:
    """Whether the general prompts are asked: as the user says, else where a cap bounds what they cost and no machine
    must be rented for them. A sandbox knows nothing general."""
    if settings.general is not None:
        return settings.general
    return not sandbox and tuned_serving == "serverless" and settings.max_usd is not None


def _counted(dataset: Dataset | Sample, side: Side, facts: ModelFacts) -> Lengths | SampleShare | Sequence[Example]:
    """Tokens of a side, counted while its rows were read where that was asked for, else its rows to count."""
    if isinstance(dataset, Sample):
        return dataset.lengths(side, tokenizer_of(facts))
    lengths = dataset.lengths(side, tokenizer_of(facts))
    return [row.example for row in getattr(dataset.split, side)] if lengths is None else lengths


def hours_of_hosting(settings: RunSettings) -> Decimal:
    """Hours that a machine is paid for, where a tuned model is served by the hour: one, or what the user allows."""
    return settings.max_hosting_hours or _HOSTING_HOURS


def reserve_usd(quoted: Quote, *items: str) -> Decimal:
    """The most that some components may cost. Where it is not known whether validation tokens bill, they are held at
    the training price, so that the budget covers either answer; other unknown parts are `refuse_over`'s business."""
    known = sum((line.high_usd or Decimal(0) for line in quoted.lines if line.item in items), Decimal(0))
    return known + (_validation_bound_usd(quoted) if "validation" in items else Decimal(0))


def asked_usd(quoted: Quote) -> Decimal:
    """The most that asking every candidate the held-out prompts may cost: what else is asked is held on its own."""
    held_out = [line.high_usd for line in _held_out_lines(quoted)]
    return sum((usd for usd in held_out if usd is not None), Decimal(0))


def asked_models(quoted: Quote) -> tuple[str, ...]:
    """Every candidate that will be asked the held-out prompts, by its role; checkpoints to come count as one."""
    return tuple(dict.fromkeys(line.part for line in _held_out_lines(quoted)))


def _held_out_lines(quoted: Quote) -> list[QuoteLine]:
    return [line for line in quoted.lines if line.item == "evaluation" and line.part.partition(",")[0] not in _BESIDE]


def unpriced(quoted: Quote, *items: str) -> bool:
    """Whether one of these components has no known price: what is held for them is then only the known part."""
    return any(not line.known for line in quoted.lines if line.item in items)


def _validation_bound_usd(quoted: Quote) -> Decimal:
    unknown = any(line.item == "validation" and not line.known for line in quoted.lines)
    training = next((line.high_usd for line in quoted.lines if line.item == "training"), None)
    if not unknown or not training or not quoted.train_tokens.tokens:
        return Decimal(0)
    share = Decimal(quoted.validation_tokens.high) / Decimal(quoted.train_tokens.tokens)
    return (training * share).quantize(Decimal("0.0001"), rounding=ROUND_CEILING)


def refuse_over(quoted: Quote, settings: RunSettings) -> None:
    """Raises `BudgetRefused` when the quote passes the cap, or holds a part that no cap could bound.

    An unknown training price always refuses. Any other unknown part refuses unless the user accepted it by name; in a
    sandbox nothing is money.
    """
    where = f"{quoted.provider}:{quoted.model}"
    blind = sorted({line.name for line in quoted.lines if line.item not in _BOUNDED and not line.known})
    if "training" in blind or (blind and not (quoted.sandbox or settings.accept_unknown)):
        raise BudgetRefused(
            f"the price of {', '.join(blind)} is not known, so no budget can be held for it",
            where=where,
            fix="give your own price file with --prices (`tunewright estimate --help` shows its format)"
            + ("" if "training" in blind else ", or say --accept-unknown"),
        )
    most = reserve_usd(quoted, "training", "validation", "evaluation", "hosting")
    if settings.max_usd is not None and most > settings.max_usd:
        raise BudgetRefused(
            f"the quote is {quoted.total_text}; up to {usd_text(most, rounding=ROUND_CEILING)} must be held, and "
            f"--max-usd is {usd_limit(settings.max_usd)}",
            where=where,
            fix="raise --max-usd, or spend less: fewer epochs or rows, a cheaper model",
        )
