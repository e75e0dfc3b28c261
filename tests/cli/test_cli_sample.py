"""`estimate --sample`: what a person and a program read of a quote from a sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")


def _write(work: Path, count: int) -> str:
    rows = (
        json.dumps({"input": f"what about thing {number}?", "output": f"it is {number}"}) for number in range(count)
    )
    (work / "rows.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return "rows.jsonl"


def test_a_person_reads_how_far_the_quote_may_be_off(tunewright: Any, work: Path) -> None:
    answer = tunewright("estimate", _write(work, 3000), "--sample", 300, *TO)
    assert answer.code == 0
    assert "  from a sample of " in answer.out
    assert " % at 95 %; duplicates, leaks and contradictions were not looked for" in answer.out
    assert "training rows" in answer.out.partition("about ")[2]


def test_a_program_reads_the_same_in_fields(tunewright: Any, work: Path) -> None:
    (quote,) = tunewright("estimate", _write(work, 3000), "--sample", 300, *TO, "--json").json["quotes"]
    low, high = quote["sample"]["rows_ends"]
    assert low <= 3000 <= high
    assert quote["train_tokens"]["exact"] is False


def test_without_a_sample_nothing_is_said_of_one(tunewright: Any, work: Path) -> None:
    (quote,) = tunewright("estimate", _write(work, 300), *TO, "--json").json["quotes"]
    assert quote["sample"] is None


def test_a_file_that_cannot_be_sampled_is_a_users_mistake(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("estimate", pairs, "--sample", 300, *TO, "--json")
    assert answer.code == 2
    assert "only plain UTF-8 JSON Lines can be sampled" in answer.error["what"]
    assert "--sample" in answer.error["fix"]
