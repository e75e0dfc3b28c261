"""Asking base and tuned: each question once, in an order fixed by the seed, resumable, and never more than agreed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import anyio
import pytest

from orchestrator.errors import TunewrightError
from orchestrator.evaluation.ask import await_model
from orchestrator.evaluation.questions import Answer
from providers.errors import Auth, Billing, NotFound, Unreachable

pytestmark = pytest.mark.anyio

NOT_FOUND = (404, {"message": "The model does not exist", "code": "model_not_found"})


async def test_every_candidate_is_asked_every_question_once(asker: Any, account: Any, wire: Any) -> None:
    async with account() as provider:
        await asker.run(provider)
    assert len(wire.counts) == 40
    assert set(wire.counts.values()) == {1}


async def test_every_answer_is_kept_with_its_tokens_time_and_price(asker: Any, account: Any, wire: Any) -> None:
    async with account() as provider:
        await asker.run(provider)
    answers = await asker.answers()
    assert len(answers) == 40
    assert all(a.text and a.input_tokens and a.latency_s and a.usd for a in answers.values())


async def test_what_was_answered_is_not_asked_again(asker: Any, account: Any, wire: Any) -> None:
    async with account() as provider:
        await asker.run(provider)
        await asker.run(provider)
    assert set(wire.counts.values()) == {1}


async def test_progress_counts_up_to_the_whole(asker: Any, account: Any, wire: Any) -> None:
    async with account() as provider:
        await asker.run(provider)
    assert asker.seen[0] == (0, 40)
    assert asker.seen[-1] == (40, 40)
    assert asker.seen == sorted(asker.seen)


async def test_never_more_at_once_than_agreed(asker: Any, account: Any, wire: Any) -> None:
    wire.slow_s = 0.02
    async with account() as provider:
        await asker.run(provider, concurrency=3)
    assert wire.most == 3


async def test_the_order_is_fixed_by_the_seed(asker: Any, account: Any, wire: Any) -> None:
    orders: list[list[tuple[str, str]]] = []
    for seed in (7, 7, 8):
        wire.asked.clear()
        again = replace(asker, spec=replace(asker.spec, order_seed=seed, extra={"run": str(len(orders))}))
        async with account() as provider:
            await again.run(provider, concurrency=1)
        orders.append(list(wire.asked))
    assert orders[0] == orders[1] != orders[2]


async def test_base_and_tuned_are_asked_a_question_side_by_side(asker: Any, account: Any, wire: Any) -> None:
    async with account() as provider:
        await asker.run(provider, concurrency=1)
    pairs = [wire.asked[place : place + 2] for place in range(0, 40, 2)]
    assert all(one[1] == other[1] and one[0] != other[0] for one, other in pairs)
    assert len({pair[0][0] for pair in pairs}) == 2


@pytest.mark.parametrize(
    ("status", "code", "error"), [(401, "invalid_api_key", Auth), (429, "insufficient_quota", Billing)]
)
async def test_what_would_fail_for_every_question_stops_at_once(
    asker: Any, account: Any, wire: Any, status: int, code: str, error: type[Exception]
) -> None:
    passed = itertools.count()
    wire.refuse = lambda _model, _text: (status, {"message": "no", "code": code}) if next(passed) >= 10 else None
    async with account() as provider:
        with pytest.raises(error):
            await asker.run(provider, concurrency=4)
    assert len(wire.asked) <= 10 + 4
    assert len(await asker.answers()) == 10


async def test_a_question_that_is_refused_is_recorded_as_missing(asker: Any, account: Any, wire: Any) -> None:
    wire.refuse = lambda model, text: (400, {"message": "too odd"}) if text == "my card is lost 3" else None
    async with account() as provider:
        await asker.run(provider)
    missing = [answer for answer in (await asker.answers()).values() if answer.missing]
    assert [answer.error for answer in missing] == ["invalid_data: too odd"] * 2


async def test_what_was_missing_is_asked_again_at_the_next_start(asker: Any, account: Any, wire: Any) -> None:
    wire.refuse = lambda model, text: (400, {"message": "too odd"}) if text == "my card is lost 3" else None
    async with account() as provider:
        await asker.run(provider)
        wire.refuse = lambda _model, _text: None
        await asker.run(provider)
    assert sorted(wire.counts.values()) == [1] * 38 + [2] * 2
    assert not any(answer.missing for answer in (await asker.answers()).values())


async def test_a_server_that_stumbles_is_asked_again_and_nothing_is_missing(
    asker: Any, account: Any, wire: Any
) -> None:
    wire.refuse = lambda _model, _text: (503, {"message": "busy"}) if len(wire.asked) % 5 == 0 else None
    async with account() as provider:
        await asker.run(provider)
    assert not any(answer.missing for answer in (await asker.answers()).values())


async def test_a_server_that_says_when_is_taken_at_its_word(
    asker: Any, account: Any, wire: Any, clock: Any, served: Any
) -> None:
    served[1].faults.set("rate_limit", path="chat/completions", seconds=17)
    async with account() as provider:
        await asker.run(provider)
    assert 17 in clock.slept
    assert not any(answer.missing for answer in (await asker.answers()).values())


async def test_a_platform_that_is_gone_stops_the_asking_instead_of_counting_as_wrong(
    asker: Any, account: Any, wire: Any, clock: Any
) -> None:
    began = clock.now()
    async with account(OPENAI_BASE_URL="http://127.0.0.1:9/v1") as provider:
        with pytest.raises(Unreachable):
            await asker.run(provider, concurrency=1)
    assert 890 <= (clock.now() - began).total_seconds() <= 910
    assert await asker.answers() == {}


async def test_an_interruption_keeps_every_answer_that_had_arrived(asker_of: Any, account: Any, wire: Any) -> None:
    asker, everything = asker_of(400), 2 * 400
    async with account() as provider:
        with anyio.CancelScope() as scope:
            watching = replace(asker, seen=_Trigger(scope, 12))
            await watching.run(provider, concurrency=2)
        kept = len(await asker.answers())
        await asker.run(provider)
    assert 12 <= kept < everything
    assert sum(wire.counts.values()) <= everything + 2


class _Trigger(list[tuple[int, int]]):
    """Cancels once enough is done."""

    def __init__(self, scope: anyio.CancelScope, at: int) -> None:
        super().__init__()
        self._scope, self._at = scope, at

    def append(self, done: tuple[int, int]) -> None:
        if done[0] >= self._at:
            self._scope.cancel()


async def test_a_model_that_does_not_exist_yet_is_waited_for(asker: Any, account: Any, wire: Any, clock: Any) -> None:
    wire.refuse = lambda _model, _text: NOT_FOUND if len(wire.asked) < 5 else None
    async with account() as provider:
        await await_model(asker.desk, provider, asker.spec.candidates[1].model, asker.spec.sampling, 900)
    assert (len(wire.asked), clock.slept) == (5, [1.0, 2.0, 4.0, 8.0])


async def test_a_model_that_never_comes_is_given_up_within_the_bound(
    asker: Any, account: Any, wire: Any, clock: Any
) -> None:
    wire.refuse = lambda _model, _text: NOT_FOUND
    async with account() as provider:
        with pytest.raises(NotFound) as given_up:
            await await_model(asker.desk, provider, "ft:gone", asker.spec.sampling, 900)
    assert 900 <= sum(clock.slept) <= 930
    assert "project" in (given_up.value.fix or "")


async def test_a_model_that_dislikes_the_probe_is_there(asker: Any, account: Any, wire: Any, clock: Any) -> None:
    wire.refuse = lambda _model, _text: (400, {"message": "max_tokens is too small for this model"})
    async with account() as provider:
        await await_model(asker.desk, provider, "o4", asker.spec.sampling, 900)
    assert clock.slept == []


async def test_a_disk_that_is_full_is_said_as_such_and_not_as_a_group(asker: Any, account: Any, wire: Any) -> None:
    class Full:
        """A ledger whose disk has no room."""

        def page(self, *_what: Any) -> list[Any]:
            return []

        def put(self, *_answers: Any) -> None:
            raise TunewrightError("no space left on the disk")

    asker.desk.ledger.answers = Full()
    async with account() as provider:
        with pytest.raises(TunewrightError, match="no space"):
            await asker.run(provider)


def test_an_answer_that_refuses_counts_as_missing() -> None:
    assert Answer(text="", refusal="I cannot").missing
