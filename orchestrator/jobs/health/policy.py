"""What is done about a trouble that a curve shows, decided as a pure function, so that any watcher decides the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from providers.records import TERMINAL_STATES, Checkpoint, JobState, MetricPoint, Support

from .diagnosis import DISEASES, Diagnosis

__all__ = ["ACTIONS", "Act", "Action", "Choice", "Policy", "choose_checkpoint", "decide"]

Action = Literal["warn", "pause", "cancel", "keep"]
ACTIONS: tuple[Action, ...] = get_args(Action)
_STRONGEST: tuple[Action, ...] = ("cancel", "pause", "keep")
_ALIVE = (JobState.QUEUED, JobState.RUNNING, JobState.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What to do about each trouble. "warn" says it; "keep" lets it run and evaluates the best checkpoint."""

    overfitting: Action = "warn"
    plateau: Action = "warn"
    divergence: Action = "warn"

    @classmethod
    def all(cls, action: Action) -> Policy:
        """The same for every trouble."""
        return cls(overfitting=action, plateau=action, divergence=action)

    def of(self, name: str) -> Action:
        """ "warn" for what is no trouble."""
        found: Action = getattr(self, name) if name in DISEASES else "warn"
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What is to be done, and the diagnosis that asks for it. `note`: why it is not what was wished for."""

    action: Action
    diagnosis: Diagnosis
    note: str = ""

    @property
    def reason(self) -> str:
        """The diagnosis with its figures."""
        return f"{self.diagnosis.name}: {self.diagnosis.evidence}"


def decide(
    diagnoses: Sequence[Diagnosis], policy: Policy, *, state: JobState, can_pause: Support, done: frozenset[str]
) -> Act | None:
    """The strongest thing that the policy asks for and that was not done yet; None when there is nothing to do.

    `done`: actions taken of this job before. A job is stopped or paused once: whoever resumes it knows better. Where
    the platform has no pause the answer is a warning that says so.
    """
    for action in _STRONGEST:
        found = next((item for item in diagnoses if policy.of(item.name) == action), None)
        if found is None or action in done or (action != "keep" and done & {"cancel", "pause"}):
            continue
        if action == "keep":
            return Act(action="keep", diagnosis=found)
        if state in TERMINAL_STATES or state not in _ALIVE:
            continue
        if action == "pause" and not can_pause:
            if "warn" in done:
                continue
            why = can_pause.reason or "the platform says nothing of pausing"
            return Act(action="warn", diagnosis=found, note=f"it cannot be paused here ({why})")
        return Act(action=action, diagnosis=found)
    return None


# ── keeping the best ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which state of the model is evaluated, and why. `checkpoint` None: the last one, the tuned model itself."""

    checkpoint: Checkpoint | None
    why: str
    valid_loss: float | None = None


def choose_checkpoint(saved: Sequence[Checkpoint], points: Sequence[MetricPoint], tuned_model: str | None) -> Choice:
    """The lowest validation loss among the saved states that can be called by name; of equals, the earlier.

    A checkpoint that carries no measurement has that of the same step of the curve.
    """
    curve = {point.step: point.valid_loss for point in points if _known(point.valid_loss)}
    measured = [(loss, item.step, item) for item in saved if item.model and (loss := _loss(item, curve)) is not None]
    if not measured:
        unnamed = "none of them can be called by name" if saved else "the platform saved none"
        unmeasured = "none that can be called by name has a validation loss"
        why = unmeasured if any(item.model for item in saved) else unnamed
        return Choice(checkpoint=None, why=f"the last model: of the checkpoints, {why}")
    loss, step, best = min(measured, key=lambda item: item[:2])
    if best.model == tuned_model:
        return Choice(checkpoint=None, why=f"the last model, step {step}: no saved one has a lower validation loss "
                      f"({loss:.3f})", valid_loss=loss)  # fmt: skip
    last = next((value for value, _, item in measured if item.model == tuned_model), None)
    against = f", where the last model has {last:.3f}" if last is not None else ""
    return Choice(checkpoint=best, why=f"the checkpoint at step {step}: it has the lowest validation loss ({loss:.3f})"
                  f"{against}", valid_loss=loss)  # fmt: skip


def _loss(checkpoint: Checkpoint, curve: Mapping[int, float | None]) -> float | None:
    own = checkpoint.metrics.valid_loss if checkpoint.metrics else None
    return own if _known(own) else curve.get(checkpoint.step)


def _known(loss: float | None) -> bool:
    return loss is not None and loss - loss == 0
