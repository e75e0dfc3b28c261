"""Reading a training curve: overfitting, plateau, divergence, or too few evaluations to tell; and what to do. Pure.

Each diagnosis carries its evidence in plain words, so that a person can disagree with it. `docs/watching-health.md`
states every rule with its threshold and the reason for it.
"""

from __future__ import annotations

from .diagnosing import best_step, diagnose
from .diagnosis import DISEASES, Diagnosis, Named
from .limits import LIMITS, Limits
from .policy import ACTIONS, Act, Action, Choice, Policy, choose_checkpoint, decide

__all__ = [
    "ACTIONS",
    "DISEASES",
    "LIMITS",
    "Act",
    "Action",
    "Choice",
    "Diagnosis",
    "Limits",
    "Named",
    "Policy",
    "best_step",
    "choose_checkpoint",
    "decide",
    "diagnose",
]
