"""Reads a platform's fact file once and resolves its small conventions: sources, prices, matching of rows.

What the rows mean is left to the modules beside this one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from ..errors import NotFound

__all__ = ["Amount", "Row", "Source", "Table", "amount", "source", "table", "table_names"]

Table = Mapping[str, Any]
Row = Mapping[str, Any]

UNVERIFIED = "unverified"


class Source(NamedTuple):
    """Who says so, and when it was last checked."""

    text: str
    as_of: date


class Amount(NamedTuple):
    """A price: `usd` is the high end (None: unverified), `low_usd` the low end where sources differ."""

    usd: Decimal | None
    low_usd: Decimal | None = None


def table_names() -> tuple[str, ...]:
    """The platforms that have a fact file."""
    folder = files(__package__)
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


@cache
def table(platform: str) -> Table:
    """The fact file of one platform. Raises `NotFound` where there is none."""
    if platform not in table_names():
        raise NotFound(f"there are no facts about {platform!r}", fix=f"known: {', '.join(table_names())}")
    return tomllib.loads(files(__package__).joinpath(f"{platform}.toml").read_text(encoding="utf-8"))


def source(facts: Table, key: str) -> Source:
    """The source a row names by its short key."""
    row = facts["sources"][key]
    return Source(row["text"], row["as_of"])


def amount(value: str | list[str]) -> Amount:
    """A price as written in a fact file: "1.50", ["0.10", "0.17"] or "unverified"."""
    if isinstance(value, list):
        low, high = value
        return Amount(Decimal(high), Decimal(low))
    return Amount(None if value == UNVERIFIED else Decimal(value))
