"""Price rows for a run: the platform's dated ones, with the user's own price file on top."""

from __future__ import annotations

from collections.abc import Sequence

from providers.contract import Platform
from providers.errors import NotFound
from providers.records import Price

from ..costing import load_overrides
from ..settings import RunSettings

__all__ = ["price_rows"]


def price_rows(settings: RunSettings, platform: Platform, model: str) -> Sequence[Price]:
    """Rows for this model and method; none where our facts know nothing of the model (one of the user's own, say)."""
    try:
        rows = platform.prices(model, settings.method, settings.hyperparameters)
    except NotFound:
        rows = ()
    if settings.prices is None:
        return rows
    return load_overrides(settings.prices).apply(rows, platform.name, model, settings.method)
