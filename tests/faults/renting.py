"""What the process does that will be killed: rent a machine, use it, give it back; and whatever a crash left behind.

It is what a person does: the same command until it is through, and `leases stop --all --wait` in the end.
"""

from __future__ import annotations

from decimal import Decimal

from orchestrator.errors import TunewrightError
from orchestrator.jobs.desk import Desk
from orchestrator.jobs.failpoints import reach
from orchestrator.jobs.janitor import stop
from orchestrator.jobs.leases import IDLE_TIMEOUT_S, LeaseWish, leased
from providers.contract import Provider
from providers.errors import ProviderError

from .cases import IN_USE, Case
from .platforms import PLATFORMS, TUNED, Peculiar
from .scenery import BREATH_S, Scenery, Variant, desk_at, fresh_tag, opened

__all__ = ["USED", "rent"]

USED = "used"
"""The file that says that the machine was used."""

_USE_S = 60.0


async def rent(case: Case, variant: Variant, scenery: Scenery) -> None:
    """Returns once a machine was used and the ledger holds no lease that is not stopped."""
    desk, here = desk_at(scenery), PLATFORMS[case.platform]
    async with opened(case.platform, variant, scenery) as provider:
        model = await _model(provider, here)
        if variant.naive:
            await _rent_naively(desk, provider, scenery, model)
        else:
            await _use(desk, provider, scenery, _wish(model, here.usd_per_hour))
            await _nothing_left(desk, provider)
    desk.ledger.close()


async def _model(provider: Provider, here: Peculiar) -> str:
    assert here.rented is not None
    return here.rented if here.rented != TUNED else next(model.id for model in await provider.models() if model.tuned)


def _wish(model: str, usd_per_hour: Decimal | None) -> LeaseWish:
    return LeaseWish(
        model=model,
        account="here",
        reserve_usd=Decimal(9),
        usd_per_hour=usd_per_hour,
        sandbox=True,
        run_id="run",
    )


async def _use(desk: Desk, provider: Provider, scenery: Scenery, wish: LeaseWish) -> None:
    while not (scenery.folder / USED).exists():
        try:
            async with leased(desk, provider, wish):
                reach(IN_USE)
                await desk.clock.sleep(_USE_S)
                (scenery.folder / USED).touch()
        except (TunewrightError, ProviderError):
            await desk.clock.sleep(BREATH_S)


async def _nothing_left(desk: Desk, provider: Provider) -> None:
    while rows := await desk.db(desk.ledger.leases.all, open_only=True):
        for row in rows:
            try:
                await stop(desk, provider, row, wait=True)
            except TunewrightError:
                await desk.clock.sleep(BREATH_S)


async def _rent_naively(desk: Desk, provider: Provider, scenery: Scenery, model: str) -> None:
    """Again under another name until there is an answer; given back is what was answered."""
    while True:
        try:
            lease = await provider.serve(model, fresh_tag(), IDLE_TIMEOUT_S)
            break
        except ProviderError:
            await desk.clock.sleep(1.0)
    await desk.clock.sleep(_USE_S)
    (scenery.folder / USED).touch()
    await provider.teardown(lease.id)
