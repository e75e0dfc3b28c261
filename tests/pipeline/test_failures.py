"""The failed rows of a run come back as rows for the next round, and stay held out there."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from evaluations import evaluation, row

from orchestrator import Orchestrator
from orchestrator.evaluation.failures import failures
from orchestrator.evaluation.graders import named
from orchestrator.evaluation.questions import Question
from orchestrator.pipeline.deciding import sides_of
from orchestrator.pipeline.result import RunResult

WORDS = ("refund", "parcel", "invoice", "battery")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("failures")


@pytest.fixture(scope="module")
def orchestrator(place: Path) -> Orchestrator:
    return Orchestrator(place / "home", environ={})


@pytest.fixture(scope="module")
def poor(orchestrator: Orchestrator, place: Path) -> RunResult:
    """Labels that have nothing to do with the questions: much of it fails."""
    dice = random.Random(3)
    rows = (json.dumps({"input": f"question {n} of a kind", "output": dice.choice(WORDS)}) for n in range(120))
    path = place / "pairs.jsonl"
    path.write_text("\n".join(rows) + "\n")
    return orchestrator.run(path, to=["sandbox:small"], max_usd=Decimal(5))


def exported(orchestrator: Orchestrator, poor: RunResult, place: Path) -> list[dict[str, Any]]:
    orchestrator.failures(poor.run.id, out=place / "next.jsonl")
    return [json.loads(line) for line in (place / "next.jsonl").read_text().splitlines()]


def test_every_failed_row_is_there_with_both_answers_its_slice_and_its_place(
    orchestrator: Orchestrator, poor: RunResult, place: Path
) -> None:
    rows = exported(orchestrator, poor, place)
    failed = sum(not grade.passed for grade in poor.judged.tuned_grades)
    assert len(rows) == failed > 0
    told = rows[0]["tunewright"]
    assert (told["run"], Path(told["file"]).name) == (poor.run.id, "pairs.jsonl")
    assert told["slice"] == rows[0]["messages"][-1]["content"]
    assert told["tuned"]["answer"] != told["slice"]
    assert told["base"]["answer"]


def test_the_next_round_tests_them_again(orchestrator: Orchestrator, poor: RunResult, place: Path) -> None:
    rows = exported(orchestrator, poor, place)
    both = place / "both.jsonl"
    fresh = [{"input": f"something new {n}", "output": "refund"} for n in range(40)]
    rows += [{"messages": [_turn("user", one["input"]), _turn("assistant", one["output"])]} for one in fresh]
    both.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = orchestrator.check(both)
    assert found.errors == ()
    assert {row.number for row in found.split.test} >= set(range(1, len(rows) - len(fresh) + 1))


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_only_the_owner_may_read_the_file(orchestrator: Orchestrator, poor: RunResult, place: Path) -> None:
    exported(orchestrator, poor, place)
    assert (place / "next.jsonl").stat().st_mode & 0o077 == 0


def test_other_right_answers_and_the_group_go_along_and_the_worst_comes_first() -> None:
    made = evaluation({"base": ["a b", "c d"], "tuned": ["a x", "y z"]}, ["a b", "c d"], groups=["one", "two"])
    asked = [Question(question.key, row(n, "q", text, group=group)) for n, (question, text, group) in enumerate(
        zip(made.questions, ("a b", "c d"), ("one", "two"), strict=True))]  # fmt: skip
    sides = sides_of(made, named("f1"))
    found = failures(asked, sides["base"], sides["tuned"], run="r", labels=False)
    assert [(line["group"], line["tunewright"]["tuned"]["score"]) for line in found] == [("two", 0.0), ("one", 0.5)]
    assert found[0]["tunewright"]["slice"] is None
