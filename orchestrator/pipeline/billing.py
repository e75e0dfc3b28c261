"""What a run was billed so far: training, the answers of all its evaluations, judging, machines; from the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ..evaluation.questions import Spec
from ..ledger import Intent, Spending, training_spending
from ..ledger.spending import exact_sum
from .asking_judge import judging_spendings
from .begun import Begun
from .billed import Billed
from .evaluating import Evaluated
from .keeping import RECORDED
from .pricing import price_rows
from .serving import intent_of
from .session import Account, Session
from .training import bill_usd

__all__ = ["bill_of"]


async def bill_of(session: Session, begun: Begun, evaluated: Evaluated) -> tuple[Billed, Intent | None]:
    """The bill, and what was bought; None as a part of it: nobody knows yet."""
    desk = session.desk
    spendings = {item.id: item for item in await desk.db(desk.ledger.budget.spendings)}
    intent = None if "tuned" in begun.settings.extra else await intent_of(session, begun.run)
    job = intent.job if intent else None
    training: Decimal | None = Decimal(0)
    if intent and job:
        trained = spendings.get(training_spending(intent.id))
        settled = trained is not None and trained.state == "settled"
        prices = price_rows(begun.settings, begun.account, intent.plan.model)
        training = trained.usd if trained and settled else bill_usd(job, prices)
    leases = [item for item in spendings.values() if item.kind == "hosting" and item.run_id == begun.run.id]
    hosting = sum((item.usd for item in leases), Decimal(0)) if all(i.state != "reserved" for i in leases) else None
    billed = Billed(
        training_usd=training,
        evaluation_usd=_asking_usd(spendings.values(), begun.run.id, evaluated.spec),
        hosting_usd=hosting,
        tokens=job.billed_tokens if job else None,
        sandbox=_all_sandbox(begun),
        judging_usd=await judging_spendings(session, begun.run.id),
    )
    return billed, intent


def _all_sandbox(begun: Begun) -> bool:
    """Whether nobody who was asked takes money."""
    refs = begun.run.record.get("accounts") or {}
    asked = [Account.recorded(name, ref) for name, ref in refs.items() if name != RECORDED] or [begun.account]
    return all(account.sandbox for account in asked)


def _asking_usd(spendings: Iterable[Spending], run_id: str, spec: Spec) -> Decimal | None:
    """What the answers of this run's evaluations were billed, in all their months; None while that is not known."""
    name = f"evaluation:{spec.id}"
    mine = [
        item
        for item in spendings
        if item.id == name
        or item.id.startswith((f"{name}@", f"{name}/"))
        or (item.kind == "evaluation" and item.run_id == run_id)
    ]
    if any(item.state == "reserved" for item in mine):
        return None
    if not mine and any(candidate.provider != RECORDED for candidate in spec.candidates):
        return None
    return exact_sum(item.usd for item in mine if item.state == "settled")
