"""The exit codes that CI gates on, as a real process ends with them; what each is for is tested elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")

ENDINGS = {
    0: ("check", "PAIRS"),
    2: ("estimate", "PAIRS", "--to", "opnai:gpt-4.1"),
    3: ("estimate", "few.csv", *TO),
    4: ("run", "PAIRS", *TO, "--dry-run", "--max-usd", "0.0001"),
}


@pytest.mark.parametrize("code", ENDINGS)
def test_a_process_ends_with_the_documented_code(process: Any, work: Path, pairs: Path, code: int) -> None:
    (work / "few.csv").write_text("text,label\na b,x\nc d,y\n", encoding="utf-8")
    words = [str(pairs) if word == "PAIRS" else word for word in ENDINGS[code]]
    answer = process(*words)
    assert answer.code == code, answer
    assert bool(answer.err) == (code > 0)


def test_a_mistyped_option_ends_a_process_in_one_json_document(process: Any, pairs: Path) -> None:
    answer = process("run", pairs, "--epoch", 3, "--json")
    assert (answer.code, answer.err) == (2, "")
    assert "--epochs" in answer.error["what"]


def test_a_whole_run_is_one_process_with_one_document(process: Any, pairs: Path, server: Any) -> None:
    answer = process("run", pairs, *TO, "--yes", "--max-usd", 500, "--json", env=server.environ)
    assert answer.code == {"deploy": 0, "iterate": 6, "stop": 6, "inconclusive": 7}[answer.json["verdict"]]
    assert "Traceback" not in answer.err
