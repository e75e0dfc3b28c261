"""`work` as a service, `watch --all` for a person: what they say, what they leave, and how they end."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.ledger import Ledger

MODEL = "openai:gpt-4.1-mini-2025-04-14"


@pytest.fixture
def submit(tunewright: Any, pairs: Path) -> Any:
    """Buys a job at a server; answers the document."""

    def buy(server: Any, seed: int = 1) -> dict[str, Any]:
        spend = ("--yes", "--max-usd", "500", "--seed", seed)
        answer = tunewright("submit", pairs, "--to", MODEL, *spend, "--json", env=server.environ)
        document: dict[str, Any] = answer.json
        return document

    return buy


def work_until_ended(tunewright: Any, server: Any, jobs: int) -> str:
    """Once and once more, until so many have ended; answers what was said."""
    said, ended = "", 0
    for _ in range(100):
        answer = tunewright("work", "--once", "--json", env=server.environ)
        assert answer.code == 0, answer
        said, ended = said + answer.err, ended + answer.json["worked"]["ended"]
        if ended == jobs:
            return said
    pytest.fail(f"never ended:\n{said}")


def test_a_job_left_running_is_watched_settled_and_ready_to_evaluate(tunewright: Any, submit: Any, server: Any) -> None:
    bought = submit(server)
    said = work_until_ended(tunewright, server, 1)
    assert f"job {bought['job']} ended: succeeded, billed $" in said
    assert tunewright("runs", "show", "--json").json["stage"] == "trained"
    assert tunewright("evaluate", env=server.environ).code == 7  # ten prompts decide nothing


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_worker_told_to_stop_ends_well_and_holds_nothing(
    start: Any, submit: Any, slow_server: Any, work: Path, number: int
) -> None:
    submit(slow_server)
    running = start("work", env=slow_server.environ)
    running.until("watching 1 job at 1 account")
    answer = running.interrupt(number)
    assert answer.code == 0, answer.err
    assert "looks refused" in answer.out
    with closing(Ledger.open(work / ".tunewright", {})) as ledger:
        assert [row.owner for row in ledger.watched.rows().values()] == [None]


def test_jobs_without_a_key_are_said_and_no_failure(tunewright: Any, submit: Any, server: Any) -> None:
    submit(server)
    answer = tunewright("work", "--once")
    assert answer.code == 0
    assert "are left to others" in answer.err


def test_all_jobs_are_watched_at_once_to_the_end(tunewright: Any, submit: Any, server: Any) -> None:
    runs = {submit(server, seed)["run"] for seed in (1, 2)}
    answer = tunewright("watch", "--all", "--json", env=server.environ)
    assert answer.code == 0, answer
    assert {row["run"] for row in answer.json["ended"]} == runs
    assert {row["state"] for row in answer.json["ended"]} == {"succeeded"}


def test_one_failed_job_among_all_is_exit_5(tunewright: Any, submit: Any, server: Any) -> None:
    server.world.faults.set("job_failed")
    submit(server, 1)
    submit(server, 2)
    answer = tunewright("watch", "--all", "--json", env=server.environ)
    assert answer.code == 5
    assert sorted(row["state"] for row in answer.json["ended"]) == ["failed", "succeeded"]


def test_nothing_to_watch_is_no_failure(tunewright: Any) -> None:
    assert tunewright("watch", "--all").out == "no job runs now\n"
    assert tunewright("watch", "k", "--all").code == 2
