"""The SDK's client as a plain wire: nothing is repeated or followed by itself, and the key goes to one host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

import providers
from providers.contract import Connection, Secret
from providers.errors import PlatformFault, ProviderError
from providers.records import Hyperparameters, Plan

pytest.importorskip("replicate")

pytestmark = pytest.mark.anyio

VERSION = {
    "id": "abc",
    "openapi_schema": {
        "components": {"schemas": {"TrainingInput": {"properties": {"data": {"type": "string"}, "epochs": {}}}}}
    },
}
FILE = {"id": "file-1", "size": 3, "urls": {"get": "https://api.replicate.com/v1/files/file-1"}}


class Host:
    """Answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers.pop(0)


async def told(host: Host, call: Callable[[Any], Any], **options: str) -> Any:
    """What an account at that host says to the call."""
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(host)) as http,
        providers.platform("replicate").open(
            Connection(api_key=Secret("r8_key"), http=http, options={"destination": "me/model", **options})
        ) as account,
    ):
        return await call(account)


async def test_the_next_page_is_asked_of_the_same_host_whatever_its_address_says() -> None:
    rows: Sequence[Any] = [{"id": "one", "status": "starting"}], [{"id": "two", "status": "starting"}]
    host = Host(
        httpx.Response(200, json={"next": "https://elsewhere.example/v1/trainings?cursor=c2", "results": rows[0]}),
        httpx.Response(200, json={"next": None, "results": rows[1]}),
    )
    jobs = await told(host, lambda account: account.jobs())
    assert [job.id for job in jobs] == ["one", "two"]
    assert [str(request.url) for request in host.asked] == [
        "https://api.replicate.com/v1/trainings",
        "https://api.replicate.com/v1/trainings?cursor=c2",
    ]
    assert {request.headers["authorization"] for request in host.asked} == {"Bearer r8_key"}


@pytest.mark.parametrize("status", [429, 503, 504])
async def test_the_sdk_repeats_no_read_and_the_servers_own_hint_is_kept(status: int) -> None:
    host = Host(httpx.Response(status, headers={"retry-after": "30"}, json={"detail": "later", "status": status}))
    with pytest.raises(ProviderError, match="later") as refused:
        await told(host, lambda account: account.job("x"))
    assert (len(host.asked), refused.value.retry_after_s) == (1, 30)


@pytest.mark.parametrize("answer", [httpx.Response(200, html="<html>soon</html>"), httpx.Response(200, json=["x"])])
async def test_an_answer_that_is_no_object_is_a_fault(answer: httpx.Response) -> None:
    with pytest.raises(PlatformFault):
        await told(Host(answer), lambda account: account.job("x"))


async def test_a_listing_without_rows_is_never_taken_for_an_empty_one() -> None:
    with pytest.raises(PlatformFault, match="not a listing"):
        await told(Host(httpx.Response(200, json={"detail": "?"})), lambda account: account.jobs())


@pytest.mark.parametrize("status", [302, 307, 308])
async def test_a_paid_request_is_not_sent_after_a_redirect_and_stays_in_doubt(
    status: int, make_plan: Callable[..., Plan], tag: str
) -> None:
    moved = httpx.Response(status, headers={"location": "https://elsewhere.example/"})
    host = Host(httpx.Response(200, json=VERSION), httpx.Response(200, json=FILE), moved)
    plan = make_plan("replicate", "acme/trainer:abc", hyperparameters=Hyperparameters())
    with pytest.raises(ProviderError) as unclear:
        await told(host, lambda account: account.create(plan, {"train": "file-1"}, tag))
    assert [request.method for request in host.asked] == ["GET", "GET", "POST"]
    assert not unclear.value.nothing_created
