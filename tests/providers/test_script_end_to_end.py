"""A whole run with one's own trainer: command, supervisor and trainer are killed, and it ends in a verdict."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from own_trainer import make_trainer, own_rate

from providers.processes.folder import RunFolder
from providers.processes.history import hours_used
from providers.processes.identity import is_alive, marked

pytestmark = pytest.mark.slow

WAIT_S = 120.0
_ASKED = {
    "lost_card": ("my card is lost near the {}", "i cannot find my {} card", "someone took my card and {}"),
    "refund": ("please refund my {} order", "i want my money back for the {}", "return the {} and refund me"),
    "limit": ("raise my {} limit", "how high is my limit for {}", "increase the {} spending limit"),
}


@pytest.fixture
def place(clean_place: Path) -> Path:
    """A project: pairs, a rate, a trainer."""
    colours, kinds = ("red", "blue", "old", "new"), ("hat", "shoe", "box", "lamp", "coat", "scarf")
    things = [f"{colour} {kind}" for colour in colours for kind in kinds]
    rows = [(words.format(thing), label) for label, asked in _ASKED.items() for words in asked for thing in things]
    random.Random(7).shuffle(rows)
    (clean_place / "pairs.csv").write_text("text,label\n" + "".join(f"{a},{b}\n" for a, b in rows), encoding="utf-8")
    (clean_place / "rate.toml").write_text(own_rate("script", "36.00"), encoding="utf-8")
    make_trainer(clean_place / "trainer")
    return clean_place


def command() -> list[str]:
    to = ["--to", "script:trainer", "--prices", "rate.toml", "--yes", "--max-usd", "60", "--epochs", "6"]
    return [sys.executable, "-m", "orchestrator.cli", "run", "pairs.csv", *to, "--json"]


def until(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def kill(run: RunFolder, name: Any) -> None:
    process = run.process(name)
    if process is not None and is_alive(process):
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not is_alive(process))


def test_everything_is_killed_and_the_same_command_comes_to_a_verdict(place: Path) -> None:
    jobs = place / ".tunewright" / "script" / "jobs"
    environ = {**os.environ, "TINY_GATE": "3"}
    with subprocess.Popen(command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ) as buyer:
        run = RunFolder(until(lambda: list(jobs.glob("tw-*")))[0])
        until(lambda: len(run.checkpoints(run.order().launch)) == 2)
        buyer.kill()
    kill(run, "supervisor")
    kill(run, "process")
    answer = subprocess.run(command(), capture_output=True, text=True, timeout=300, check=False)
    told = json.loads(answer.stdout)
    assert told["verdict"] == "deploy", answer.stdout + answer.stderr
    assert len(list(jobs.glob("tw-*"))) == 1
    attempts = [entry for entry in run.journal() if entry["what"] == "started"]
    assert [entry["attempt"] for entry in attempts] == [1, 2]
    assert attempts[1]["step"] == 2
    assert marked(run.mark) == ()
    servers = [RunFolder(path.parent) for path in (place / ".tunewright" / "script" / "servers").glob("*/order.json")]
    assert len(servers) == 2  # the tuned model's lease, and the base beside it
    assert [server for server in servers if marked(server.mark)] == []
    ledger = [*command()[:3], "budget", "show", "--json"]
    money = subprocess.run(ledger, capture_output=True, text=True, timeout=WAIT_S, check=True).stdout
    hours = hours_used(run.journal(), None)
    assert 0 < hours < 1
    assert f"{hours:.6f} h × $36.00/h" in money
