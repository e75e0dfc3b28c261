"""Scans a file: at once where it is small, else in shards, by as many processes as there are cores.

Each finished shard is a file in a private folder of the user's cache, so that a scan which was killed goes on where it
stopped. The processes share nothing else: each takes the next shard that nobody has claimed.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from providers.user_cache import cache_root

from .files import TextFile
from .reading import Opened, readable
from .records import Policy
from .rows import Stamp, held
from .scanning import Scan, Scanner, Stretch, Work
from .shard_files import read_scan, write_scan

__all__ = ["Share", "scan_part", "work_on"]

_SHARD_BYTES = 8 << 20
_LEAST_BYTES = 16 << 20
"""Below this a second process costs more than it saves: it takes about as long to start as this takes to scan."""
_LARGE_BYTES = 256 << 20
_STALE_S = 24 * 3600
_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Share:
    """What a process needs to take part."""

    work: Work
    stretches: tuple[Stretch, ...]
    folder: Path

    def done(self, index: int) -> Path:
        """Where the result of a shard stands once it is finished."""
        return self.folder / f"shard-{index:05d}.npz"

    def scan(self, index: int) -> Scan:
        """Scan one shard."""
        with self.work.file.open_bytes() as stream:
            return Scanner(self.work).lines(stream, self.stretches[index])


def scan_part(opened: Opened, policy: Policy, tokenizers: tuple[str, ...]) -> Scan:
    """Everything that is known of a file's rows. Raises `UsageError` where that fails, or it changes."""
    part = opened.part
    work = Work(part.file, part.unit, part.layout, policy, tokenizers, part.treatment)
    with held(part.file.path, part.file.name, part.stamp), readable(part.file):
        if not part.by_line:
            return Scanner(work).records(opened.records)
        if part.file.packing or part.file.size < _LEAST_BYTES or part.treatment.in_one_process:
            with part.file.open_bytes() as stream:
                return Scanner(work).lines(stream, Stretch(0, sys.maxsize, 1))
        return _in_shards(work, part.stamp)


def _in_shards(work: Work, stamp: Stamp) -> Scan:
    stretches, lines = _cut(work.file)
    with _workspace(_name(work, stamp)) as folder:
        share = Share(work, stretches, folder)
        # What a scan loads would stay in our memory beside the columns of a large file: others scan it then.
        large = work.file.size > _LARGE_BYTES
        with _helpers(share, min(_cores(), len(stretches)) - (not large)):
            unsaved = {} if large else work_on(share)
        scans = (unsaved.pop(i) if i in unsaved else _finished(share, i) for i in range(len(stretches)))
        return Scan.join(scans, lines)


def work_on(share: Share, *, parent: int | None = None) -> dict[int, Scan]:
    """Scan every shard that nobody else has claimed. Returns the results that could not be saved.

    `parent`: stop when this process is no longer the one that started us.
    """
    unsaved: dict[int, Scan] = {}
    for index in range(len(share.stretches)):
        if parent is not None and os.getppid() != parent:
            break
        if share.done(index).exists() or not _claim(share.folder / f"claim-{index:05d}"):
            continue
        scan = share.scan(index)
        try:
            write_scan(scan, share.done(index))
        except OSError:  # a full disk: the result is kept in memory instead
            if parent is not None:
                raise
            unsaved[index] = scan
    return unsaved


def _finished(share: Share, index: int) -> Scan:
    """The result of a shard; scanned here where the process that had claimed it did not finish it."""
    try:
        return read_scan(share.done(index))
    except (OSError, ValueError):
        return share.scan(index)


def _claim(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:  # nothing can be written: scan it here, others will find no claim and do the same
        return True
    return True


def _cut(file: TextFile) -> tuple[tuple[Stretch, ...], int]:
    """Stretches of about 8 MB that end where a line does, and how many lines there may be."""
    stretches: list[Stretch] = []
    start = at = 0
    number = first = 1
    with file.open_bytes() as stream:
        while piece := stream.read(1 << 20):
            cut = piece.rfind(b"\n") + 1
            number += piece.count(b"\n")
            if cut and at + len(piece) - start >= _SHARD_BYTES:
                stretches.append(Stretch(start, at + cut, first))
                start, first = at + cut, number
            at += len(piece)
    if at > start:
        stretches.append(Stretch(start, at, first))
    return tuple(stretches), number


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _helpers(share: Share, count: int) -> Iterator[None]:
    """Other processes at the same work, for as long as we are at it; then we wait for the shards they have begun."""
    job = pickle.dumps((share, os.getpid()))
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "orchestrator.dataset.shard_worker"]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            helper = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ)
            started.append(helper)
            with suppress(BrokenPipeError):
                _give(helper, job)
        yield
        for helper in started:
            helper.wait()
    finally:
        for helper in started:
            helper.kill()
            helper.wait()


def _give(helper: subprocess.Popen[bytes], job: bytes) -> None:
    assert helper.stdin is not None
    with helper.stdin as stream:
        stream.write(job)


def _name(work: Work, stamp: Stamp) -> str:
    """Names this very work on this very file."""
    told = repr((_VERSION, _SHARD_BYTES, work.file.path.resolve(), stamp, work))
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@contextmanager
def _workspace(name: str) -> Iterator[Path]:
    """The folder of this work, ours alone. Kept when the work is interrupted, removed when it is done."""
    try:
        root = cache_root() / "tunewright" / "scans"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(root)
        folder = root / name
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = _lock(folder)
    except OSError:
        lock = None
    if lock is None:  # nowhere to keep anything, or somebody else is at the same work
        with TemporaryDirectory(prefix="tunewright-scan-") as temporary:
            yield Path(temporary)
        return
    try:
        for claim in folder.glob("claim-*"):
            claim.unlink()
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _lock(folder: Path) -> int | None:
    """An open lock that ends with our process; None where another process holds it, or where there are no locks."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:  # Windows
        return None
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _sweep(root: Path) -> None:
    """Remove what interrupted work left behind a day ago or longer."""
    for folder in root.iterdir():
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE_S:
                shutil.rmtree(folder, ignore_errors=True)
