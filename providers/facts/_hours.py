"""What an hour of one accelerator costs, by the platform's own name of it."""

from __future__ import annotations

from decimal import Decimal

from ._tables import table

__all__ = ["gpu_hour_usd"]


def gpu_hour_usd(platform: str, gpu: str) -> Decimal | None:
    """Dollars for one hour of one accelerator; None where no source gives it."""
    hours = table(platform).get("gpu_hours", {})
    return Decimal(hours[gpu]) if gpu in hours and gpu != "source" else None
