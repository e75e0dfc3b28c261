"""The money that asking holds: of every account its own part, so that each platform's cap counts what is asked there.

All parts are held in one transaction, or none is. Each is settled by the sum of its account's answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ..evaluation.questions import Answer, Question, Spec
from ..ledger import Reservation, evaluation_spending
from ..ledger.spending import exact_sum
from ..settings import RunSettings
from .answering import Served, payer, paying
from .asking import line_of
from .batching import in_flight
from .session import Account, Session

__all__ = ["Key", "settle", "wishes"]

Key = tuple[str, str, int]
"""Candidate, question, sample."""


def wishes(
    settings: RunSettings,
    served: Sequence[Served],
    asked: Sequence[Question],
    known: Mapping[Key, Answer],
    *,
    spec_id: str,
    run_id: str,
    usd: Decimal,
    unknown: bool,
) -> tuple[Reservation, ...]:
    """What to hold, `usd` in all: of each further account what its answers may cost, the rest of the one that pays.

    `known`: answers that an earlier evaluation has paid. `unknown`: some have no known price. What an account's
    own machines cost must fit beside its answers, before anything is rented.
    """

    def wish(account: Account, items: Sequence[Served], place: str, usd: Decimal, unknown: bool) -> Reservation:
        return Reservation(
            id=place,
            usd=usd,
            kind="evaluation",
            provider=account.platform.name,
            account=account.ref,
            sandbox=account.sandbox,
            run_id=run_id,
            run_cap=settings.max_usd,
            then_usd=exact_sum(item.hosting_usd for item in items),
            unknown=unknown,
        )

    first, whole, parts = payer(served), evaluation_spending(spec_id), list[Reservation]()
    places = _places(spec_id, served)
    for place, items in places.items():
        if place != whole:
            lines = [line_of(settings, item, asked, known).usd for item in items]
            most = exact_sum(each for each in lines if each is not None)
            parts.append(wish(items[0].account, items, place, most, None in lines))
    rest = max(Decimal(0), exact_sum((usd, *(-part.usd for part in parts))))
    return (*parts, wish(first, places.get(whole, ()), whole, rest, unknown))


async def settle(session: Session, spec: Spec, served: Sequence[Served], answers: Mapping[Key, Answer]) -> None:
    """Each account's bill is the sum of its answers; one without a price leaves its money reserved, and so does a batch
    that is under way. What a rented machine answers is billed by the hour, with its lease; where
    tokens have a price there too, by both."""
    if not served or await in_flight(session, spec.id):
        return
    for place, items in _places(spec.id, served).items():
        by_answer = {item.candidate.name: item for item in items if item.by_tokens}
        paid = [
            Decimal(0) if answer.usd is None and by_answer[name].account.sandbox else answer.usd
            for (name, _, _), answer in answers.items()
            if name in by_answer and answer.error is None and answer.paid_by is None
        ]
        if all(usd is not None for usd in paid):
            total = exact_sum(usd for usd in paid if usd is not None)
            budget, now = session.desk.ledger.budget, session.desk.clock.now()
            await session.desk.db(budget.settle, place, total, now, basis=f"sum of {len(paid):,} answers")


def _places(spec_id: str, served: Sequence[Served]) -> dict[str, list[Served]]:
    """Under which id the money for whose answers is held: that of the evaluation alone for the account that pays."""
    first, places = payer(served), dict[str, list[Served]]()
    for item in paying(served):
        own = (item.account.platform.name, item.account.ref)
        further = () if own == (first.platform.name, first.ref) else own
        places.setdefault(evaluation_spending(spec_id, *further), []).append(item)
    return places
