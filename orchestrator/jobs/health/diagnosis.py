"""What a curve is said to show, as a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DISEASES", "Diagnosis", "Named"]

Named = Literal["overfitting", "plateau", "divergence", "too_few_evaluations", "early_stopped", "restarted"]

DISEASES: tuple[Named, ...] = ("overfitting", "plateau", "divergence")
"""Those that something can be done about while the job runs."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`name` is stable, `evidence` holds the figures, `advice` what to change. `since_step`: where it began.

    `severity` "info": told, and no reason to do anything ("early_stopped" and "restarted" are the platform's own word).
    """

    name: Named
    evidence: str
    advice: str
    since_step: int | None = None
    severity: Literal["warning", "info"] = "warning"

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.name.replace('_', ' ')}: {self.evidence}. {self.advice[:1].upper()}{self.advice[1:]}"
