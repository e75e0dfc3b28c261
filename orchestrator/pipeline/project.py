"""The way to a project's ledger: opened and made for what writes, found or not for what only reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from ..clock import Clock

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Project"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """`place`: where the ledger is, or would be made. `caps`: those of the configuration, by scope.

    `name`: what it is called in a shared database.
    """

    place: str
    clock: Clock
    opens: Callable[[], Session]
    exists: Callable[[], bool]
    caps: Mapping[str, Decimal] = field(default_factory=dict)
    name: str = ""

    @property
    def session(self) -> Session:
        """The opened ledger; made where there is none."""
        return self.opens()

    @property
    def known(self) -> Session | None:
        """The opened ledger; None where none was ever made, and none is made by asking."""
        return self.opens() if self.exists() else None
