"""Prices at another host than the platform's own: that host has its own, and ours say nothing of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from providers.records import Price

__all__ = ["elsewhere"]

_NOTE = "this is another host than the platform's own: what it asks for is known to you alone, give it with --prices"


def elsewhere(prices: Sequence[Price]) -> tuple[Price, ...]:
    """The same rows without their numbers."""
    return tuple(replace(price, usd=None, low_usd=None, note=_NOTE) for price in prices)
