"""Models: the bases our dated facts know, and what an account or this ledger holds, with the day each goes dark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import providers
from providers.errors import ProviderError
from providers.records import Capability, JobState, ModelFacts, Support

from ..clock import Clock, today
from ..jobs.patience import patiently
from ..pipeline.project import Project
from ..pipeline.session import Session, platform_named

__all__ = ["Models", "ModelsRow", "Platforms", "Sunset"]


@dataclass(frozen=True, slots=True)
class Sunset:
    """One tuned model and when it stops answering; None: no end is known."""

    model: str
    provider: str
    base: str
    shutdown: date | None
    days_left: int | None
    where: str


@dataclass(frozen=True, slots=True)
class ModelsRow:
    """A base model and what our facts say of it."""

    provider: str
    facts: ModelFacts


class Models:
    """Bases and tuned models."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @property
    def _session(self) -> Session:
        return self._project.session

    async def ls(self, provider: str | None = None) -> tuple[ModelsRow, ...]:
        """Base models known by dated facts; no key and no network."""
        names = (provider,) if provider else providers.platform_names()
        return tuple(ModelsRow(name, facts) for name in names for facts in platform_named(name).models())

    async def sunset(self, provider: str | None = None) -> tuple[Sunset, ...]:
        """Tuned models of this ledger, and of every account whose key is at hand, soonest end first."""
        rows = {row.model: row for row in [*await self._of_ledger(provider), *await self._of_accounts(provider)]}
        return tuple(sorted(rows.values(), key=lambda row: (row.shutdown or date.max, row.model)))

    async def _of_ledger(self, provider: str | None) -> list[Sunset]:
        known, found = self._project.known, list[Sunset]()
        if known is None:
            return found
        desk = known.desk
        for intent in await desk.db(desk.ledger.intents.all):
            job = intent.job
            if job and job.state is JobState.SUCCEEDED and job.tuned_model and provider in (None, intent.provider):
                shutdown = None if intent.sandbox else self._shutdown(intent.provider, intent.plan.model)
                found.append(self._row(job.tuned_model, intent.provider, intent.plan.model, shutdown, "ledger"))
        return found

    async def _of_accounts(self, provider: str | None) -> list[Sunset]:
        desk, found = self._session.desk, []
        for name in (provider,) if provider else providers.platform_names():
            try:
                account = self._session.account(name, None)
                async with self._session.open(account) as opened:
                    remote = await patiently(desk, opened, opened.models)
            except ProviderError as error:
                desk.say("skipped", f"{name}: not asked ({error.message})")
                continue
            found += [self._row(m.id, name, "", m.shutdown, "account") for m in remote if m.tuned]
        return found

    def _shutdown(self, provider: str, model: str) -> date | None:
        try:
            return platform_named(provider).model(model).shutdown
        except ProviderError:
            return None

    def _row(self, model: str, provider: str, base: str, shutdown: date | None, where: str) -> Sunset:
        left = None if shutdown is None else (shutdown - today(self._project.clock)).days
        return Sunset(model, provider, base, shutdown, left, where)


class Platforms:
    """The platforms and what they can do on this day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def ls(self) -> tuple[str, ...]:
        """Names usable before the colon of `--to`."""
        return providers.platform_names()

    async def show(self, name: str) -> dict[Capability, Support]:
        """Every capability with its answer, reason, dates and source."""
        return dict(platform_named(name).capabilities(today(self._clock)))
