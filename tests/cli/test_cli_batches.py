"""`evaluate --batch` and `batches`: waited for as long as told, gone on with by the command that is printed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

BASE, OTHER = "openai:gpt-4.1-mini-2025-04-14", "openai:gpt-4o-mini-2024-07-18"
SPEND = ("--yes", "--max-usd", "5", "--max-tokens", "8", "--json")


@pytest.fixture
def compare(work: Path) -> tuple[str, ...]:
    with (work / "few.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("input", "output"), *((f"my {n} parcel is late", "shipping") for n in range(12))])
    return "evaluate", "few.csv", "--base", BASE, "--tuned", OTHER, "--batch"


def test_a_timeout_exits_75_with_the_command_that_goes_on_and_ls_shows_what_is_under_way(
    tunewright: Any, server: Any, work: Path, compare: tuple[str, ...]
) -> None:
    server.world.faults.set("batch_stuck", count=2, seconds=3600)
    stopped = tunewright(*compare, "--timeout", "0.1", *SPEND, env=server.environ, cwd=work)
    assert (stopped.code, stopped.error["code"]) == (75, "still_running")
    rows = tunewright("batches", "ls", "--json", cwd=work).json["batches"]
    assert [(row["stage"], row["requests"]) for row in rows] == [("created", 12)] * 2
    cancelled = tunewright("batches", "cancel", rows[0]["id"], "--json", env=server.environ, cwd=work)
    assert cancelled.json["batches"][0]["status"] in ("cancelling", "cancelled")
    again = tunewright("batches", "resolve", rows[1]["id"], "--none", "--json", cwd=work)
    assert (again.code, "nothing to resolve" in again.error["what"]) == (2, True)


def test_what_is_no_batch_is_said_with_where_to_look(tunewright: Any, work: Path) -> None:
    answer = tunewright("batches", "cancel", "zzz", "--json", cwd=work)
    assert (answer.code, answer.error["fix"]) == (2, "tunewright batches ls")
