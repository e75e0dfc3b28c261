"""What the process does that will be killed: buy one job through the protocol, or as somebody without it would.

It is what a person does: the same command until it says that the job is bought, `recover` where it says in doubt, and
a look at the console where it asks for one.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from orchestrator.errors import InDoubt
from orchestrator.jobs.desk import Desk
from orchestrator.jobs.recover import recover
from orchestrator.jobs.resolve import resolve
from orchestrator.jobs.submit import Order, new_intent, submit
from orchestrator.jobs.watch import read_once
from orchestrator.ledger import UNRESOLVED, Intent, IntentState
from orchestrator.pipeline.session import Session
from orchestrator.pipeline.training import settle
from providers.contract import Provider
from providers.errors import CannotTell, ProviderError
from providers.records import Hyperparameters, Method, Plan, ProviderFile

from .cases import Case
from .platforms import PLATFORMS
from .scenery import BREATH_S, Scenery, Variant, desk_at, fresh_tag, opened, platform_at, training_rows

__all__ = ["buy"]

_STEPS = 15


async def buy(case: Case, variant: Variant, scenery: Scenery) -> None:
    """Returns once the ledger holds the job's id (and, where the case says so, the bill)."""
    desk, order = desk_at(scenery), _order(case, scenery.folder)
    async with opened(case.platform, variant, scenery) as provider:
        if variant.naive:
            await _buy_naively(desk, provider, order)
        else:
            intent = await _bought(desk, provider, order, case.person)
            if case.scene.to_the_bill:
                await _to_the_bill(desk, provider, intent, scenery)
    desk.ledger.close()


async def _bought(desk: Desk, provider: Provider, order: Order, person: bool) -> Intent:
    while True:
        try:
            return await submit(desk, provider, order)
        except InDoubt:
            for intent in await desk.db(desk.ledger.intents.all, UNRESOLVED):
                found = await recover(desk, provider, intent, resubmit=not person, wait=True)
                if found.state is IntentState.NEEDS_HUMAN:
                    await _look_at_the_console(desk, provider, found)
        except ProviderError:
            await desk.clock.sleep(BREATH_S)


async def _look_at_the_console(desk: Desk, provider: Provider, intent: Intent) -> None:
    """The person sees what the platform lists, and says so. Where a job bears no tag they wait until none can appear
    any more, and hold each against the request as `jobs show` tells it."""
    try:
        jobs = await provider.find(intent.tag)
    except CannotTell:
        for _ in range(_STEPS):  # not in one leap: what is under way meanwhile must arrive when it would
            await desk.clock.sleep(provider.platform.settling().window_s / _STEPS)
        sent = (intent.request or {}).get("input")
        jobs = tuple(job for job in await provider.jobs() if job.raw["input"] == sent)
    await resolve(desk, intent, jobs[0] if jobs else None)


async def _to_the_bill(desk: Desk, provider: Provider, intent: Intent, scenery: Scenery) -> None:
    platform, plan = provider.platform, intent.plan
    while not (reading := await read_once(desk, provider, intent)).ended:
        await desk.clock.sleep(BREATH_S)
    session = Session(home=scenery.folder, environ={}, desk=desk)
    await settle(session, intent, reading.job, platform.prices(plan.model, plan.method, plan.hyperparameters))


async def _buy_naively(desk: Desk, provider: Provider, order: Order) -> None:
    """The loop that everybody writes, and that the SDKs hold: again until there is an answer, by a name made anew."""
    intent = await desk.db(desk.ledger.intents.plan, new_intent(order.plan, desk.clock.now(), sandbox=True))
    files: dict[str, str] = {file.role: (await provider.upload(file)).id for file in order.files}
    while True:
        try:
            job = await provider.create(order.plan, files, fresh_tag())
        except ProviderError:
            await desk.clock.sleep(1.0)
        else:
            break
    await desk.db(desk.ledger.intents.record_job, intent.id, job, desk.clock.now(), "created")


def _order(case: Case, folder: Path) -> Order:
    file, here = _file(case, folder), PLATFORMS[case.platform]
    plan = Plan(
        provider=case.platform,
        account="here",
        model=here.model,
        method=Method.SFT,
        hyperparameters=Hyperparameters(epochs=1, seed=here.seed),
        train_sha256=file.sha256,
        validation_sha256=None,
    )
    return Order(plan=plan, files=[file], reserve_usd=Decimal(7), run_id="run", sandbox=True)


def _file(case: Case, folder: Path) -> ProviderFile:
    """Ten rows that no other case has."""
    dialect = platform_at(case.platform).dialect(Method.SFT)
    data = training_rows(dialect, case.name)
    path = folder / "train.jsonl"
    if not path.exists():
        path.write_bytes(data)
    return ProviderFile(path, sha256(data).hexdigest(), len(data), 10, "train", dialect.name)
