"""Ledgers with one promise taken out each, as somebody might by a careless change: the machine must find every one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from orchestrator.ledger import Ledger, Reservation, training_spending
from orchestrator.ledger.budget import close, hold
from orchestrator.ledger.engine import writing
from orchestrator.ledger.intents import Intents

__all__ = ["MoneyNotHeld", "NoCompareAndSet"]


class _LoserSendsToo(Intents):
    def begin_create(self, intent_id: str, now: datetime, request: Any = None) -> int | None:
        """As without the comparison: who comes second sends as well."""
        won = super().begin_create(intent_id, now, request)
        return self.get(intent_id).attempt if won is None else won


class _FreedAtOnce(Intents):
    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self._wishes: dict[str, Reservation] = {}

    def approve(self, intent_id: str, wish: Reservation, now: datetime) -> bool:
        """Money is compared with the caps, and then not kept."""
        approved = super().approve(intent_id, wish, now)
        if approved:
            self._wishes[intent_id] = wish
            self._free(intent_id, now)
        return approved

    def begin_create(self, intent_id: str, now: datetime, request: Any = None) -> int | None:
        with writing(self._engine) as connection:
            hold(connection, self._wishes[intent_id], now)
        attempt = super().begin_create(intent_id, now, request)
        self._free(intent_id, now)
        return attempt

    def _free(self, intent_id: str, now: datetime) -> None:
        with writing(self._engine) as connection:
            close(connection, training_spending(intent_id), "released", Decimal(0), now)


class NoCompareAndSet(Ledger):
    """Two workers may both send."""

    def __init__(self, url: Any, folder: Any = None) -> None:
        super().__init__(url, folder)
        self.intents = _LoserSendsToo(self._engine)


class MoneyNotHeld(Ledger):
    """Nothing stays reserved."""

    def __init__(self, url: Any, folder: Any = None) -> None:
        super().__init__(url, folder)
        self.intents = _FreedAtOnce(self._engine)
