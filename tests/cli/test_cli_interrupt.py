"""Ctrl-C at every stage: exit 130, no job is cancelled, and the same command finishes the run with one remote job."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")


def _finishes(tunewright: Any, pairs: Path, server: Any) -> None:
    """The same command again comes to a verdict, and one job was bought in all."""
    answer = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ)
    assert answer.json["verdict"], answer
    assert server.asked("POST", "/fine_tuning/jobs") == 1


def test_while_checking(start: Any, work: Path) -> None:
    rows = (f"what about number {i} of the many things, label{i % 7}\n" for i in range(100_000))
    (work / "large.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    running = start("check", "large.csv", "--debug")
    running.until("asyncio")
    answer = running.interrupt()
    assert answer.code == 130
    assert "interrupted; nothing was started" in answer.err
    assert {path.name for path in work.iterdir()} == {"large.csv"}


def test_while_uploading(tunewright: Any, start: Any, pairs: Path, server: Any) -> None:
    server.world.faults.set("slow", method="POST", path="/files$", seconds=30, count=None)
    running = start("run", pairs, *TO, *SPEND, env=server.environ)
    running.until("uploading train file")
    answer = running.interrupt()
    assert answer.code == 130
    assert "interrupted before anything was bought" in answer.err
    assert "start the same command again" in answer.err
    server.world.faults.clear()
    _finishes(tunewright, pairs, server)


def test_while_the_paid_request_is_under_way(tunewright: Any, start: Any, pairs: Path, server: Any) -> None:
    server.world.faults.set("slow", method="POST", path="/fine_tuning/jobs$", seconds=3)
    running = start("run", pairs, *TO, *SPEND, env=server.environ)
    server.until_asked("POST", "/fine_tuning/jobs")
    answer = running.interrupt()
    assert answer.code == 130
    assert "a job may have been created" in answer.err
    assert "tunewright jobs recover" in answer.err
    _finishes(tunewright, pairs, server)


def test_while_the_job_runs(tunewright: Any, start: Any, pairs: Path, slow_server: Any) -> None:
    running = start("run", pairs, *TO, *SPEND, "--json", env=slow_server.environ)
    running.until(": queued")
    answer = running.interrupt()
    assert answer.code == 130
    assert re.search(r"job ftjob-\w+ keeps running", answer.error["what"])
    assert answer.error["fix"].startswith(f"tunewright watch {answer.json['run']}")
    assert slow_server.asked("POST", "/cancel") == 0
    slow_server.world.advance(1e7)
    _finishes(tunewright, pairs, slow_server)


def test_while_asking_base_and_tuned(tunewright: Any, start: Any, pairs: Path, server: Any) -> None:
    server.world.faults.set("slow", method="POST", path="/chat/completions$", seconds=30, count=None)
    running = start("run", pairs, *TO, *SPEND, "--json", env=server.environ)
    server.until_asked("POST", "/chat/completions")
    answer = running.interrupt()
    assert answer.code == 130
    assert "what was answered so far is kept" in answer.error["what"]
    assert answer.error["fix"].startswith(f"tunewright evaluate {answer.json['run']}")
    server.world.faults.clear()
    _finishes(tunewright, pairs, server)


class Terminal:
    """A command on a terminal of its own; keys are typed, and the screen read as it comes."""

    def __init__(self, arguments: list[str], cwd: Path, env: dict[str, str]) -> None:
        self._keyboard, tty = pty.openpty()
        command = [sys.executable, "-m", "orchestrator.cli", *arguments]
        self._process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=tty, stdout=tty, stderr=tty, preexec_fn=lambda: _own(tty)
        )
        os.close(tty)
        self.screen = ""

    def until(self, text: str) -> None:
        """Read until the screen holds `text`; the command's end fails the test."""
        while text not in self.screen:
            self.screen += os.read(self._keyboard, 4096).decode(errors="replace")

    def type(self, keys: bytes) -> None:
        os.write(self._keyboard, keys)

    def finish(self) -> int:
        """Wait for the end; the rest of what it says is on the screen."""
        try:
            while more := os.read(self._keyboard, 4096):
                self.screen += more.decode(errors="replace")
        except OSError:
            pass  # the terminal is gone with its last process
        os.close(self._keyboard)
        return self._process.wait(60)


def _own(tty: int) -> None:
    """Make it the controlling terminal, so that its Ctrl-C reaches the command."""
    os.setsid()
    fcntl.ioctl(tty, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("keys", [b"\x03", b"\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_one_key_while_asking_for_consent_is_enough(
    work: Path, environ: dict[str, str], pairs: Path, server: Any, keys: bytes
) -> None:
    terminal = Terminal(["run", str(pairs), *TO], work, {**environ, **server.environ, "TERM": "xterm"})
    terminal.until("spend this?")
    terminal.type(keys)
    assert terminal.finish() == 130
    assert "interrupted before anything was bought" in terminal.screen
    assert server.asked("POST", "/files") == 0


def test_a_person_who_says_no_spends_nothing(work: Path, environ: dict[str, str], pairs: Path, server: Any) -> None:
    terminal = Terminal(["run", str(pairs), *TO], work, {**environ, **server.environ, "TERM": "xterm"})
    terminal.until("spend this?")
    terminal.type(b"n\n")
    assert terminal.finish() == 4
    assert "not agreed; nothing was sent" in terminal.screen
    assert server.asked("POST", "/files") == 0


@pytest.mark.slow
def test_a_person_who_says_yes_sees_the_verdict(work: Path, environ: dict[str, str], pairs: Path, server: Any) -> None:
    terminal = Terminal(["run", str(pairs), *TO], work, {**environ, **server.environ, "TERM": "xterm"})
    terminal.until("spend this?")
    terminal.type(b"y\n")
    assert terminal.finish() in (0, 6, 7)
    assert "verdict: " in terminal.screen
