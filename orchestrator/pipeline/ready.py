"""Everything that can refuse a run before a single file is written: names, key, pairs, price. No network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ..costing import Quote
from ..dataset.records import Dataset
from ..settings import RunSettings
from .prepare import load_pairs
from .quoting import quote_for
from .session import platform_named

__all__ = ["Ready", "ready"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Pairs that are good and a target that exists, with its quote. Nothing is written yet."""

    settings: RunSettings
    dataset: Dataset
    quote: Quote


def ready(settings: RunSettings, environ: Mapping[str, str], home: Path, on: date) -> Ready:
    """The names, which take no time, then the pairs, then the key, then the price. Raises what refuses."""
    target = settings.target
    platform = platform_named(target.provider)
    platform.model(target.model)
    dataset = load_pairs(settings)
    platform.connection(environ, settings.account, home)
    return Ready(
        settings=settings,
        dataset=dataset,
        quote=quote_for(settings, dataset, target, environ=environ, home=home, on=on),
    )
