"""Reads what the guiding document says (bands, maintenance, advice) from the data file beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from .records import Band

__all__ = ["SOURCE", "band_for", "document", "maintenance_rhythm"]

SOURCE = "the guiding document's budget bands (DESIGN 9)"


@cache
def document() -> Mapping[str, Any]:
    """The whole data file."""
    return tomllib.loads(files(__package__).joinpath("document.toml").read_text(encoding="utf-8"))


def band_for(rows_cleaned: int) -> Band | None:
    """The band of that many cleaned rows: 500-1,000 small, up to 5,000 medium, above large; below 500 none."""
    for row in document()["bands"]:
        if row["from_rows"] <= rows_cleaned <= row.get("to_rows", rows_cleaned):
            return Band(
                name=row["name"],
                from_rows=row["from_rows"],
                to_rows=row.get("to_rows"),
                low_usd=Decimal(row["low_usd"]),
                high_usd=Decimal(row["high_usd"]),
                hours=(Decimal(row["low_hours"]), Decimal(row["high_hours"])),
                open_ended=row.get("open_ended", False),
            )
    return None


def maintenance_rhythm() -> tuple[tuple[int, int], tuple[int, int]]:
    """Months between retrains, and retrains a year, each from least to most."""
    told = document()["maintenance"]
    (often, seldom), (least, most) = told["every_months"], told["retrains_a_year"]
    return (often, seldom), (least, most)
