"""One folder a job or a server: what stands where in it, what was ordered, what happened, and who holds it.

order.json        what was ordered; written once, before the folder has its name
job.json          what the program reads (`TUNEWRIGHT_JOB`); written anew before each start
journal.jsonl     what happened, a line each: started, ended, died, resumed, …
wish.json         what is wanted of it now: run, pause, cancel
supervisor.json   which process watches over it     supervisor.lock  held by it for as long as it lives
process.json      the program's own process         process.lock     held by the program and what it starts
heartbeat         touched by the supervisor, so that a crash is known to the second
log.txt           what the program wrote to its standard output and error
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from .identity import ProcessId
from .keeping import append_line, read_json, read_lines, sync_folder, write_json, write_whole

__all__ = ["Launch", "Order", "RunFolder", "Wish", "claim", "held", "take_lock"]

Wish = Literal["run", "pause", "cancel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a program, and how it is known what it has made. Paths are inside the run folder, or absolute.

    In `command` and `env`, `{port}` stands for a server's port, and in `env` alone `{key}` for its key. `needs`: what
    must exist for success, as glob patterns; a program that ended without them has failed, whatever it said.
    `checkpoints`: the pattern of checkpoint folders, whose names end in the step; `checkpoint_needs`: files that make
    one whole. `files`: further files to write into the folder first.
    """

    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    needs: Sequence[str] = ("artefact",)
    checkpoints: str = "checkpoints/step-*"
    checkpoint_needs: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be run. `job`: what `job.json` will hold beside the folders. `about`: for the adapter alone.

    `grace_s`: between SIGTERM and SIGKILL. `restarts`: how often a program that was killed is started again unasked.
    `idle_timeout_s` makes a server of it, which ends when nobody has asked it anything for so long.
    """

    tag: str
    launch: Launch
    job: Mapping[str, Any]
    created_at: str
    about: Mapping[str, Any] = field(default_factory=dict)
    grace_s: float = 30.0
    restarts: int = 3
    idle_timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder and its files. Methods raise `OSError` where the disk does."""

    path: Path

    @property
    def mark(self) -> str:
        """Stands in the environment of the program and of everything it starts, and in no other."""
        return f"TUNEWRIGHT_JOB={self.job_file}"

    @property
    def job_file(self) -> Path:
        return self.path / "job.json"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def artefact(self) -> Path:
        return self.path / "artefact"

    @property
    def heartbeat(self) -> Path:
        return self.path / "heartbeat"

    @property
    def asked(self) -> Path:
        """Touched with every question to a server."""
        return self.path / "asked"

    @property
    def key_file(self) -> Path:
        """A server's key, for its owner's eyes."""
        return self.path / "key"

    def order(self) -> Order:
        """What was ordered. Raises `FileNotFoundError` where this is no run folder."""
        told = read_json(self.path / "order.json")
        if told is None:
            raise FileNotFoundError(f"{self.path} is no run folder")
        return Order(**{**told, "launch": Launch(**told["launch"])})

    def journal(self) -> list[dict[str, Any]]:
        """What happened, oldest first."""
        return read_lines(self.path / "journal.jsonl")

    def note(self, what: str, **told: Any) -> None:
        """One more line of the journal, with the moment, and how long the log was then."""
        size = self.log.stat().st_size if self.log.exists() else 0
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        append_line(self.path / "journal.jsonl", {"what": what, "at": at, "log": size, **told})

    def wish(self) -> Wish:
        """What is wanted of it: to run, unless something else was said."""
        told = (read_json(self.path / "wish.json") or {}).get("wish", "run")
        return told if told in ("run", "pause", "cancel") else "run"

    def wish_for(self, wish: Wish) -> None:
        write_json(self.path / "wish.json", {"wish": wish})

    def process(self, name: Literal["supervisor", "process"]) -> ProcessId | None:
        """The process that was written down last."""
        told = read_json(self.path / f"{name}.json")
        return None if told is None else ProcessId(**{key: told[key] for key in ("host", "boot", "pid", "started")})

    def write_process(self, name: Literal["supervisor", "process"], process: ProcessId, **told: Any) -> None:
        write_json(self.path / f"{name}.json", {**asdict(process), **told})

    def server(self) -> dict[str, Any]:
        """A server's port and whether it answers; empty until it was started."""
        return read_json(self.path / "server.json") or {}

    def checkpoints(self, launch: Launch) -> list[tuple[int, Path]]:
        """(step, folder) of every whole checkpoint, by rising step."""
        found = []
        for path in self.path.glob(launch.checkpoints):
            step = path.name.rpartition("-")[2]
            if step.isdecimal() and path.is_dir() and all((path / name).exists() for name in launch.checkpoint_needs):
                found.append((int(step), path))
        return sorted(found)

    def missing(self, launch: Launch) -> list[str]:
        """What success needs and is not there."""
        return [pattern for pattern in launch.needs if not any(self.path.glob(pattern))]


def claim(parent: Path, order: Order) -> tuple[RunFolder, bool]:
    """The folder named by the order's tag, and whether it was made now; one that is there already is left as it is.

    All of it is written under another name first, and gets its own by one rename, which cannot replace a folder that
    holds something: of two that claim the same tag, one makes it and both find it.
    """
    folder = RunFolder(parent / order.tag)
    if folder.path.exists():
        return folder, False
    parent.mkdir(parents=True, exist_ok=True)
    draft = parent / f".{order.tag}.{secrets.token_hex(6)}"
    draft.mkdir()
    try:
        for name, text in order.launch.files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(draft / name, text.encode())
        if order.idle_timeout_s is not None:
            write_whole(draft / "key", secrets.token_urlsafe(24).encode(), 0o600)
        RunFolder(draft).note("created")
        write_json(draft / "order.json", asdict(order))
        draft.rename(folder.path)
    except OSError:
        _remove(draft)
        if folder.path.exists():
            return folder, False
        raise
    sync_folder(parent)
    return folder, True


def _remove(folder: Path) -> None:
    from shutil import rmtree

    rmtree(folder, ignore_errors=True)


def take_lock(path: Path) -> int | None:
    """A lock that the system lets go of when the last process that holds it ends; None while another holds it.

    Answers a file descriptor, to be closed by the caller, or to be inherited.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def held(path: Path) -> bool:
    """Whether some process holds that lock just now."""
    if not path.exists():
        return False
    handle = take_lock(path)
    if handle is None:
        return True
    os.close(handle)
    return False
