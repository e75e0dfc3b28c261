"""Jobs: what was bought, what became of it, and the ways to settle what is in doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import providers
from providers.contract import Provider
from providers.errors import ProviderError
from providers.records import Checkpoint, JobEvent, MetricPoint, RemoteJob

from ..config import Config
from ..errors import UsageError
from ..jobs.audit import Audit
from ..jobs.audit import audit as compare
from ..jobs.desk import Desk
from ..jobs.patience import patiently
from ..jobs.recover import recover as settle_one
from ..jobs.resolve import refuse_hasty, refuse_settled
from ..jobs.resolve import resolve as settle_by_word
from ..jobs.watch import Reading, read_once
from ..ledger import UNRESOLVED, Entry, Intent, IntentState, Run
from ..ledger.watched import WatchedRow
from ..options import RunOptions, merge
from ..pipeline.pricing import prices_paid
from ..pipeline.project import Project
from ..pipeline.session import Account, Session, platform_named
from ..pipeline.training import settle

__all__ = ["Audit", "Jobs"]


class Jobs:
    """`key` is an intent id, a tag, or the platform's job id."""

    def __init__(self, project: Project, config: Config | None = None) -> None:
        self._project = project
        self._config = config or Config()

    @property
    def _session(self) -> Session:
        return self._project.session

    @property
    def _desk(self) -> Desk:
        return self._session.desk

    async def ls(self) -> tuple[Intent, ...]:
        """Every intent in this ledger, newest first; none where there is no ledger yet."""
        if self._project.known is None:
            return ()
        return await self._desk.db(self._desk.ledger.intents.all)

    async def watched(self) -> dict[str, WatchedRow]:
        """How the watch of each job stands, by intent: when it was looked at, and since when it seems stuck."""
        if self._project.known is None:
            return {}
        return await self._desk.db(self._desk.ledger.watched.rows)

    async def get(self, key: str) -> Intent:
        """Raises `UsageError` when the ledger does not know it."""
        known = self._project.known
        if known is None:
            raise UsageError("no runs here yet", where=self._project.place, fix="tunewright run PAIRS …")
        intent = await known.desk.db(known.desk.ledger.intents.find, key)
        if intent is None:
            raise UsageError(f"no job {key!r} in this ledger", where=known.desk.ledger.place, fix="tunewright jobs ls")
        return intent

    async def show(self, key: str) -> tuple[Intent, tuple[Entry, ...]]:
        """The intent, freshly read from its platform where it has a job, and its whole history."""
        intent = await self.get(key)
        if intent.job_id is not None and intent.state is not IntentState.ENDED:
            await self.read(key)
        return await self.get(intent.id), await self._desk.db(self._desk.ledger.intents.history, intent.id)

    async def read(self, key: str) -> Reading:
        """One look at the platform; an ended job settles its money."""
        async with self._at(key) as (provider, intent):
            reading = await read_once(self._desk, provider, intent)
            if reading.ended:
                prices = await prices_paid(self._session, provider.platform, intent)
                await settle(self._session, intent, reading.job, prices)
                await self._desk.db(self._desk.ledger.watched.conclude, reading.claim, self._desk.clock.now())
            return reading

    async def events(self, key: str) -> tuple[JobEvent, ...]:
        """What the platform has said of the job, oldest first."""
        async with self._at(key) as (provider, intent):
            await read_once(self._desk, provider, intent)
            return await self._desk.db(self._desk.ledger.intents.events, intent.id)

    async def metrics(self, key: str) -> tuple[MetricPoint, ...]:
        """The training curve so far."""
        return (await self.read(key)).metrics

    async def checkpoints(self, key: str) -> tuple[Checkpoint, ...]:
        """What the platform has saved of the job."""
        async with self._at(key) as (provider, intent):
            return await patiently(self._desk, provider, lambda: provider.checkpoints(intent.job_id or ""))

    async def cancel(self, key: str) -> RemoteJob:
        """Ask the platform to stop the job; what was trained is billed."""
        async with self._at(key) as (provider, intent):
            job = await patiently(self._desk, provider, lambda: provider.cancel(intent.job_id or ""))
            await read_once(self._desk, provider, intent)
            return job

    async def pause(self, key: str) -> RemoteJob:
        """Raises `Unsupported` where the platform has no such thing."""
        async with self._at(key) as (provider, intent):
            return await patiently(self._desk, provider, lambda: provider.pause(intent.job_id or ""))

    async def resume(self, key: str) -> RemoteJob:
        """Raises `Unsupported` where the platform has no such thing."""
        async with self._at(key) as (provider, intent):
            return await patiently(self._desk, provider, lambda: provider.resume(intent.job_id or ""))

    async def recover(self, *, resubmit: bool = False, wait: bool = False) -> tuple[Intent, ...]:
        """Look for every job whose paid request got no clear answer. Never sends a create."""
        settled: list[Intent] = []
        if self._project.known is None:
            return ()
        for intent in await self._desk.db(self._desk.ledger.intents.all, UNRESOLVED):
            async with self._session.open(self._account(intent)) as provider:
                settled.append(await settle_one(self._desk, provider, intent, resubmit=resubmit, wait=wait))
        return tuple(settled)

    async def resolve(self, key: str, job_id: str | None) -> Intent:
        """A person's word on what became of a paid request: this job, or (None) nothing was created.

        Raises `UsageError` where there is no doubt, and for a "none" that comes too early to be known.
        """
        intent = await self.get(key)
        refuse_settled(intent)
        if job_id is None:
            refuse_hasty(intent, platform_named(intent.provider), self._desk.clock.now())
            return await settle_by_word(self._desk, intent, None)
        async with self._session.open(self._account(intent)) as provider:
            job = await patiently(self._desk, provider, lambda: provider.job(job_id))
        return await settle_by_word(self._desk, intent, job)

    async def adopt(
        self,
        provider: str,
        job_id: str,
        *,
        pairs: Path | str | None = None,
        count_spending: bool = False,
        **options: Unpack[RunOptions],
    ) -> Run:
        """A job made elsewhere becomes a run of this ledger, to be watched and listed. Nothing is bought.

        With `pairs` (those it was trained on), or `test` (pairs that it never saw), or both, the run can be evaluated,
        decided and reported like any other; `max_usd` is then the most that asking may cost. Its training was never
        reserved here: the bill counts in this month's budget only with `count_spending`. Raises `UsageError` for a job
        that is in this ledger already, naming its run, `DataRefused` where no pair is known to be unseen.
        """
        from ..pipeline.adopting import Adoption, adopt

        settings = None
        if pairs is not None or options.get("test") is not None:
            settings = merge(self._config, Path(pairs or str(options["test"])), **options)
        wish = Adoption(
            provider=provider,
            job_id=job_id,
            account=options.get("account"),
            settings=settings,
            trained_on=None if pairs is None else Path(pairs),
            count_spending=count_spending,
        )
        run = await adopt(self._session, wish)
        if run.intent_id is not None:
            await self.read(run.intent_id)
        return run

    async def audit(self, provider_name: str, account: str | None = None) -> Audit:
        """Jobs and machines carrying our tag that the ledger does not know, and the reverse. Changes nothing."""
        opened = self._session.account(provider_name, account)
        async with self._session.open(opened) as provider:
            found = await compare(self._desk, provider, opened.ref)
        elsewhere = await self._elsewhere(provider_name, opened.ref)
        return replace(found, not_asked=(*found.not_asked, *elsewhere))

    async def audit_all(self) -> tuple[Audit, ...]:
        """The same for every platform whose key is at hand; the others answer why they were not asked."""
        return tuple([await self._audited(name) for name in providers.platform_names() if await self._concerns(name)])

    async def _audited(self, name: str) -> Audit:
        try:
            return await self.audit(name)
        except ProviderError as error:
            why = f"nothing was asked: {error.message}"
            return Audit(provider=name, not_asked=(why, *await self._elsewhere(name, None)))

    async def _concerns(self, name: str) -> bool:
        """A platform that runs on this machine, without a key, is started only for what the ledger knows of it."""
        return platform_named(name).key_variable is not None or name in {intent.provider for intent in await self.ls()}

    async def _elsewhere(self, name: str, asked: str | None) -> list[str]:
        """What the ledger holds as live at other accounts of the platform, which this key does not open."""
        live = (IntentState.CREATED, *UNRESOLVED)
        jobs = [i.account for i in await self.ls() if i.provider == name and i.state in live]
        rows = await self._desk.db(self._desk.ledger.leases.all, open_only=True)
        held = Counter([*jobs, *(row.account for row in rows if row.provider == name)])
        del held[asked or ""]
        return [
            f"account {ref}: {count} live here, and this environment does not open it" for ref, count in held.items()
        ]

    @asynccontextmanager
    async def _at(self, key: str) -> AsyncIterator[tuple[Provider, Intent]]:
        intent = await self.get(key)
        if intent.job_id is None:
            raise UsageError(
                f"intent {intent.id} has no job ({intent.state.value})",
                fix="tunewright jobs recover, if it is in doubt",
            )
        async with self._session.open(self._account(intent)) as provider:
            yield provider, intent

    def _account(self, intent: Intent) -> Account:
        """The account of the environment; a job bought at another one is not asked for with this key."""
        return self._session.account_of(intent.provider, intent.account, f"job {intent.job_id or intent.id}")
