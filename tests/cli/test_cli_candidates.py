"""Further candidates at the command line: quoted before, asked with consent, kept in a file, refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BASE, OTHER = "openai:gpt-4.1-mini-2025-04-14", "openai:gpt-4.1-2025-04-14"
SPEND = ("--yes", "--max-usd", "50", "--max-tokens", "8")
VERDICTS = {0, 6, 7}


@pytest.fixture
def fresh(work: Path) -> Path:
    """Twelve pairs."""
    path = work / "fresh.jsonl"
    rows = ({"input": f"question {n} about my refund", "output": "refund"} for n in range(12))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def kept(tunewright: Callable[..., Any], server: Any, fresh: Path, work: Path) -> Path:
    """The answers of base and tuned to those pairs."""
    file = work / "kept.jsonl"
    both = ("--base", BASE, "--tuned", OTHER)
    done = tunewright("evaluate", fresh, *both, *SPEND, "--save-answers", file, env=server.environ)
    assert done.code in VERDICTS, done.err
    return file


def test_each_candidate_s_price_is_said_before_it_is_asked(
    tunewright: Callable[..., Any], server: Any, fresh: Path, work: Path
) -> None:
    (work / "better.txt").write_text("Answer with one word.")
    both = ("--base", BASE, "--tuned", OTHER, "--also-prompt", "better.txt")
    done = tunewright("evaluate", fresh, *both, *SPEND, "--json", env=server.environ)
    said = done.err.splitlines()
    assert done.code in VERDICTS
    assert said[0].startswith("with 12 held-out prompts the smallest gap you can see is about")
    assert said[1].startswith("asking 3 candidates 12 prompts: play money, at most $")
    assert said[4].startswith(f"  also1 {BASE} with prompt better.txt: at most $")


def test_a_model_that_is_gone_is_compared_by_the_file_that_was_kept(
    tunewright: Callable[..., Any], server: Any, fresh: Path, kept: Path
) -> None:
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    assert {(line["candidate"], line["sample"]) for line in lines} == {("base", 0), ("tuned", 0)}
    server.forget()
    both = ("--base", f"answers:{kept}#base", "--tuned", f"answers:{kept}#tuned")
    done = tunewright("evaluate", fresh, *both, "--json")
    assert (done.code in VERDICTS, done.json["billed"]["total_usd"]) == (True, "0")
    assert server.asked("POST", "/chat/completions") == 0


def test_a_doubled_row_of_a_kept_file_is_named(tunewright: Callable[..., Any], fresh: Path, kept: Path) -> None:
    rows = kept.read_text().splitlines()
    kept.write_text("\n".join([*rows, rows[0]]))
    both = ("--base", f"answers:{kept}#base", "--tuned", f"answers:{kept}#tuned")
    refused = tunewright("evaluate", fresh, *both, "--json")
    assert (refused.code, refused.error["where"]) == (3, f"{kept}, row {len(rows) + 1}")


def test_a_file_that_is_not_there_is_a_wrong_option(tunewright: Callable[..., Any], server: Any, fresh: Path) -> None:
    both = ("--base", BASE, "--tuned", "answers:absent.jsonl")
    refused = tunewright("evaluate", fresh, *both, *SPEND, "--json", env=server.environ)
    assert (refused.code, refused.error["where"]) == (2, "absent.jsonl")


def test_where_answers_cannot_be_kept_nothing_is_asked(
    tunewright: Callable[..., Any], server: Any, fresh: Path
) -> None:
    both = ("--base", BASE, "--tuned", OTHER, "--save-answers", "no/such/folder/kept.jsonl")
    refused = tunewright("evaluate", fresh, *both, *SPEND, "--json", env=server.environ)
    assert (refused.code, refused.error["code"]) == (2, "usage")
    assert server.asked("POST", "/chat/completions") == 0


def test_a_run_is_not_asked_again_with_nobody_there_to_agree(
    tunewright: Callable[..., Any], server: Any, pairs: Path
) -> None:
    bought = tunewright("run", pairs, "--to", BASE, *SPEND, "--json", env=server.environ)
    assert bought.code in VERDICTS, bought.err
    server.forget()
    refused = tunewright("evaluate", "--also", OTHER, "--json", env=server.environ)
    assert (refused.code, refused.error["code"]) == (4, "budget_refused")
    assert server.asked("POST", "/chat/completions") == 0
    again = tunewright("evaluate", "--also", OTHER, *SPEND[:3], "--json", env=server.environ)
    assert again.code in VERDICTS, again.err


def test_candidates_may_stand_in_the_configuration(
    tunewright: Callable[..., Any], server: Any, fresh: Path, work: Path
) -> None:
    (work / "tunewright.toml").write_text(f'[evaluation]\nalso = ["{OTHER}"]\n')
    both = ("--base", BASE, "--tuned", "openai:gpt-4.1-nano-2025-04-14")
    done = tunewright("evaluate", fresh, *both, *SPEND, env=server.environ)
    assert f"also1 {OTHER}" in done.err


def test_more_samples_want_a_temperature(tunewright: Callable[..., Any], fresh: Path) -> None:
    refused = tunewright("evaluate", fresh, "--base", BASE, "--tuned", OTHER, "--samples", 3, "--json")
    assert (refused.code, refused.error["where"]) == (2, "--samples")
