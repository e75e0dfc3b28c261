"""A tuned model's weights, taken away through the real SDK over real HTTP: whole, checked, and gone on with."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

import providers
from orchestrator.errors import TunewrightError, UsageError
from orchestrator.jobs import arriving
from orchestrator.jobs.downloading import Archive, Wish, download
from providers.contract import Provider
from providers.errors import ProviderError, Unsupported
from providers.records import Plan

pytestmark = pytest.mark.anyio

DOWNLOAD = r"/finetune/download$"


@dataclass
class Wire:
    """What was asked for: the `Range` of each request for weights, '' where all of it was."""

    ranges: list[str] = field(default_factory=list)

    async def saw(self, request: httpx.Request) -> None:
        if request.url.path.endswith("/finetune/download"):
            self.ranges.append(request.headers.get("range", ""))


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def opened(world: Any, wire: Wire) -> Callable[[], Any]:
    @asynccontextmanager
    async def opens() -> AsyncIterator[Provider]:
        async with httpx.AsyncClient(event_hooks={"request": [wire.saw]}, trust_env=False) as http:
            connection = replace(world.connection("together"), http=http)
            async with providers.platform("together").open(connection) as provider:
                yield provider

    return opens


@pytest.fixture
async def job_id(world: Any, make_order: Callable[..., Any]) -> str:
    """A job that has ended, with a model."""
    order = make_order("together")
    async with world.open("together") as provider:
        sent = await provider.upload(order.files[0])
        plan: Plan = order.plan
        job = await provider.create(plan, {"train": sent.id}, "tw-" + "a" * 16)
    world.sandbox.trainer.settle()
    return str(job.id)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "weights"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_the_archive_is_whole_and_its_hash_stands_beside_it(
    bench: Any, opened: Any, job_id: str, out: Path
) -> None:
    async with opened() as provider:
        found = await download(bench.desk, provider, Wish(job_id, "adapter"), out)
    assert names(out) == [f"{job_id}-adapter.tar", f"{job_id}-adapter.tar.sha256"]
    assert found.sha256 == sha256(found.path.read_bytes()).hexdigest()
    with tarfile.open(found.path) as archive:
        assert archive.getnames() == ["model.npz", "README"]
    assert (out / f"{found.path.name}.sha256").read_text() == f"{found.sha256}  {found.path.name}\n"


async def test_a_connection_that_breaks_off_is_gone_on_with_from_the_last_byte(
    world: Any, bench: Any, opened: Any, wire: Wire, job_id: str, out: Path
) -> None:
    world.fault("truncated", method="GET", path=DOWNLOAD, value="cut", count=1)
    async with opened() as provider:
        found = await download(bench.desk, provider, Wish(job_id), out)
    assert wire.ranges[0] == ""
    assert [told.startswith("bytes=") and told != "bytes=0-" for told in wire.ranges[1:]] == [True]
    assert tarfile.is_tarfile(found.path)


@pytest.fixture
def half(world: Any, make_bench: Any, opened: Any, job_id: str, out: Path) -> Callable[[], Any]:
    """Half of the archive, as a process that died has left it."""

    async def break_off() -> Path:
        world.fault("truncated", method="GET", path=DOWNLOAD, value="cut", count=1)
        told = arriving.Transfer(make_bench("other").desk, "weights")
        async with opened() as provider:
            with arriving.alone(_part(out, job_id)) as handle:
                begun = arriving.Arriving(provider, Wish(job_id), _part(out, job_id), handle, told)
                with pytest.raises(ProviderError):
                    await begun.fetch()
        return _part(out, job_id)

    return break_off


def _part(out: Path, job_id: str) -> Path:
    out.mkdir(exist_ok=True)
    return out / f".{job_id}.part"


async def test_a_later_start_asks_only_for_the_rest(
    bench: Any, opened: Any, wire: Wire, half: Any, job_id: str, out: Path
) -> None:
    arrived = (await half()).stat().st_size
    async with opened() as provider:
        found = await download(bench.desk, provider, Wish(job_id), out)
    assert arrived > 0
    assert wire.ranges[-1] == f"bytes={arrived}-"
    assert tarfile.is_tarfile(found.path)
    assert names(out) == [found.path.name, f"{found.path.name}.sha256"]


async def test_the_rest_of_another_archive_is_never_added(
    world: Any, bench: Any, opened: Any, half: Any, job_id: str, out: Path
) -> None:
    await half()
    (name,) = {path.name for path in world.sandbox.store.path("x").parent.glob(f"{job_id}-*.tar")}
    other = b"another archive, and a longer one than before" * 4000
    world.sandbox.store.write(name, other)
    async with opened() as provider:
        found = await download(bench.desk, provider, Wish(job_id), out)
    assert found.path.read_bytes() == other


async def test_what_is_here_already_is_checked_and_not_fetched_again(
    bench: Any, opened: Any, wire: Wire, job_id: str, out: Path
) -> None:
    async with opened() as provider:
        first = await download(bench.desk, provider, Wish(job_id), out)
        again = await download(bench.desk, provider, Wish(job_id), out)
    assert again == replace(first, kept=True)
    assert len(wire.ranges) == 1


async def test_a_file_that_is_not_the_archive_is_not_overwritten(
    bench: Any, opened: Any, job_id: str, out: Path
) -> None:
    async with opened() as provider:
        first: Archive = await download(bench.desk, provider, Wish(job_id), out)
        first.path.write_bytes(b"mine")
        with pytest.raises(UsageError, match="stands here already"):
            await download(bench.desk, provider, Wish(job_id), out)
    assert first.path.read_bytes() == b"mine"


async def test_a_disk_without_room_is_told_before_anything_is_written(
    bench: Any, opened: Any, job_id: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=10))
    async with opened() as provider:
        with pytest.raises(TunewrightError, match="more bytes on this disk, and 10 are free"):
            await download(bench.desk, provider, Wish(job_id), out)
    assert names(out) == [f".{job_id}.part"]
    assert _part(out, job_id).stat().st_size == 0


async def test_two_at_once_do_not_fill_one_file(bench: Any, opened: Any, job_id: str, out: Path) -> None:
    async with opened() as provider:
        with arriving.alone(_part(out, job_id)), pytest.raises(UsageError, match="another process"):
            await download(bench.desk, provider, Wish(job_id), out)


async def test_a_job_id_that_is_no_file_name_never_becomes_a_path(
    bench: Any, opened: Any, out: Path, tmp_path: Path
) -> None:
    async with opened() as provider:
        with pytest.raises(ProviderError):
            await download(bench.desk, provider, Wish("../../escape"), out)
    assert [path.parent for path in tmp_path.rglob("*.part")] == [out]


async def test_a_checkpoint_and_a_form_are_named_in_the_file(bench: Any, opened: Any, job_id: str, out: Path) -> None:
    async with opened() as provider:
        step = (await provider.checkpoints(job_id))[0].step
        found = await download(bench.desk, provider, Wish(job_id, "merged", step), out)
    assert found.path.name == f"{job_id}-merged-step-{step}.tar"


async def test_a_platform_that_never_gives_weights_says_so(world: Any) -> None:
    async with world.open("openai") as provider:
        with pytest.raises(Unsupported, match="never leave"):
            provider.weights("ftjob-1")
