"""Which ledger and which caps a quote would be held against. Told without opening a ledger that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ledger import BucketRow

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Which ledger and which caps apply here. `exists` False: the ledger would be made by the first run.

    `project`: what this one is called where several share the ledger. `buckets`: each model's rate and each account's
    retry budget, with what was waited for them.
    """

    ledger: str
    exists: bool
    caps: Mapping[str, Decimal]
    used: Decimal = Decimal(0)
    project: str = ""
    buckets: tuple[BucketRow, ...] = ()
