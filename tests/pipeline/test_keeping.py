"""Answers on their way to the ledger: at once where few come, in groups where many do, whole after an interruption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from orchestrator.evaluation.ask import WARM_UP
from orchestrator.evaluation.keeping import GROUP_S, Keeper, Kept, answered, pages, stored
from orchestrator.evaluation.questions import Answer

pytestmark = pytest.mark.anyio


def kept(number: int, text: str = "yes", **changes: Any) -> Kept:
    return Kept("base", f"{number:05}", 0, Answer(text=text, **changes))


def test_a_group_is_shorter_than_a_tenth_of_a_second() -> None:
    assert GROUP_S <= 0.1


async def test_an_answer_is_committed_while_others_are_still_to_come(asker: Any) -> None:
    committed = anyio.Event()
    keeper = Keeper(asker.desk, "e", 0, 9, lambda _done, _total: committed.set())
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        await keeper.put(kept(1))
        with anyio.fail_after(10):
            await committed.wait()
        assert len(await stored(asker.desk, "e")) == 1
        keeper.close()


async def test_answers_that_come_together_share_a_transaction(asker: Any) -> None:
    seen: list[int] = []
    keeper = Keeper(asker.desk, "e", 10, 510, lambda done, _total: seen.append(done))
    async with anyio.create_task_group() as group:
        for number in range(500):
            await keeper.put(kept(number))
        group.start_soon(keeper.run)
        keeper.close()
    assert seen == [510]


async def test_an_interruption_loses_nothing_that_was_put(asker: Any) -> None:
    keeper = Keeper(asker.desk, "e", 0, 3, lambda _done, _total: None)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(keeper.run)
            for number in range(3):
                await keeper.put(kept(number))
            scope.cancel()
            keeper.close()
    assert len(await stored(asker.desk, "e")) == 3


async def test_the_asking_waits_for_a_disk_that_cannot_keep_up(asker: Any) -> None:
    keeper, put = Keeper(asker.desk, "e", 0, 5000, lambda _done, _total: None), []

    async def many() -> None:
        for number in range(5000):
            await keeper.put(kept(number))
            put.append(number)

    async with anyio.create_task_group() as group:
        async with anyio.create_task_group() as putting:
            putting.start_soon(many)
            await anyio.wait_all_tasks_blocked()
            assert len(put) < 1000
            group.start_soon(keeper.run)
        keeper.close()
    assert len(await stored(asker.desk, "e")) == 5000


async def test_a_later_answer_takes_the_place_of_a_failed_one(asker: Any) -> None:
    for answer in (kept(1, "", error="unreachable: no"), kept(2), kept(1, "at last")):
        keeper = Keeper(asker.desk, "e", 0, 1, lambda _done, _total: None)
        await keeper.put(answer)
        keeper.close()
        await keeper.run()
    assert [answer.text for answer in (await stored(asker.desk, "e")).values()] == ["at last", "yes"]


async def test_what_is_read_by_pages_is_everything_once_in_the_order_of_its_keys(asker: Any) -> None:
    keeper = Keeper(asker.desk, "e", 0, 1, lambda _done, _total: None)
    odd = {"text": 'a "word" \x00 \n ✓ 漢', "refusal": "no", "usd": None, "latency_s": 0.25, "warm_up": True}
    for number in range(4500):
        await keeper.put(kept(number, **odd)) if number % 900 == 1 else await keeper.put(kept(number))
        if number % 900 == 0:
            keeper.close()
            await keeper.run()
            keeper = Keeper(asker.desk, "e", 0, 1, lambda _done, _total: None)
    keeper.close()
    await keeper.run()
    read = [one async for page in pages(asker.desk, "e") for one in page]
    assert [one.key for one in read] == [f"{number:05}" for number in range(4500)]
    assert read[901] == kept(901, **odd)


async def test_an_error_is_asked_again_and_a_refusal_is_not(asker: Any) -> None:
    keeper = Keeper(asker.desk, "e", 0, 3, lambda _done, _total: None)
    for one in (kept(1, "", error="e"), kept(2, "", refusal="no"), kept(3)):
        await keeper.put(one)
    keeper.close()
    await keeper.run()
    assert [key for page in [p async for p in answered(asker.desk, "e")] for _, key, _ in page] == ["00002", "00003"]


async def test_the_time_of_a_candidates_first_answers_and_of_new_connections_is_marked(
    asker_of: Callable[[int], Any], account: Any, wire: Any
) -> None:
    asker = asker_of(40)
    async with account() as provider:
        await asker.run(provider, concurrency=2)
    answers = await asker.answers()
    warm = [sum(answer.warm_up for (name, _, _), answer in answers.items() if name == one) for one in ("base", "tuned")]
    assert all(WARM_UP <= count <= WARM_UP + 1 for count in warm)


async def test_half_a_character_in_an_answer_ends_no_evaluation(asker: Any, account: Any, wire: Any) -> None:
    async with account() as provider:
        asked = _Odd(provider)
        await replace(asker, asked=asker.asked[:3]).run(asked)
    assert {answer.text for answer in (await asker.answers()).values()} == {"a?b"}


class _Odd:
    """A provider whose model writes half a surrogate pair, as JSON lets it."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    async def complete(self, *asked: Any) -> Any:
        return replace(await self._provider.complete(*asked), text="a\ud800b")
