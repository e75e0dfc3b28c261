"""Large files in parts, over real HTTP and through the real SDKs: an upload that was interrupted goes on, by whatever
process, and the same bytes are never sent twice when the platform has them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import loopback
import pytest

import providers
from orchestrator.jobs.parts import Book
from orchestrator.jobs.uploading import upload
from providers.contract import Provider
from providers.errors import InvalidData, ProviderError
from providers.records import ProviderFile

from .uploader import file_of, in_parts, intent_of

pytestmark = pytest.mark.anyio

UPLOADER = Path(__file__).with_name("uploader.py")
PART = 16 * 1024
PARTS = {"openai": r"/parts$", "together": r"/_upload/[^/]+/\d+$"}
COMPLETE = r"(uploads/[^/]+|multipart)/complete$"


@pytest.fixture
def file(tmp_path: Path) -> ProviderFile:
    """Six parts and a bit, other bytes for every test."""
    row = {"messages": [{"role": "user", "content": tmp_path.name}, {"role": "assistant", "content": "x" * 900}]}
    path = tmp_path / "large.jsonl"
    path.write_text("".join(json.dumps({**row, "weight": n}) + "\n" for n in range(100)))
    return file_of(path)


@pytest.fixture
def opened(world: Any) -> Callable[[str], AbstractAsyncContextManager[Provider]]:
    """The platform with thresholds so small that the file goes in parts."""
    return lambda name: providers.platform(name).open(in_parts(world.connection(name), PART))


@pytest.fixture
def starts(
    world: Any, tmp_path: Path, environ_of: Callable[[Path], dict[str, str]]
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that uploads a file into the ledger of `make_bench()`."""
    begun: list[subprocess.Popen[str]] = []

    def start(name: str, file: ProviderFile, failpoint: str = "") -> subprocess.Popen[str]:
        environ = {**world.running.environ, "TUNEWRIGHT_FAILPOINTS": failpoint, "PATH": "", "HOME": str(tmp_path)}
        environ |= environ_of(tmp_path / "home")
        command = [sys.executable, str(UPLOADER), name, str(tmp_path / "home"), str(file.path), str(PART)]
        pipe = subprocess.PIPE
        begun.append(subprocess.Popen(command, env=environ, cwd=tmp_path, text=True, stdout=pipe, stderr=pipe))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate(timeout=60)


def arrivals(world: Any, name: str) -> int:
    """How many parts have been sent to the server."""
    rows = loopback.get(f"{world.running.url}/_sandbox/requests").json()["requests"]
    return sum(row["count"] for row in rows if re.search(PARTS[name], row["path"]))


def content(world: Any, name: str, file_id: str) -> bytes:
    """What the platform holds under that id."""
    found: bytes = world.sandbox.files.content(file_id)
    return found


def wanted(file: ProviderFile) -> int:
    return -(-file.size // PART)


async def test_a_file_in_parts_arrives_whole_and_its_book_is_closed(
    world: Any, bench: Any, opened: Any, file: ProviderFile, name: str
) -> None:
    intent = intent_of(name, file)
    async with opened(name) as provider:
        file_id = await upload(bench.desk, provider, intent, file)
    assert content(world, name, file_id) == file.path.read_bytes()
    assert arrivals(world, name) == wanted(file)
    assert await Book.of(bench.desk, intent, file.sha256).begun() is None


async def test_after_kill_9_only_the_missing_parts_are_sent(
    world: Any, bench: Any, opened: Any, starts: Any, until: Any, file: ProviderFile, name: str
) -> None:
    world.fault("slow", path=PARTS[name], method="", count=None, seconds=1.0)
    died = starts(name, file)
    until(lambda: len(_known(bench, name, file)) >= 2)
    died.send_signal(signal.SIGKILL)
    died.communicate(timeout=60)
    world.sandbox.faults.clear()
    known = len(_known(bench, name, file))
    assert 0 < known < wanted(file)
    before = arrivals(world, name)
    async with opened(name) as provider:
        file_id = await upload(bench.desk, provider, intent_of(name, file), file)
    assert arrivals(world, name) - before == wanted(file) - known
    assert content(world, name, file_id) == file.path.read_bytes()


def _known(bench: Any, name: str, file: ProviderFile) -> tuple[Any, ...]:
    parts, key = bench.ledger.parts, (name, "here", file.sha256)
    begun = parts.begun(key)
    found: tuple[Any, ...] = parts.sent(key, begun.id) if begun else ()
    return found


async def test_a_crash_right_after_the_upload_was_begun_leaves_one_that_is_gone_on_with(
    world: Any, bench: Any, opened: Any, starts: Any, file: ProviderFile, name: str
) -> None:
    died = starts(name, file, failpoint="after_upload_begun")
    died.communicate(timeout=60)
    assert died.returncode == -signal.SIGKILL
    async with opened(name) as provider:
        file_id = await upload(bench.desk, provider, intent_of(name, file), file)
    assert content(world, name, file_id) == file.path.read_bytes()
    assert world.count("POST", {"openai": "/uploads", "together": "/multipart/initiate"}[name]) == 1


async def test_a_part_that_is_lost_on_the_way_is_the_only_one_sent_again(
    world: Any, bench: Any, opened: Any, file: ProviderFile, name: str
) -> None:
    world.fault("reset", path=PARTS[name], method="", count=1)
    async with opened(name) as provider:
        file_id = await upload(bench.desk, provider, intent_of(name, file), file)
    assert content(world, name, file_id) == file.path.read_bytes()
    assert wanted(file) < arrivals(world, name) <= wanted(file) + 4  # those in flight beside it are cut off too


@pytest.mark.parametrize("fault", ["lost_reply", "truncated"])
async def test_a_lost_reply_to_the_completion_sends_nothing_again(
    world: Any, bench: Any, opened: Any, file: ProviderFile, name: str, fault: str
) -> None:
    world.fault(fault, path=COMPLETE, count=1)
    async with opened(name) as provider:
        file_id = await upload(bench.desk, provider, intent_of(name, file), file)
    assert content(world, name, file_id) == file.path.read_bytes()
    assert arrivals(world, name) == wanted(file)
    assert len([held for held in world.sandbox.files.list(name) if held.checksum == file.sha256]) == 1


async def test_an_upload_that_has_expired_starts_anew(
    world: Any, bench: Any, opened: Any, file: ProviderFile, name: str
) -> None:
    intent = intent_of(name, file)
    await _interrupted(world, bench, opened, file, name)
    begun = await Book.of(bench.desk, intent, file.sha256).begun()
    assert begun is not None
    world.sandbox.files.delete(begun.note or begun.id, keep_content=False)  # as the platform does in the end
    async with opened(name) as provider:
        file_id = await upload(bench.desk, provider, intent, file)
    assert content(world, name, file_id) == file.path.read_bytes()


async def _interrupted(world: Any, bench: Any, opened: Any, file: ProviderFile, name: str) -> None:
    """An upload of which some parts have arrived, and then the platform fails for longer than anybody waits."""
    world.fault("server_error", path=COMPLETE, count=None)
    async with opened(name) as provider:
        with pytest.raises(ProviderError):
            await upload(bench.desk, provider, intent_of(name, file), file)
    world.sandbox.faults.clear()


async def test_a_file_that_has_changed_is_never_mixed_with_what_was_sent_of_it(
    world: Any, bench: Any, opened: Any, file: ProviderFile, name: str
) -> None:
    await _interrupted(world, bench, opened, file, name)
    file.path.write_bytes(file.path.read_bytes().replace(b"xxx", b"yyy"))
    sent = arrivals(world, name)
    async with opened(name) as provider:
        with pytest.raises(InvalidData, match="changed"):
            await upload(bench.desk, provider, intent_of(name, file), file)
    assert arrivals(world, name) == sent
    assert await Book.of(bench.desk, intent_of(name, file), file.sha256).begun() is None


async def test_other_bytes_under_the_same_name_are_an_upload_of_their_own(
    world: Any, bench: Any, opened: Any, file: ProviderFile, name: str
) -> None:
    await _interrupted(world, bench, opened, file, name)
    file.path.write_bytes(file.path.read_bytes().replace(b"xxx", b"yyy"))
    other = file_of(file.path)
    async with opened(name) as provider:
        file_id = await upload(bench.desk, provider, intent_of(name, other), other)
    assert content(world, name, file_id) == other.path.read_bytes()


async def test_bytes_that_the_platform_has_are_not_sent_from_an_empty_ledger(
    world: Any, make_bench: Any, opened: Any, file: ProviderFile, name: str
) -> None:
    async with opened(name) as provider:
        first = await upload(make_bench().desk, provider, intent_of(name, file), file)
        sent = arrivals(world, name)
        again = await upload(make_bench("elsewhere").desk, provider, intent_of(name, file), file)
    assert (again, arrivals(world, name)) == (first, sent)


async def test_bytes_under_another_name_are_known_by_their_checksum(
    world: Any, bench: Any, opened: Any, file: ProviderFile
) -> None:
    held = world.sandbox.files.add("together", "someone-elses.jsonl", "fine-tune", file.path.read_bytes(), lines=100)
    async with opened("together") as provider:
        assert await upload(bench.desk, provider, intent_of("together", file), file) == held.id
    assert arrivals(world, "together") == 0


async def test_an_upload_that_is_refused_for_good_leaves_nothing_behind(
    world: Any, bench: Any, opened: Any, file: ProviderFile, tmp_path: Path
) -> None:
    before = len(world.sandbox.files.list("together"))
    async with opened("together") as provider:
        file.path.write_bytes(b"not what was announced")
        with pytest.raises(InvalidData):
            await upload(bench.desk, provider, intent_of("together", file), file)
    assert len(world.sandbox.files.list("together")) == before
    assert not list((tmp_path / "home" / "uploads").glob("*"))


async def test_signed_addresses_are_kept_from_the_database_and_from_other_users(
    world: Any, bench: Any, opened: Any, file: ProviderFile, tmp_path: Path
) -> None:
    await _interrupted(world, bench, opened, file, "together")
    (kept,) = (tmp_path / "home" / "uploads").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    assert "signature=" in kept.read_text()
    assert all(b"signature=" not in path.read_bytes() for path in (tmp_path / "home").glob("ledger*"))


async def test_progress_is_told_in_bytes_and_not_too_often(
    world: Any, bench: Any, opened: Any, file: ProviderFile, name: str
) -> None:
    async with opened(name) as provider:
        await upload(bench.desk, provider, intent_of(name, file), file)
    told = [notice.data for notice in bench.told if notice.kind == "transfer"]
    assert told[-1] == {"what": "train file", "done": file.size, "total": file.size}
    assert len(told) <= 3  # the clock stands still: the first, and the last
