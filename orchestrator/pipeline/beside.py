"""What a verdict takes into account beside the answers, as the ledger knows it: training rows, curve, bill."""

from __future__ import annotations

from providers.records import Checkpoint

from ..evaluation.economics import Terms
from ..jobs.health import choose_checkpoint
from ..ledger import Intent
from ..ledger.codec import dump, load
from .begun import Begun
from .billed import Billed
from .choosing import evaluated_checkpoint
from .deciding import Beside
from .evaluating import Evaluated
from .guarding import guarded
from .human_labels import read_labels
from .session import Session

__all__ = ["beside_of"]


async def beside_of(
    session: Session, begun: Begun, evaluated: Evaluated, intent: Intent | None, billed: Billed
) -> Beside:
    """Read from the ledger and the files that the settings name; asks nobody."""
    people = begun.settings.human_labels
    return Beside(
        guarded=await guarded(session, begun, evaluated),
        train=tuple(begun.dataset.split.train),
        checkpoint=await _earlier(session, begun, intent),
        terms=_terms(begun, intent, billed),
        people=None if people is None else read_labels(people, evaluated.questions),
    )


def _terms(begun: Begun, intent: Intent | None, billed: Billed) -> Terms:
    usd, bought = billed.training_usd, "billed"
    if usd is None and begun.quote is not None:
        lines = [line.high_usd for line in begun.quote.lines if line.item == "training"]
        usd, bought = (lines[0] if lines else None), "quoted"
    return Terms(
        training_usd=None if intent is None else usd,
        bought=bought,
        prompts_per_month=begun.settings.prompts_per_month,
        sandbox=begun.account.sandbox,
    )


async def _earlier(session: Session, begun: Begun, intent: Intent | None) -> str | None:
    """Whether an earlier checkpoint had the lower validation loss; None where that is not known, or was evaluated."""
    record, job = begun.run.record, intent.job if intent else None
    if intent is None or job is None or evaluated_checkpoint(record) is not None:
        return None
    saved = [load(Checkpoint, dump(item)) for item in record.get("checkpoints", ())]
    points = await session.desk.db(session.desk.ledger.intents.metrics, intent.id)
    choice = choose_checkpoint(saved, points, job.tuned_model)
    if choice.checkpoint is None:
        return None
    return (
        f"Try {choice.why}: `tunewright models choose {begun.run.id}` chooses among the checkpoints on the validation "
        "rows."
    )
