"""What a run really cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Billed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What was really spent; None: the platform has not said. `sandbox`: not money."""

    training_usd: Decimal | None
    evaluation_usd: Decimal | None
    hosting_usd: Decimal | None
    tokens: int | None
    sandbox: bool
    judging_usd: Decimal | None = Decimal(0)

    @property
    def total_usd(self) -> Decimal | None:
        """The sum; None while a part is not known."""
        parts = (self.training_usd, self.evaluation_usd, self.judging_usd, self.hosting_usd)
        return None if any(part is None for part in parts) else sum((p for p in parts if p is not None), Decimal(0))
