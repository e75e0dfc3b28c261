"""Promises on real files: what is wrong with them is named for what it is. Skipped where the files are not."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from orchestrator.dataset import check, check_as_is
from providers.dialects import OPENAI_CHAT

SHARED = Path(__file__).parents[2] / "../shared/data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")

# Training row → test row. All of them differ by white space and none by case, whatever else was said about them: the
# first six by a line break at an end, the last by a double space.
TWINS = {1723: 555, 3104: 977, 3117: 978, 4477: 1433, 4577: 1475, 6985: 2150, 9922: 3071}


def questions(name: str) -> dict[int, str]:
    with (SHARED / "banking77" / name).open(encoding="utf-8", newline="") as stream:
        return {number: row["text"] for number, row in enumerate(csv.DictReader(stream), 1)}


def test_the_twins_of_banking77_differ_by_white_space_alone() -> None:
    train, test = questions("train.csv"), questions("test.csv")
    pairs = [(train[a], test[b]) for a, b in TWINS.items()]
    assert not set(train.values()) & set(test.values())
    assert [one.strip() == other.strip() for one, other in pairs] == [True] * 6 + [False]
    assert all(one.split() == other.split() for one, other in pairs)
    lowered = {question.lower() for question in train.values()}
    assert not [question for question in test.values() if question.lower() in lowered]


def test_every_twin_of_banking77_is_found_as_a_leak_and_no_other() -> None:
    found = check(SHARED / "banking77/train.csv", test=SHARED / "banking77/test.csv").findings
    leaks = {finding.row: finding.message for finding in found if finding.rule == "held-out-overlap"}
    assert leaks.keys() == TWINS.keys()
    assert all(message.endswith(f"row {TWINS[row or 0]}") for row, message in leaks.items())


def test_the_cookbooks_lines_4_and_5_are_named_for_what_they_are() -> None:
    path = SHARED / "openai_cookbook/toy_chat_fine_tuning.jsonl"
    for findings in (check(path).findings, check_as_is(path, OPENAI_CHAT)):
        named = [(finding.rule, finding.row) for finding in findings if finding.row]
        assert named == [("no-user-turn", 4), ("repetitive-answer", 5)]
        assert any("Eat a banana!" in finding.message for finding in findings)
