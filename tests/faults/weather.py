"""The faults that a case's platform has: drawn by its seed for the requests that cost money, the lag of every list."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from typing import Any

from providers.sandbox import FAULTS, Fault, Faults

from .cases import FAULTY, SLOW_S, Case
from .platforms import ALL, any_path

__all__ = ["Weather"]

_PAID = re.compile(any_path(*(end for here in ALL.values() for end in here.paid)))
_FREE = re.compile(any_path(*(end for here in ALL.values() for end in here.free)))


class Weather(Faults):
    """A sandbox's faults of which each paid POST draws one, or none."""

    def __init__(self) -> None:
        super().__init__()
        self._lottery = random.Random(0)
        self._first: tuple[str, ...] = ()
        self._rest: tuple[str, ...] = ()
        self.struck: Counter[str] = Counter()

    def turn(self, case: Case) -> None:
        """From now on the weather is that of this case."""
        self.clear()
        self.struck.clear()
        self._lottery = case.lottery("faults")
        self._first, self._rest = case.scene.first, case.scene.rest
        self.set("list_lag", count=None, seconds=case.lag_s)
        self.set("lease_lag", count=None, seconds=case.lag_s)

    def take(self, scope: str, method: str = "", path: str = "", name: str | None = None) -> Fault | None:
        if scope != "request" or method != "POST" or not (_PAID.search(path) or _FREE.search(path)):
            return super().take(scope, method, path, name)
        kind = self._drawn(self._first if _PAID.search(path) else ())
        self.struck[kind or "none"] += 1
        return None if kind is None else _fault(kind, self._lottery)

    def _drawn(self, first: tuple[str, ...]) -> str | None:
        if first:
            self._first = ()
            return self._lottery.choice(first)
        bad = self._lottery.random() < FAULTY
        return self._lottery.choice(self._rest) if bad and self._rest else None


def _fault(kind: str, lottery: random.Random) -> Fault:
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "dropped before": ("reset", {}),
        "500 before": ("server_error", {}),
        "dropped after": ("lost_reply", {}),
        "502 after": ("bad_gateway", {"processed": True}),
        "truncated 200": ("truncated", {"value": lottery.choice(("framed", "cut"))}),
        "slow then cut": ("slow", {"seconds": lottery.uniform(SLOW_S / 8, SLOW_S)}),
        "429": ("rate_limit", {}),
    }
    name, changes = kinds[kind]
    return replace(FAULTS[name], **changes)
