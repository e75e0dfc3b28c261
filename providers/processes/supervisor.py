"""The small process that starts a run's program, waits for it, and writes down what became of it.

One a run folder, held by a lock. It may be killed at any moment, and so may the program: the next supervisor finds in
the folder what there is, takes over a program that still runs, and otherwise starts it again from its last checkpoint.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from .folder import Order, RunFolder, held, take_lock
from .history import OVER, attempts, deaths_in_a_row, standing
from .identity import ProcessId, identify, is_alive, marked, myself, stop_all
from .judging import last_words, outcome_of
from .keeping import write_json
from .serving import Server
from .spawning import spawn

__all__ = ["JOB_VERSION", "main", "supervise"]

JOB_VERSION = 1
"""Of what `job.json` holds."""

_LOOK_S = 0.1
_HEARTBEAT_S = 1.0
_LOCK_TRIES = 20
_ORPHANS_GRACE_S, _ORPHANS_WITHIN_S = 5.0, 60.0


def main(folder: str) -> NoReturn:
    """Leave the caller behind, and supervise. The caller's process ends when this is settled."""
    heard, say = os.pipe()
    if os.fork():
        os.close(say)
        settled = os.read(heard, 1) == b"+"
        os._exit(0 if settled else 1)
    os.close(heard)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    run = RunFolder(Path(folder))
    lock = _lock(run)
    if lock is None:
        os.write(say, b"+")
        os._exit(0)
    run.write_process("supervisor", myself())
    own_log = os.open(run.path / "supervisor.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(own_log, 1)
    os.dup2(own_log, 2)
    os.write(say, b"+")
    os.close(say)
    supervise(run)
    sys.exit(0)


def _lock(run: RunFolder) -> int | None:
    """None where another one watches. A supervisor that was killed while it started the program may leave the lock with
    it for a moment."""
    for _ in range(_LOCK_TRIES):
        lock = take_lock(run.path / "supervisor.lock")
        if lock is not None or is_alive(run.process("supervisor")):
            return lock
        time.sleep(_LOOK_S / 2)
    return None


def supervise(run: RunFolder) -> None:
    """Bring the run to where it is wanted: to its end, or stopped. Returns when there is nothing left to watch."""
    order = run.order()
    while (now := standing(run.journal())) not in OVER:
        leader = _running(run)
        if leader is not None:
            run.note("adopted", pid=leader.pid)
            server = Server.known(run, order) if order.idle_timeout_s is not None else None
            _attend(run, order, _Program(leader.pid, leader, ours=False, server=server))
        elif now == "running":
            _end(run, order, None, None, until=_last_seen(run))
        elif run.wish() != "run":
            if now != "paused" or run.wish() == "cancel":
                run.note("ended", outcome="cancelled" if run.wish() == "cancel" else "paused")
            return
        elif now == "died" and deaths_in_a_row(run.journal()) > order.restarts:
            words = f"it died {deaths_in_a_row(run.journal())} times without a new checkpoint: {last_words(run)}"
            run.note("ended", outcome="failed", error=words)
        else:
            _attend(run, order, _start(run, order))


def _running(run: RunFolder) -> ProcessId | None:
    """The program's process if it runs; what an ended one has left behind is stopped first."""
    deadline = time.monotonic() + _ORPHANS_WITHIN_S
    while True:
        leader = run.process("process")
        if is_alive(leader):
            return leader
        if not held(run.path / "process.lock") and not marked(run.mark):
            return None
        if time.monotonic() > deadline:
            raise TimeoutError("processes of an earlier attempt do not end")
        # Between its fork and its record it holds the lock and is not written down yet; else these are its orphans.
        time.sleep(_LOOK_S)
        if run.process("process") == leader:
            stop_all(None, run.mark, 0.0)


@dataclass(slots=True)
class _Program:
    """The program while it runs. `ours`: our own child, whose exit status we learn."""

    pid: int
    leader: ProcessId | None
    ours: bool
    server: Server | None = None

    def ended(self) -> tuple[bool, int | None]:
        """(whether it has ended, its exit status where that is known)."""
        if not self.ours:
            return not is_alive(self.leader), None
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return pid != 0, os.waitstatus_to_exitcode(status) if pid else None


def _start(run: RunFolder, order: Order) -> _Program:
    """From its last checkpoint, where there is one. Written down before it is done."""
    saved = run.checkpoints(order.launch)
    attempt = attempts(run.journal()) + 1
    resume_from = str(saved[-1][1]) if saved else None
    folders = {
        "folder": str(run.path),
        "checkpoints": str((run.path / order.launch.checkpoints).parent),
        "artefact": str(run.artefact),
        "metrics": str(run.metrics),
    }
    job = {"version": JOB_VERSION, **order.job, **folders, "resume_from": resume_from, "attempt": attempt}
    write_json(run.job_file, job)
    (run.path / order.launch.checkpoints).parent.mkdir(parents=True, exist_ok=True)
    run.heartbeat.touch()
    # Before it counts as running: the port at which an earlier one answered must not be taken for its own.
    server = Server.new(run, order) if order.idle_timeout_s is not None else None
    run.note("started", attempt=attempt, step=saved[-1][0] if saved else 0)
    lock = take_lock(run.path / "process.lock")
    if lock is None:
        raise TimeoutError("processes of an earlier attempt do not end")
    try:
        pid = spawn(run, order.launch, lock, server.told if server else {})
    finally:
        os.close(lock)
    return _Program(pid, identify(pid), ours=True, server=server)


def _attend(run: RunFolder, order: Order, program: _Program) -> None:
    """Until it has ended, by itself or because it is to stop."""
    beat = 0.0
    while True:
        over, code = program.ended()
        if over:
            return _end(run, order, code, None)
        if time.monotonic() - beat > _HEARTBEAT_S:
            beat = time.monotonic()
            run.heartbeat.touch()
        if program.server is not None:
            program.server.look()
        why = "idle" if program.server is not None and program.server.is_idle() else run.wish()
        if why != "run":
            run.note("stopping", why=why)
            stop_all(program.leader or run.process("process"), run.mark, order.grace_s)
            _, code = program.ended()
            return _end(run, order, code, why)
        time.sleep(_LOOK_S)


def _end(run: RunFolder, order: Order, code: int | None, why: str | None, until: str | None = None) -> None:
    stop_all(None, run.mark, _ORPHANS_GRACE_S)
    found, saved = outcome_of(run, order, code, why), run.checkpoints(order.launch)
    told = {"error": found.error} if found.error else {}
    step = saved[-1][0] if saved else 0
    run.note("ended", outcome=found.standing, code=code, step=step, until=until or _now(), **told)


def _last_seen(run: RunFolder) -> str:
    """When the program was last known to run, before its supervisor ended too."""
    try:
        return datetime.fromtimestamp(run.heartbeat.stat().st_mtime, UTC).isoformat(timespec="milliseconds")
    except FileNotFoundError:
        return _now()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
