"""Where platforms judge a defect otherwise than usual: dated facts, by format and rule. The rules stand elsewhere."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

__all__ = ["Ruling", "rulings_of", "rulings_on"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """How much one defect matters to one platform. `source`: who says so, last checked on `as_of`."""

    severity: Literal["error", "warning", "info"]
    source: str
    as_of: date


def rulings_of(dialect: str) -> Mapping[str, Ruling]:
    """Rule id → ruling, for a dialect's name; empty where the platform judges as the rules do."""
    return _told().get(dialect.replace("_", "-"), {})


def rulings_on(rule: str) -> Mapping[str, Ruling]:
    """Format → its ruling on this rule, for the formats whose platforms judge otherwise than the rule itself says."""
    return {name: ruled[rule] for name, ruled in _told().items() if rule in ruled}


@cache
def _told() -> Mapping[str, Mapping[str, Ruling]]:
    told = tomllib.loads(files(__package__).joinpath("rulings.toml").read_text(encoding="utf-8"))
    return {name: {rule: Ruling(**row) for rule, row in rows.items()} for name, rows in told.items()}
