"""The user's own tasks beside the one that was trained for: pairs on which the tuned model must not get worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..dataset import load
from ..dataset.records import Dataset, Row
from ..errors import UsageError
from ..settings import RunSettings

__all__ = ["load_similar", "similar_rows"]


def load_similar(settings: RunSettings) -> Dataset:
    """The file, read as pairs are. Raises `UsageError` or `DataRefused`, before anything is paid."""
    assert settings.similar is not None
    columns = replace(settings.columns, group=None, time=None)
    found = load(settings.similar, columns=columns, policy=replace(settings.policy, minimum_rows=1))
    if not found.rows:
        raise UsageError("it holds no pair", where=str(settings.similar), fix="give tasks like those you trained for")
    return found


def similar_rows(settings: RunSettings) -> Sequence[Row]:
    """Its rows."""
    return tuple(load_similar(settings).rows)
