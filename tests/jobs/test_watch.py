"""Watching to the end over real HTTP: changes, restarts, unknown words, vanished jobs, platforms that go away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import providers
from orchestrator.jobs.submit import Order, submit
from orchestrator.jobs.watch import Reading, poll_spacing_s, read_once, rest, watch
from orchestrator.ledger import Arrival, IntentState
from providers.errors import Auth, Unreachable
from providers.records import JobState, WebhookNews
from providers.sandbox import Clock, Sandbox, serve

pytestmark = pytest.mark.anyio

PACE_S = 60.0


class Platform:
    """A sandbox whose time moves with the watcher's, and that can be stopped and started at the same address."""

    def __init__(self, world_of: Any, home: Path, clock: Any) -> None:
        self._stack, self._home, self.port = ExitStack(), home, 0
        self.sandbox = Sandbox(None, clock=Clock(clock.now().timestamp(), running=False), pace_s=PACE_S)
        self.start()
        self.world = world_of(self.sandbox, self.running, home)

    def start(self) -> None:
        self.running = self._stack.enter_context(serve(self.sandbox, port=self.port))
        self.port = urlsplit(self.running.url).port or 0

    def stop(self) -> None:
        self._stack.close()

    def close(self) -> None:
        self.stop()
        self.sandbox.close()


@pytest.fixture
def place(world: Any, tmp_path: Path, clock: Any) -> Iterator[Platform]:
    opened = Platform(type(world), tmp_path, clock)
    clock.then = lambda: opened.sandbox.advance(clock.slept[-1])
    yield opened
    opened.close()


@pytest.fixture
async def account(place: Platform, name: str) -> AsyncIterator[Any]:
    async with place.world.open(name) as provider:
        yield provider


async def to_the_end(bench: Any, provider: Any, **given: Any) -> list[Reading]:
    given = {"patience_s": 3600.0, **given}
    return [reading async for reading in watch(bench.desk, provider, bench.intent, **given)]


def states(readings: list[Reading]) -> list[str]:
    """The states in the order in which they were seen, each once."""
    return list(dict.fromkeys(reading.job.label for reading in readings))


@pytest.fixture
async def bought(bench: Any, account: Any, make_order: Callable[..., Order], name: str) -> Any:
    await submit(bench.desk, account, make_order(name, sandbox=False))
    return bench


async def test_a_job_is_watched_through_its_states_to_success(bought: Any, account: Any) -> None:
    seen = states(await to_the_end(bought, account))
    assert seen[-1] == "succeeded"
    assert "running" in seen
    assert bought.intent.state is IntentState.ENDED


async def test_every_event_is_told_once_and_kept(bought: Any, account: Any) -> None:
    told = [event.id for reading in await to_the_end(bought, account) for event in reading.new_events]
    assert told
    assert told == list(dict.fromkeys(told)) == [event.id for event in bought.ledger.intents.events(bought.intent.id)]


async def test_after_a_restart_no_event_is_told_again(bought: Any, account: Any, make_bench: Any) -> None:
    await to_the_end(bought, account)
    again = make_bench()
    assert [event for reading in await to_the_end(again, account) for event in reading.new_events] == []


async def test_the_curve_is_kept_with_losses_of_every_step(bought: Any, account: Any) -> None:
    last = (await to_the_end(bought, account))[-1]
    assert last.metrics == bought.ledger.intents.metrics(bought.intent.id)
    assert [point.step for point in last.metrics] == sorted({point.step for point in last.metrics})
    assert all(point.train_loss is not None for point in last.metrics)


async def test_an_unknown_status_is_shown_as_it_came_and_waited_on(bought: Any, account: Any, place: Any) -> None:
    place.sandbox.faults.set("unknown_status", count=2)
    seen = states(await to_the_end(bought, account))
    assert "unknown(reticulating)" in seen
    assert seen[-1] == "succeeded"


async def test_a_job_that_fails_ends_the_watch_and_says_why(
    bench: Any, account: Any, make_order: Callable[..., Order], name: str, place: Any
) -> None:
    place.sandbox.faults.set("job_failed")
    await submit(bench.desk, account, make_order(name, sandbox=False))
    job = (await to_the_end(bench, account))[-1].job
    assert (job.state, bool(job.error)) == (JobState.FAILED, True)


async def test_a_job_cancelled_on_the_website_ends_the_watch(bought: Any, account: Any, place: Any) -> None:
    place.sandbox.book.cancel(bought.intent.job_id)
    assert (await to_the_end(bought, account))[-1].job.state is JobState.CANCELLED


async def test_a_job_that_the_platform_forgot_is_gone(bought: Any, account: Any, place: Any) -> None:
    place.sandbox.delete_job(bought.intent.job_id)
    assert states(await to_the_end(bought, account)) == ["gone"]


async def test_a_job_forgotten_after_its_success_stays_a_success(bought: Any, account: Any, place: Any) -> None:
    await to_the_end(bought, account)
    place.sandbox.delete_job(bought.intent.job_id)
    assert states(await to_the_end(bought, account)) == ["succeeded"]


async def test_a_short_outage_is_survived(bought: Any, account: Any, place: Any, clock: Any) -> None:
    place.stop()
    asleep, advance = len(clock.slept), clock.then

    def back_after_ten_minutes() -> None:
        if sum(clock.slept[asleep:]) > 600 and not place.running_again:
            place.running_again = True
            place.start()
        advance()

    place.running_again = False
    clock.then = back_after_ten_minutes
    assert states(await to_the_end(bought, account))[-1] == "succeeded"


async def test_an_outage_beyond_patience_is_raised_as_what_it_is(
    bought: Any, account: Any, place: Any, clock: Any
) -> None:
    place.stop()
    began = clock.now()
    with pytest.raises(Unreachable):
        await to_the_end(bought, account, patience_s=900.0)
    assert timedelta(minutes=14) <= clock.now() - began <= timedelta(minutes=16)


async def test_a_watch_that_gave_up_leaves_the_job_as_it_was(bought: Any, account: Any, place: Any) -> None:
    place.stop()
    with pytest.raises(Unreachable):
        await to_the_end(bought, account, patience_s=1.0)
    place.start()
    assert states(await to_the_end(bought, account))[-1] == "succeeded"


async def test_a_key_that_stops_working_is_raised_at_once(bought: Any, place: Any, name: str, clock: Any) -> None:
    environ = {key: "revoked" if "KEY" in key else value for key, value in place.running.environ.items()}
    platform = providers.platform(name)
    asleep = len(clock.slept)
    async with platform.open(platform.connection(environ, None, place.world.home)) as provider:
        with pytest.raises(Auth):
            await read_once(bought.desk, provider, bought.intent)
    assert clock.slept[asleep:] == []


async def test_metrics_that_cannot_be_had_just_now_do_not_end_the_watch(bought: Any, account: Any, place: Any) -> None:
    place.sandbox.faults.set("server_error", method="GET", path="(events|metrics)$", count=1)
    assert states(await to_the_end(bought, account))[-1] == "succeeded"


async def test_a_webhook_that_another_process_takes_in_ends_the_wait(bought: Any, account: Any, clock: Any) -> None:
    await read_once(bought.desk, account, bought.intent)
    began, told = clock.now(), list[Arrival]()

    def arrives() -> None:
        news = WebhookNews(id="w1", job_id=bought.intent.job_id, kind="job.running")
        told.append(bought.ledger.deliveries.arrived(bought.intent.provider, news, clock.now()))

    clock.then = arrives
    await rest(bought.desk, bought.intent.id, began + timedelta(hours=1))
    assert told == [Arrival.LOOKING]
    assert clock.now() - began < timedelta(minutes=1)


async def test_a_look_that_another_overtook_is_not_kept_and_is_looked_again(
    bought: Any, account: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker claims the job between the person's claim and the person's writing, once."""
    watched, keep, refused = bought.ledger.watched, bought.ledger.watched.keep, list[int]()

    def overtaken(found: Any, now: Any) -> Any:
        if not refused:
            watched.take(bought.intent.id, now, "a worker", lease_s=60)
        kept = keep(found, now)
        refused.append(len(kept.fenced))
        return kept

    monkeypatch.setattr(watched, "keep", overtaken)
    seen = await to_the_end(bought, account)
    assert (refused[0], sum(refused)) == (1, 1)
    assert not any(reading.refused for reading in seen)
    assert seen[-1].job.state is JobState.SUCCEEDED


@pytest.mark.parametrize(("age_s", "least", "most"), [(0, 12, 18), (6000, 240, 360), (10**6, 480, 720)])
def test_looks_are_spaced_by_age_between_a_quarter_minute_and_ten_minutes(
    age_s: float, least: float, most: float
) -> None:
    assert all(least <= poll_spacing_s(age_s) <= most for _ in range(50))
