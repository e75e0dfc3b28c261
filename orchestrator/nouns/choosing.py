"""Choosing among the checkpoints of a run's job, after it has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from ..pipeline.finding import find_run
from ..pipeline.project import Project
from ..pipeline.run import reopen
from ..pipeline.tournament import Chosen, hold_tournament

__all__ = ["choose"]


async def choose(
    project: Project,
    run: str | None,
    consent: Callable[[Decimal | None, Decimal | None], None],
    *,
    max_usd: Decimal | None,
    accept_unknown: bool,
    progress: Callable[[int, int], None],
) -> Chosen:
    """See `Models.choose`."""
    found = await find_run(project, run)
    begun = await reopen(project.session, found)
    agreed = [usd for usd in (max_usd, begun.settings.max_usd) if usd is not None]
    cap, unknown = min(agreed, default=None), accept_unknown or begun.settings.accept_unknown
    begun = replace(begun, settings=replace(begun.settings, max_usd=cap, accept_unknown=unknown))
    async with project.session.open(begun.account):
        return await hold_tournament(project.session, begun, progress, lambda most: consent(most, cap))
