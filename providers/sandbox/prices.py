"""What a job costs on Together's wire: dollars by total parameters, method and training type, for processed tokens.

Rates: Together's pricing page as stored on 2026-05-08, spot-checked 2026-07. The sandbox bills nobody; it only says
what the platform would.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from .catalog import BaseModel

__all__ = ["NANO", "train_usd"]

NANO = Decimal(1_000_000_000)
"""Nano-dollars in a dollar: the unit of a job's `total_price`."""

_TIERS = (  # billions of total parameters up to, then USD per million tokens: SFT LoRA, SFT full, DPO LoRA, DPO full
    (Decimal(16), ("0.48", "0.54", "1.20", "1.35")),
    (Decimal(69), ("1.50", "1.65", "3.75", "4.12")),
    (Decimal(100), ("2.90", "3.20", "7.25", "8.00")),
)
_SPECIAL = ("6.00", "6.00", "15.00", "15.00")  # above the tiers: Qwen3-235B's, as an example


def train_usd(base: BaseModel, method: str, lora: bool, tokens: int) -> Decimal:
    """Dollars for `tokens` processed, to the nano-dollar."""
    rates = next((rates for most, rates in _TIERS if base.billions <= most), _SPECIAL)
    rate = Decimal(rates[2 * (method == "dpo") + (not lora)])
    return (rate * tokens / 1_000_000).quantize(1 / NANO, rounding=ROUND_HALF_UP)
