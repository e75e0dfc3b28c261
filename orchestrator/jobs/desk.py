"""What every step works with: the ledger, the clock, somebody to tell, and how long to be patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.to_thread

from ..clock import Clock
from ..config import RateConfig
from ..ledger import Ledger
from .owners import alive, me

__all__ = ["PATIENCE_S", "WATCH_PATIENCE_S", "Desk", "Notice"]

PATIENCE_S, WATCH_PATIENCE_S = 60.0, 3600.0

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth telling a person while it happens. `kind` is stable, `text` is for reading, `data` for code."""

    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


def _silent(_notice: Notice) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """`rates`: platform → what the user settled for it. `lines`: account → what its calls share (`line.py`).

    `patience_s`: how long an idempotent call is repeated against an unreachable or faulty platform;
    `watch_patience_s`: the same while a job runs, when an outage costs nothing but time. `owner`: this process, as
    the ledger names it; `alive`: whether the process of such a name still runs.
    """

    ledger: Ledger
    clock: Clock
    tell: Callable[[Notice], None] = _silent
    patience_s: float = PATIENCE_S
    watch_patience_s: float = WATCH_PATIENCE_S
    owner: str = field(default_factory=me)
    alive: Callable[[str | None], bool] = alive
    rates: Mapping[str, RateConfig] = field(default_factory=dict)
    lines: dict[str, Any] = field(default_factory=dict)
    _one: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))

    async def db(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one ledger call on the worker thread; calls never overlap."""
        return await anyio.to_thread.run_sync(partial(call, *args, **kwargs), limiter=self._one)

    def say(self, kind: str, text: str, **data: Any) -> None:
        """Tell whoever listens."""
        self.tell(Notice(kind, text, data))
