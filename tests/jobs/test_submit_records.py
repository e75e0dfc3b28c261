"""What was asked for is kept word for word: the body of the paid request, with the ids of the uploaded files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.jobs.submit import Order, submit
from orchestrator.ledger import IntentState
from providers.errors import ProviderError

pytestmark = pytest.mark.anyio


async def test_the_body_as_it_reached_the_platform_stands_in_the_ledger(
    bench: Any, world: Any, make_order: Callable[..., Order], name: str
) -> None:
    async with world.open(name) as provider:
        intent = await submit(bench.desk, provider, make_order(name))
    arrived = dict(world.sandbox.book.find(intent.job_id).request)
    kept = bench.intent.request
    assert {key: arrived[key] for key in kept} == kept
    assert kept["training_file"].startswith("file-")


async def test_it_is_kept_before_the_first_byte_and_stays_when_the_reply_is_lost(
    bench: Any, world: Any, make_order: Callable[..., Order], name: str
) -> None:
    world.fault("lost_reply")
    async with world.open(name) as provider:
        await submit(bench.desk, provider, make_order(name, salt="lost"))
    assert (bench.intent.state, bench.intent.request["training_file"][:5]) == (IntentState.CREATED, "file-")


async def test_a_refused_request_is_known_too(
    bench: Any, world: Any, make_order: Callable[..., Order], name: str
) -> None:
    world.fault("rate_limit")
    async with world.open(name) as provider:
        with pytest.raises(ProviderError):
            await submit(bench.desk, provider, make_order(name, salt="refused"))
    assert (bench.intent.state, bool(bench.intent.request)) == (IntentState.UPLOADED, True)
