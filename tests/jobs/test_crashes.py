"""A process that buys is killed (SIGKILL, no handler runs) at every place of the protocol; what starts next makes
exactly one job, with its right id, and loses none. A naive buyer fails the same check, so the check sees doubles."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator.errors import InDoubt
from orchestrator.jobs.recover import recover
from orchestrator.jobs.submit import Order, submit
from orchestrator.ledger import UNRESOLVED, IntentState
from providers.records import Method

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

Buyer = Callable[..., subprocess.Popen[str]]
Make = Callable[..., Order]

BEFORE_SENDING = ("after_intent", "after_approve", "after_upload")
CLAIMED = "after_creating"
ON_ITS_WAY = "sent"
ANSWERED = "after_create_answer"
EVERYWHERE = (*BEFORE_SENDING, CLAIMED, ON_ITS_WAY, ANSWERED)


def kill_at(place: str, name: str, world: Any, buyer: Buyer, until: Any, **how: Method) -> None:
    """Start a buyer and let it die there. "sent" is between the request and its answer: the server takes its time."""
    if place != ON_ITS_WAY:
        died = buyer(name, failpoint=place, **how)
    else:
        world.fault("slow", seconds=1.0)
        died = buyer(name, **how)
        until(lambda: world.posts)
        died.kill()
    died.communicate(timeout=60)
    assert died.returncode == -signal.SIGKILL
    if place == ON_ITS_WAY:
        until(world.jobs)


def assert_one_job(world: Any, recorded: str | None) -> None:
    """Exactly one remote job, asked for once, and its id is what the ledger says: none doubled, none lost."""
    assert world.jobs() == [recorded]
    assert world.posts == 1


async def buy_to_the_end(world: Any, bench: Any, order: Order) -> str | None:
    """What a person does next: the same command again; where it says in doubt, `recover`, and the command again."""
    async with world.open(order.plan.provider) as provider:
        try:
            return (await submit(bench.desk, provider, order)).job_id
        except InDoubt:
            await recover(bench.desk, provider, bench.intent, resubmit=True, wait=True)
            return (await submit(bench.desk, provider, order)).job_id


def anywhere() -> Iterator[Any]:
    """Around the request on both platforms; the other places, which the fault matrix visits, by `make exhaustive`."""
    around = (CLAIMED, ON_ITS_WAY, ANSWERED)
    for name in ("openai", "together"):
        yield from ((name, place) for place in around)
    for place in EVERYWHERE:
        if place not in around:
            yield pytest.param("openai", place, marks=pytest.mark.exhaustive)


@pytest.mark.parametrize(("name", "place"), [*anywhere()])
async def test_the_same_command_after_a_crash_ends_with_one_job(
    world: Any, make_bench: Any, make_order: Make, buyer: Buyer, until: Any, name: str, place: str
) -> None:
    kill_at(place, name, world, buyer, until)
    bench = make_bench()
    job = await buy_to_the_end(world, bench, make_order(name))
    assert_one_job(world, job)
    assert (bench.intent.state, bench.intent.job_id, list(bench.money)) == ("created", job, ["reserved"])


async def test_a_preference_job_too_is_bought_once_across_a_crash(
    world: Any, make_bench: Any, make_order: Make, buyer: Buyer, until: Any, name: str
) -> None:
    kill_at(ON_ITS_WAY, name, world, buyer, until, method=Method.DPO)
    bench = make_bench()
    assert_one_job(world, await buy_to_the_end(world, bench, make_order(name, method=Method.DPO)))
    (method,) = {seen.job.method for seen in world.sandbox.book.views(name) if seen.job.id == bench.intent.job_id}
    assert method == "dpo"


@pytest.mark.parametrize("place", [ON_ITS_WAY, ANSWERED])
async def test_recover_alone_adopts_the_job_of_a_crash(
    world: Any, make_bench: Any, buyer: Buyer, until: Any, name: str, place: str
) -> None:
    kill_at(place, name, world, buyer, until)
    bench = make_bench()
    async with world.open(name) as provider:
        for intent in bench.ledger.intents.all(UNRESOLVED):
            await recover(bench.desk, provider, intent)
    assert_one_job(world, bench.intent.job_id)


@pytest.mark.parametrize("place", [CLAIMED, ON_ITS_WAY, ANSWERED])
async def test_a_fresh_folder_with_an_empty_ledger_ends_with_one_job(
    world: Any, make_bench: Any, make_order: Make, buyer: Buyer, until: Any, place: str
) -> None:
    kill_at(place, "openai", world, buyer, until)
    fresh = make_bench("elsewhere")
    assert_one_job(world, await buy_to_the_end(world, fresh, make_order("openai")))


async def test_the_ledger_of_the_crash_adopts_what_a_fresh_one_bought(
    world: Any, make_bench: Any, make_order: Make, buyer: Buyer, until: Any
) -> None:
    kill_at(CLAIMED, "openai", world, buyer, until)
    await buy_to_the_end(world, make_bench("elsewhere"), make_order("openai"))
    assert_one_job(world, await buy_to_the_end(world, make_bench(), make_order("openai")))


async def test_a_crash_before_sending_is_never_taken_for_sent(
    world: Any, make_bench: Any, buyer: Buyer, until: Any
) -> None:
    for place in BEFORE_SENDING:
        kill_at(place, "openai", world, buyer, until)
    assert (make_bench().intent.state, world.posts) == (IntentState.UPLOADED, 0)


async def test_two_processes_with_the_same_plan_make_one_job(
    world: Any, make_bench: Any, buyer: Buyer, name: str
) -> None:
    world.fault("slow", seconds=0.5)
    both = [buyer(name), buyer(name)]
    said = [process.communicate(timeout=60)[0].strip() for process in both]
    assert_one_job(world, make_bench().intent.job_id)
    assert set(said) <= {*world.jobs(), ""}
    assert any(said)


async def test_the_check_sees_the_doubles_of_a_naive_buyer(world: Any, buyer: Buyer) -> None:
    world.fault("lost_reply")
    said, _ = buyer("openai", naive=True).communicate(timeout=60)
    with pytest.raises(AssertionError):
        assert_one_job(world, said.strip())
    assert len(world.jobs()) > 1
