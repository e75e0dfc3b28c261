"""Everything that a report and a provenance record tell of one run."""

from __future__ import annotations

from dataclasses import dataclass

from ..evaluation.judged import Judged
from ..ledger import Intent
from .begun import Begun
from .billed import Billed
from .evaluating import Evaluated

__all__ = ["Story"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A run as far as it has come; None for what has not happened yet. `exploratory`: why its verdict is not the one
    that was to be decided; '' where it is. `recorded_verdict`: then, the one that was."""

    begun: Begun
    intent: Intent | None = None
    evaluated: Evaluated | None = None
    judged: Judged | None = None
    billed: Billed | None = None
    exploratory: str = ""
    recorded_verdict: str | None = None
