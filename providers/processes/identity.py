"""Which process is meant, so that no other one ever is: a process id is used again, and a machine is started again.

A process is named by its machine, that machine's start, its id, and the moment it began. Linux tells these in `/proc`;
other POSIX systems are asked through `ps`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessId", "identify", "is_alive", "is_here", "marked", "myself", "signal_all", "stop_all"]

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()
_BOOT = _PROC / "sys" / "kernel" / "random" / "boot_id"
_STATE, _GROUP, _STARTED = 0, 2, 19
"""Fields of `/proc/PID/stat` after the command's name, as proc(5) counts them (3, 5 and 22 there)."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """`started` is the system's own word for the moment: two processes of one id never share it."""

    host: str
    boot: str
    pid: int
    started: str


def identify(pid: int) -> ProcessId | None:
    """The process that has this id now; None where there is none, or only the remains of one that has ended."""
    started = _started(pid)
    return None if started is None else ProcessId(socket.gethostname(), _boot(), pid, started)


def myself() -> ProcessId:
    """This process. Raises `OSError` where the system tells nothing of its processes."""
    found = identify(os.getpid())
    if found is None:
        raise OSError("this system does not tell when a process began (neither /proc nor ps)")
    return found


def is_here(process: ProcessId) -> bool:
    """Whether it was started on this machine; of another machine's processes nothing can be told."""
    return process.host == socket.gethostname() or (bool(process.boot) and process.boot == _boot())


def is_alive(process: ProcessId | None) -> bool:
    """Whether this very process still runs; one that took over its id, or a machine started anew, does not count."""
    if process is None or process.boot != _boot():
        return False
    return _started(process.pid) == process.started


def marked(mark: str) -> tuple[ProcessId, ...]:
    """Every process whose environment holds `mark` ("NAME=value"), whatever its group; none where `/proc` is not."""
    wanted = mark.encode()
    return tuple(found for pid in _pids() if wanted in _environment(pid) and (found := identify(pid)) is not None)


def signal_all(leader: ProcessId | None, mark: str, number: int) -> None:
    """Signal the leader's process group, and every process with the mark that has left the group."""
    group = leader.pid if leader is not None and is_alive(leader) else None
    if group is not None and not _quietly(os.killpg, group, number):
        _quietly(os.kill, group, number)  # it has only just begun, and leads no group yet
    for process in marked(mark):
        if group is None or _group(process.pid) != group:
            _quietly(os.kill, process.pid, number)


def stop_all(leader: ProcessId | None, mark: str, grace_s: float) -> None:
    """SIGTERM to all of them, SIGKILL to those left after the grace; returns when none of them runs any more.

    The grace is the leader's, where there is one: what it has left behind when it ends is ended too.
    """

    def left() -> bool:
        return is_alive(leader) if leader is not None else bool(marked(mark))

    if left():
        signal_all(leader, mark, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    while is_alive(leader) or marked(mark):
        signal_all(leader, mark, signal.SIGKILL)
        time.sleep(0.02)


def _quietly(send: Callable[[int, int], None], pid: int, number: int) -> bool:
    """Whether there was anybody to signal."""
    try:
        send(pid, number)
    except ProcessLookupError:
        return False
    return True


def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    if not _HAS_PROC:
        return _asked(pid)
    fields = _stat(pid)
    return None if fields is None or fields[_STATE] in ("Z", "X") else fields[_STARTED]


def _group(pid: int) -> int | None:
    fields = _stat(pid)
    return None if fields is None else int(fields[_GROUP])


def _stat(pid: int) -> list[str] | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()  # a command's name may hold spaces and brackets


def _asked(pid: int) -> str | None:
    command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
    environ = {**os.environ, "LC_ALL": "C"}
    answer = subprocess.run(command, capture_output=True, text=True, env=environ, check=False).stdout.strip()
    state, _, began = answer.partition(" ")
    return None if not began or state.startswith("Z") else began.strip()


def _pids() -> Iterator[int]:
    if _HAS_PROC:
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
