"""The command line: run inside this process, as a process of its own, or as one to interrupt; pairs, and servers.

`tunewright` calls what the console script calls, with streams, environment, folder and arguments of its own, and saves
a second of imports a command. What only a process has (signals, a terminal, limits, what it loads, its true exit code)
is tested with `process` and `start`.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import loopback
import pytest
from click.testing import CliRunner

from orchestrator.cli import main
from providers.sandbox import RunningSandbox, Sandbox, serve

MODEL = "openai:gpt-4.1-mini-2025-04-14"
SPEND = ("--yes", "--max-usd", "500")
_PATIENT_S = 60
_WORDS = {
    "billing": ("invoice", "refund", "charge", "receipt", "payment"),
    "login": ("password", "locked", "signin", "account", "code"),
    "shipping": ("parcel", "courier", "late", "tracking", "delivery"),
}
_PYTHON = (sys.executable, "-m", "orchestrator.cli")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a finished command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document on stdout; anything else there fails the test."""
        document = json.loads(self.out)
        assert document["schema_version"] == 1
        return document

    @property
    def error(self) -> dict[str, Any]:
        """The document's error."""
        error = self.json["error"]
        assert error["exit_code"] == self.code
        return error


class Started:
    """A command that runs in a process group of its own, so that Ctrl-C can be sent to it."""

    def __init__(self, command: list[str], cwd: Path, env: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, process_group=0
        )
        self._said: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                self._said.append(line)
                self._news.notify_all()

    @property
    def err(self) -> str:
        """All of stderr so far."""
        return "".join(self._said)

    def out_so_far(self) -> str:
        """What stands on stdout by now, of a command that goes on; read once."""
        assert self._process.stdout is not None
        return os.read(self._process.stdout.fileno(), 65536).decode()

    def until(self, text: str) -> None:
        """Wait until stderr holds `text`."""
        with self._news:
            assert self._news.wait_for(lambda: text in self.err, timeout=_PATIENT_S), self.err

    def interrupt(self, number: int = signal.SIGINT) -> Answer:
        """Ctrl-C, as a terminal sends it, or another signal, and what is left."""
        os.killpg(self._process.pid, number)
        return self.finish()

    def finish(self) -> Answer:
        """Wait for the end."""
        assert self._process.stdout is not None
        out = self._process.stdout.read()
        code = self._process.wait(_PATIENT_S)
        self._reader.join(_PATIENT_S)
        self._process.stdout.close()
        assert self._process.stderr is not None
        self._process.stderr.close()
        return Answer(code, out, self.err)

    def kill(self) -> None:
        """End it, if it still runs, and let go of its pipes."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdout is not None and not self._process.stdout.closed:
            self.finish()


Run = Callable[..., Answer]
Start = Callable[..., Started]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The folder that commands run in."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def environ() -> dict[str, str]:
    """The environment of the commands: the test's own, with colours off."""
    return {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}


@pytest.fixture
def tunewright(work: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command to its end, here. `env` is added to the environment; nobody sits at the terminal."""

    def run(*arguments: object, env: Mapping[str, str] | None = None, cwd: Path = work) -> Answer:
        monkeypatch.setattr(sys, "argv", ["tunewright", *map(str, arguments)])
        with chdir(cwd), CliRunner().isolation(env={**environ, **(env or {})}) as (out, err, _):
            code = _ended()
            return Answer(code, out.getvalue().decode(), err.getvalue().decode())

    return run


def _ended() -> int:
    """The exit code with which the console script ends."""
    with pytest.raises(SystemExit) as ended:
        main()
    sys.stdout.flush()
    sys.stderr.flush()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def process(work: Path, environ: dict[str, str]) -> Run:
    """Run a command to its end as a process of its own. `env` is added to the environment."""

    def run(*arguments: object, env: Mapping[str, str] | None = None, **options: Any) -> Answer:
        command = [*_PYTHON, *map(str, arguments)]
        settings = {"cwd": work, "stdin": subprocess.DEVNULL, "timeout": _PATIENT_S, **options}
        done = subprocess.run(
            command, env={**environ, **(env or {})}, capture_output=True, text=True, check=False, **settings
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def start(work: Path, environ: dict[str, str]) -> Iterator[Start]:
    """Start a command and let it run."""
    running: list[Started] = []

    def begin(*arguments: object, env: Mapping[str, str] | None = None) -> Started:
        running.append(Started([*_PYTHON, *map(str, arguments)], work, {**environ, **(env or {})}))
        return running[-1]

    yield begin
    for process in running:
        process.kill()


def rows(count: int = 60, salt: str = "") -> list[tuple[str, str]]:
    """(text, label) pairs that a word counter can learn; `salt` makes another content, and so another plan."""
    rng = random.Random(7)
    labels = (sorted(_WORDS) * count)[:count]
    return [
        (f"about my {rng.choice(_WORDS[label])} and {rng.choice(_WORDS[label])} no {i} {salt}".strip(), label)
        for i, label in enumerate(labels)
    ]


def write_csv(path: Path, pairs: list[tuple[str, str]], header: tuple[str, str] = ("text", "label")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(pairs)
    return path


@pytest.fixture
def pairs(work: Path, request: pytest.FixtureRequest) -> Path:
    """Sixty rows of this test's own, so that its plan is nobody else's."""
    return write_csv(work / "pairs.csv", rows(salt=request.node.name))


@dataclass(frozen=True, slots=True)
class Server:
    """A sandbox as a platform: its world, and where it listens."""

    world: Sandbox
    running: RunningSandbox

    @property
    def environ(self) -> dict[str, str]:
        """What points the command line at it."""
        return self.running.environ

    @property
    def whole_environ(self) -> dict[str, str]:
        """The same beside the test's own environment."""
        return {**os.environ, **self.environ}

    def asked(self, method: str, ending: str) -> int:
        """How often a path that ends so was asked, since the log was cleared."""
        rows = self._admin("GET", "requests").json()["requests"]
        return sum(row["count"] for row in rows if row["method"] == method and row["path"].endswith(ending))

    def until_asked(self, method: str, ending: str) -> None:
        """Wait until a path that ends so was asked."""
        deadline, pause = time.monotonic() + _PATIENT_S, threading.Event()
        while not self.asked(method, ending):
            assert time.monotonic() < deadline, f"{method} {ending} was never asked"
            pause.wait(0.02)

    def forget(self) -> None:
        """An empty request log, and no faults."""
        self._admin("DELETE", "requests")
        self.world.faults.clear()

    def _admin(self, method: str, what: str) -> Any:

        return loopback.request(method, f"{self.running.url}/_sandbox/{what}")


@pytest.fixture(scope="module")
def _quick() -> Iterator[Server]:
    with Sandbox(None, pace_s=0.02) as world, serve(world) as running:
        yield Server(world, running)


@pytest.fixture(scope="module")
def _endless() -> Iterator[Server]:
    with Sandbox(None, pace_s=100_000.0) as world, serve(world) as running:
        yield Server(world, running)


@pytest.fixture
def server(_quick: Server) -> Server:
    """A platform whose jobs end at once."""
    _quick.forget()
    return _quick


@pytest.fixture
def slow_server(_endless: Server) -> Server:
    """A platform whose jobs run for days, until a test lets time pass."""
    _endless.forget()
    return _endless
