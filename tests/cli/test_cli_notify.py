"""`--notify` of `run` and `watch`, by flag and by configuration: once a job, whoever watches, whatever it came to."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")


@pytest.fixture
def command(work: Path) -> str:
    """Writes the state down, a line a call, and prints where a document would not stand it."""
    code = f"import os; print('NOISE'); open({str(work / 'told')!r}, 'a').write(os.environ['TUNEWRIGHT_STATE'] + '\\n')"
    return shlex.join([sys.executable, "-S", "-c", code])


def told(work: Path) -> list[str]:
    return (work / "told").read_text().split() if (work / "told").exists() else []


def test_a_job_that_succeeds_is_told_of_once_by_run_and_by_later_watches(
    tunewright: Any, pairs: Path, work: Path, server: Any, command: str
) -> None:
    answer = tunewright("run", pairs, *TO, *SPEND, "--notify", command, "--json", env=server.environ)
    assert answer.json["verdict"]
    tunewright("watch", "--notify", command, env=server.environ)
    assert told(work) == ["succeeded"]


def test_a_job_that_fails_is_told_of_too(tunewright: Any, pairs: Path, work: Path, server: Any, command: str) -> None:
    server.world.faults.set("job_failed")
    tunewright("submit", pairs, *TO, *SPEND, env=server.environ)
    assert tunewright("watch", "--notify", command, env=server.environ).code == 5
    assert told(work) == ["failed"]


def test_the_command_may_stand_in_the_configuration(
    tunewright: Any, pairs: Path, work: Path, server: Any, command: str
) -> None:
    (work / "tunewright.toml").write_text(f"notify = '''{command}'''\n")
    tunewright("submit", pairs, *TO, *SPEND, env=server.environ)
    assert told(work) == []
    tunewright("watch", env=server.environ)
    assert told(work) == ["succeeded"]


def test_a_command_that_cannot_be_is_refused_before_anything_is_bought(
    tunewright: Any, pairs: Path, server: Any
) -> None:
    answer = tunewright("run", pairs, *TO, *SPEND, "--notify", "say 'it", "--json", env=server.environ)
    assert answer.error["exit_code"] == 2
    assert server.asked("POST", "/fine_tuning/jobs") == 0
