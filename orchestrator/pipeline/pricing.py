"""Price rows for a run: the platform's dated ones, with the user's own price file on top."""

from __future__ import annotations

from collections.abc import Sequence

from providers.contract import Platform
from providers.errors import NotFound
from providers.records import Plan, Price

from ..costing import elsewhere, load_overrides
from ..ledger import Intent, Run
from ..ledger.codec import dump, load
from ..settings import RunSettings
from .session import Account, Session

__all__ = ["price_rows", "prices_of", "prices_paid"]


def price_rows(settings: RunSettings, account: Account, model: str) -> Sequence[Price]:
    """Rows for this model and method; none where our facts know nothing of the model (one of the user's own, say).

    At another host than the platform's own the prices are that host's, and no number of ours stands for them.
    """
    try:
        rows = account.platform.prices(model, settings.method, settings.hyperparameters)
    except NotFound:
        rows = ()
    rows = elsewhere(rows) if account.away else rows
    if settings.prices is None:
        return rows
    return load_overrides(settings.prices).apply(rows, account.platform.name, model, settings.method)


def prices_of(run: Run | None, platform: Platform, plan: Plan) -> Sequence[Price]:
    """With the run's own price file, where it had one."""
    account = Account(platform=platform, connection=Account.recorded(plan.provider, plan.account).connection)
    if run is not None and "settings" in run.record:
        return price_rows(load(RunSettings, dump(run.record["settings"])), account, plan.model)
    try:
        rows = platform.prices(plan.model, plan.method, plan.hyperparameters)
    except NotFound:
        return ()
    return elsewhere(rows) if account.away else rows


async def prices_paid(session: Session, platform: Platform, intent: Intent) -> Sequence[Price]:
    """By which a job's tokens are billed: as the newest run that wants it was told to reckon."""
    runs = await session.desk.db(session.desk.ledger.runs.of_intent, intent.id)
    return prices_of(runs[0] if runs else None, platform, intent.plan)
