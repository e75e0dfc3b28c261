"""Bedrock's adapter against moto's server: what an emulator that is not ours does of S3 and of customization jobs.

Left out is what moto 5.2.5 does not do, or does otherwise than AWS: its jobs never advance, it knows no tokens (the
same request again is refused, by a name that Bedrock has not), no base models, and nothing that a model answers behind.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import providers
from providers.contract import Connection, Platform, Provider
from providers.errors import NotFound
from providers.parts import Scratch
from providers.records import Hyperparameters, JobState, Method, Plan, ProviderFile

boto3 = pytest.importorskip("boto3")
server = pytest.importorskip("moto.server")

pytestmark = pytest.mark.anyio

NOVA = "amazon.nova-micro-v1:0:128k"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    threaded = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    threaded.start()
    host, port = threaded.get_host_and_port()
    yield f"http://{host}:{port}"
    threaded.stop()


@pytest.fixture
def environ(address: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "TUNEWRIGHT_BEDROCK_BUCKET": "s3://rows/some/folder",
        "TUNEWRIGHT_BEDROCK_ROLE_ARN": "arn:aws:iam::123456789012:role/tuner",
    }


@pytest.fixture
def platform() -> Platform:
    return providers.platform("bedrock")


@pytest.fixture
def connection(platform: Platform, environ: dict[str, str], tmp_path: Path) -> Connection:
    return platform.connection(environ, None, tmp_path)


@pytest.fixture
async def provider(platform: Platform, connection: Connection, environ: dict[str, str]) -> AsyncIterator[Provider]:
    session = boto3.session.Session("testing", "testing", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=environ["AWS_ENDPOINT_URL"])
    s3.create_bucket(Bucket="rows")
    s3.close()
    async with platform.open(connection) as account:
        yield account


@pytest.fixture
def plan(platform: Platform, make_plan: Callable[..., Plan], train: ProviderFile) -> Plan:
    settings = platform.recipe(NOVA, Method.SFT, Hyperparameters(epochs=2), 24, 0).hyperparameters
    return make_plan("bedrock", NOVA, hyperparameters=settings, train_sha256=train.sha256)


@pytest.fixture
def train(platform: Platform, make_file: Callable[..., ProviderFile], request: Any) -> ProviderFile:
    return make_file(platform, salt=request.node.name)


@pytest.fixture
def tag(request: Any) -> str:
    """One a test: moto's jobs live as long as its server."""
    letters = "".join("abcdefghijklmnop"[digit % 16] for digit in sha256(request.node.name.encode()).digest())
    return f"tw-{letters[:16]}"


async def test_a_file_is_put_into_the_folder_and_found_by_its_bytes(provider: Provider, train: ProviderFile) -> None:
    assert await provider.find_file(train) is None
    sent = await provider.upload(train)
    assert sent.id == f"s3://rows/some/folder/tunewright/input/{train.remote_name}"
    found = await provider.find_file(train)
    assert found is not None
    assert (found.id, found.size, found.reused) == (sent.id, train.size, True)
    assert (await provider.file(sent.id)).size == train.size


async def test_other_bytes_under_the_same_name_are_not_taken_for_them(provider: Provider, train: ProviderFile) -> None:
    await provider.upload(train)
    assert await provider.find_file(replace(train, sha256=train.sha256[:24] + "0" * 40)) is None


async def test_a_large_file_arrives_whole_in_parts(
    platform: Platform, connection: Connection, provider: Provider, tmp_path: Path
) -> None:
    data = os.urandom(1024) * (11 * 1024)
    path = tmp_path / "large.jsonl"
    path.write_bytes(data)
    file = ProviderFile(path, sha256(data).hexdigest(), len(data), 1, "train", "bedrock_nova")
    parts = {"upload_whole_up_to": "1000", "upload_part_bytes": str(5 * 1024**2)}
    seen: list[tuple[int, int]] = []
    async with platform.open(replace(connection, options={**connection.options, **parts})) as account:
        sent = await account.upload(file, lambda done, total: seen.append((done, total)), Scratch())
        assert await account.find_file(file) is not None
    session = boto3.session.Session("testing", "testing", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=connection.base_url)
    body = s3.get_object(Bucket="rows", Key=sent.id.removeprefix("s3://rows/"))["Body"].read()
    s3.close()
    assert sha256(body).hexdigest() == file.sha256
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) == 4


async def test_a_job_is_bought_found_listed_and_stopped(
    provider: Provider, plan: Plan, train: ProviderFile, tag: str
) -> None:
    bought = await provider.create(plan, {"train": (await provider.upload(train)).id}, tag)
    assert (bought.id, bought.tag, bought.state) == (tag, tag, JobState.RUNNING)
    (found,) = await provider.find(tag)
    assert (found.id, found.model) == (tag, NOVA)
    assert tag in [job.id for job in await provider.jobs()]
    read = await provider.job(tag)
    assert read.hyperparameters == {"epochCount": "2", "learningRate": "0.00001"}
    assert read.files == {"train": bought.files["train"]}
    assert (await provider.cancel(tag)).state is JobState.CANCELLED
    assert await provider.find("tw-" + "z" * 16) == ()


async def test_a_name_that_is_taken_is_the_job_that_took_it(
    provider: Provider, plan: Plan, train: ProviderFile, tag: str
) -> None:
    files = {"train": (await provider.upload(train)).id}
    first = await provider.create(plan, files, tag)
    again = await provider.create(plan, files, tag)  # moto knows no tokens: it says that the name is in use
    assert (again.id, again.raw["jobArn"]) == (first.id, first.raw["jobArn"])


async def test_a_completed_job_has_a_model(provider: Provider, plan: Plan, train: ProviderFile, tag: str) -> None:
    from moto.bedrock.models import bedrock_backends

    await provider.create(plan, {"train": (await provider.upload(train)).id}, tag)
    bedrock_backends["123456789012"]["us-east-1"].model_customization_jobs[tag].status = "Completed"
    job = await provider.job(tag)
    assert job.state is JobState.SUCCEEDED
    assert ":custom-model/" in str(job.tuned_model)
    assert tag in [model.raw["modelName"] for model in await provider.models()]


async def test_an_absent_job_and_an_absent_file_are_not_found(provider: Provider) -> None:
    with pytest.raises(NotFound):
        await provider.job("absent")
    with pytest.raises(NotFound):
        await provider.file("s3://rows/absent")
