"""Models: the bases our dated facts know, and what an account or this ledger holds, with the day each goes dark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import providers
from providers.errors import Auth, ProviderError
from providers.records import Capability, ModelFacts, Support

from ..clock import Clock, today
from ..errors import BudgetRefused
from ..jobs.patience import patiently
from ..pipeline.project import Project
from ..pipeline.session import Session, platform_named
from .sunset import Sunset, joined, of_account, of_ledger

if TYPE_CHECKING:
    from providers.weights import WeightsKind

    from ..jobs.downloading import Archive
    from ..pipeline.tournament import Chosen

__all__ = ["Models", "ModelsRow", "Platforms", "Sunset"]


def _capped(_most: Decimal | None, cap: Decimal | None) -> None:
    """The library's default consent: an explicit cap."""
    if cap is None:
        raise BudgetRefused(
            "nobody agreed to spend", where="max_usd", fix="pass max_usd=Decimal('…'), or consent=your own function"
        )


def _uncounted(_done: int, _total: int) -> None:
    return


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

    async def sunset(self, provider: str | None = None, *, within: int | None = None) -> tuple[Sunset, ...]:
        """Tuned models of this ledger, and of every account whose key is at hand, soonest end first; one row each.

        `within`: only those that end in so many days, today not counted as an end to come. Then, and where `provider`
        is named, an account that cannot be asked is an error (`ProviderError`), not a model without an end.
        """
        strict = provider is not None or within is not None
        rows = joined([*await self._of_ledger(provider), *await self._of_accounts(provider, strict)])
        return tuple(row for row in rows if within is None or row.dying(within))

    async def download(
        self, what: str, out: Path | str, *, weights: WeightsKind | None = None, step: int | None = None
    ) -> Archive:
        """Archive the weights of a run, or of PLATFORM:MODEL, in the folder `out`; streamed, and gone on with after an
        interruption.

        `weights`: of an adapter, "merged" into its base (the default) or the "adapter" alone. `step`: of which
        checkpoint, by default the final model. Raises `UsageError` where the platform never gives weights.
        """
        from .weights import take

        return await take(self._project, what, Path(out), weights, step)

    async def choose(
        self,
        run: str | None = None,
        *,
        consent: Callable[[Decimal | None, Decimal | None], None] = _capped,
        max_usd: Decimal | None = None,
        accept_unknown: bool = False,
        progress: Callable[[int, int], None] = _uncounted,
    ) -> Chosen:
        """Let the checkpoints of a run's job (default: the newest run) meet on its validation rows. The best one is
        what `evaluate` asks from then on, on the held-out rows, which have no part in the choice.

        `consent`: called with the most it may cost, None where that is not known, and the cap; raises to say no.
        `max_usd`: a cap on all that the run spends, by default the run's own. `accept_unknown`: go on although no
        price is known. Raises `UsageError` where there is
        nothing to choose from.
        """
        from .choosing import choose

        return await choose(
            self._project, run, consent, max_usd=max_usd, accept_unknown=accept_unknown, progress=progress
        )

    async def _of_ledger(self, provider: str | None) -> list[Sunset]:
        known, on = self._project.known, today(self._project.clock)
        if known is None:
            return []
        intents = await known.desk.db(known.desk.ledger.intents.all)
        return [row for intent in intents if provider in (None, intent.provider) and (row := of_ledger(intent, on))]

    async def _of_accounts(self, provider: str | None, strict: bool) -> list[Sunset]:
        desk, found, on = self._session.desk, list[Sunset](), today(self._project.clock)
        for name in (provider,) if provider else providers.platform_names():
            try:
                account = self._session.account(name, None)
                async with self._session.open(account) as opened:
                    remote = await patiently(desk, opened, opened.models)
            except ProviderError as error:
                no_key = isinstance(error, Auth) and error.status is None
                if strict and not (no_key and provider is None):
                    raise
                desk.say("skipped", f"{name}: not asked ({error.message})")
                continue
            found += of_account(account, remote, on)
        return found


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
