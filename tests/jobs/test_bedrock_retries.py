"""boto3 by itself sends a paid request again, and ours does not, whatever the environment says.

Its purchases across crashes and faults are played by the fault matrix (`python -m tests.faults --platforms bedrock`).
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import providers
from orchestrator.jobs.submit import Order
from providers.bedrock.bodies import create_body, place_of
from providers.contract import Connection
from providers.errors import ProviderError
from providers.records import Method
from tests.jobs.buyer import order_of
from tests.jobs.conftest import training_file

boto3 = pytest.importorskip("boto3")

pytestmark = pytest.mark.anyio

CREATE = "/model-customization-jobs"
TAG = "tw-" + "a" * 16


@pytest.fixture
def connection(world: Any) -> Connection:
    return providers.platform("bedrock").connection(world.running.environ, None, world.home)


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return order_of("bedrock", training_file(providers.platform("bedrock"), tmp_path).path, Method.SFT)


@pytest.mark.parametrize("fault", ["server_error", "rate_limit", "reset"])
async def test_ours_is_sent_once_whatever_the_environment_says_of_retries(
    world: Any, connection: Connection, order: Order, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
    world.fault(fault, path=f"{CREATE}$", count=7)
    async with providers.platform("bedrock").open(connection) as provider:
        sent = await provider.upload(order.files[0])
        with pytest.raises(ProviderError):
            await provider.create(order.plan, {"train": sent.id}, TAG)
    assert world.count("POST", CREATE) == 1


async def test_boto3_by_itself_sends_it_three_times(
    world: Any, connection: Connection, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"):
        monkeypatch.delenv(name, raising=False)
    async with providers.platform("bedrock").open(connection) as provider:
        sent = await provider.upload(order.files[0])
    body = create_body(order.plan, {"train": sent.id}, TAG, place_of(connection.options))
    environ = world.running.environ
    client = boto3.session.Session(
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name=environ["AWS_REGION"],
    ).client("bedrock", endpoint_url=environ["AWS_ENDPOINT_URL"])
    world.fault("reset", path=f"{CREATE}$", count=2)
    with closing(client):
        client.create_model_customization_job(**body)
    assert world.count("POST", CREATE) == 3
