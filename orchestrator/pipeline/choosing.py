"""Which state of the tuned model is evaluated: the last one, or the best checkpoint where trouble asks to keep it.

It is chosen when training ends and stands in the run's record before the first question is asked, so that it cannot be
chosen to suit the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.records import Checkpoint, RemoteJob

from ..jobs.health import choose_checkpoint
from ..jobs.trouble import kept_because
from ..ledger import Intent
from .session import Session

__all__ = ["choose", "evaluated_checkpoint", "evaluated_model", "why_evaluated"]


async def choose(
    session: Session, intent: Intent, job: RemoteJob, saved: Sequence[Checkpoint]
) -> Mapping[str, Any] | None:
    """What is to be evaluated and why, to be recorded with the run; None where nothing asked for a choice."""
    desk = session.desk
    reason = kept_because((await desk.db(desk.ledger.intents.get, intent.id)).health)
    if reason is None:
        return None
    points = await desk.db(desk.ledger.intents.metrics, intent.id)
    choice = choose_checkpoint(saved, points, job.tuned_model)
    desk.say("checkpoint", f"to be evaluated: {choice.why}")
    best = choice.checkpoint
    return {
        "model": best.model if best else job.tuned_model,
        "checkpoint": best.id if best else None,
        "step": best.step if best else None,
        "valid_loss": choice.valid_loss,
        "why": f"{choice.why}. Asked for because of {reason}",
    }


def evaluated_model(record: Mapping[str, Any]) -> str | None:
    """The model that this run evaluates in place of its last one, as recorded when training ended."""
    model = (record.get("evaluated") or {}).get("model")
    return None if model is None else str(model)


def evaluated_checkpoint(record: Mapping[str, Any]) -> str | None:
    """The checkpoint's id; None for the last model."""
    found = (record.get("evaluated") or {}).get("checkpoint")
    return None if found is None else str(found)


def why_evaluated(record: Mapping[str, Any]) -> str | None:
    """In words, where there was a choice."""
    why = (record.get("evaluated") or {}).get("why")
    return None if why is None else str(why)
