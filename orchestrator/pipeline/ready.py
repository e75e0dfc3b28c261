"""Everything that can refuse a run before a single file is written: names, key, pairs, price. No network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import providers
from providers.contract import Platform

from ..costing import Quote
from ..dataset.records import Dataset
from ..errors import UsageError
from ..settings import RunSettings
from .candidates import named_platforms, refuse_unusable
from .pairs import load_pairs
from .quoting import quote_for
from .session import platform_named

if TYPE_CHECKING:
    from ..ledger import Bill

__all__ = ["Ready", "ready"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Pairs that are good and a target that exists, with its quote. Nothing is written yet."""

    settings: RunSettings
    dataset: Dataset
    quote: Quote


def ready(
    settings: RunSettings,
    environ: Mapping[str, str],
    home: Path,
    on: date,
    bills: Sequence[Bill] = (),
    dataset: Dataset | None = None,
) -> Ready:
    """The names, which take no time, then the pairs, then the key, then the price. Raises what refuses.

    `dataset`: the pairs of an earlier run with its split, in place of those that the settings name.
    """
    target = settings.target
    platform = platform_named(target.provider)
    _refuse_unlisted(platform, settings)
    refuse_unusable(settings)
    dataset = load_pairs(settings) if dataset is None else dataset
    for asked in (platform, *map(platform_named, named_platforms(settings))):
        asked.connection(environ, settings.account, home)
    return Ready(
        settings=settings,
        dataset=dataset,
        quote=quote_for(settings, dataset, target, environ=environ, home=home, on=on, bills=bills),
    )


def _refuse_unlisted(platform: Platform, settings: RunSettings) -> None:
    """A name that our facts do not hold may be a slip of the hand: buying goes on only where that was said."""
    name = settings.target.model
    facts = platform.model(name)
    if facts.tunable.answer == "no" and not platform.models():
        fix = f"use one of: {', '.join(providers.platform_names())}"
        raise UsageError(facts.tunable.reason, where=f"--to {settings.target}", fix=fix)
    listed = name in {known.name for known in platform.models()}
    if facts.tunable.answer == "unknown" and not listed and not settings.accept_unknown:
        raise UsageError(
            f"it is not known whether {name} can be tuned: {facts.tunable.reason}",
            where=f"--to {settings.target}",
            fix="correct the name; or, where it is right, give its prices with --prices and say --accept-unknown",
        )
