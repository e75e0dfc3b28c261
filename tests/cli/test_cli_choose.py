"""`models choose` and `failures` on the command line: consent, what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

WORDS = ("refund", "parcel", "invoice", "battery")
SPEND = ("--yes", "--max-usd", "5")


@pytest.fixture
def done(tunewright: Any, work: Path) -> str:
    """A finished run on the embedded sandbox; its id."""
    rows = (json.dumps({"input": f"question {n} about a {WORDS[n % 4]}", "output": WORDS[n % 4]}) for n in range(120))
    (work / "pairs.jsonl").write_text("\n".join(rows) + "\n")
    found = tunewright("run", "pairs.jsonl", "--to", "sandbox:small", "--epochs", 3, *SPEND, "--json")
    assert found.code in (0, 6, 7)
    return str(found.json["run"])


def test_choose_tells_each_round_and_what_comes_next(tunewright: Any, done: str) -> None:
    found = tunewright("models", "choose", done, *SPEND)
    assert found.code == 0
    assert "round 1, " in found.out
    assert "the held-out rows had no part in that" in found.out
    assert f"next: tunewright evaluate {done}" in found.out
    assert tunewright("models", "choose", done, *SPEND, "--json").json["chosen"]["rounds"]


def test_what_was_chosen_is_judged_only_after_it_was_asked(tunewright: Any, done: str) -> None:
    chosen = tunewright("models", "choose", done, *SPEND, "--json").json["chosen"]
    assert tunewright("decide", done, "--json").code == 2
    found = tunewright("evaluate", done, "--json").json
    assert found["job"]["evaluated"]["model"] == chosen["model"]
    assert tunewright("decide", done, "--json").json["difference"] == found["difference"]


def test_choose_spends_nothing_that_nobody_agreed_to(tunewright: Any, done: str) -> None:
    found = tunewright("models", "choose", done, "--json")
    assert found.code == 4
    assert "nobody is here to agree" in found.error["what"]
    assert tunewright("models", "choose", done, "--yes", "--max-usd", "0.000001", "--json").code == 4


def test_failures_are_written_and_counted(tunewright: Any, done: str, work: Path) -> None:
    found = tunewright("failures", done, "-o", "next.jsonl", "--json").json
    lines = (work / "next.jsonl").read_text().splitlines()
    assert found["failed"] == len(lines) <= found["of"]


def test_failures_of_a_run_that_was_not_evaluated_are_refused(tunewright: Any, work: Path) -> None:
    found = tunewright("failures", "-o", "next.jsonl", "--json")
    assert found.code == 2
    assert not (work / "next.jsonl").exists()
