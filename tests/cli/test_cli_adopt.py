"""`jobs adopt` at the command line: a job made elsewhere is evaluated with the pairs that its owner gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import rows, write_csv

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")


@pytest.fixture
def job(tunewright: Any, server: Any, pairs: Path) -> str:
    """A job that another project has bought, and that has ended."""
    bought = tunewright("submit", pairs, *TO, *SPEND, "--home", "other", "--json", env=server.environ).json
    server.world.trainer.settle()
    return str(bought["job"])


def test_an_adopted_job_is_evaluated_with_the_pairs_given(
    tunewright: Any, server: Any, job: str, work: Path, pairs: Path
) -> None:
    held_out = write_csv(work / "held_out.csv", rows(30, salt="never seen"))
    given = ("--pairs", pairs, "--test", held_out, "--count-spending")
    adopted = tunewright("jobs", "adopt", f"openai:{job}", *given, "--json", env=server.environ).json
    assert adopted["can_be_evaluated"]
    evaluated = tunewright("evaluate", adopted["run"], "--json", env=server.environ)
    assert evaluated.json["verdict"] in {"deploy", "iterate", "stop", "inconclusive"}
    again = tunewright("jobs", "adopt", f"openai:{job}", "--json", env=server.environ)
    assert (again.code, adopted["run"] in again.error["what"]) == (2, True)


def test_what_is_missing_is_said(tunewright: Any, server: Any, job: str) -> None:
    answer = tunewright("jobs", "adopt", f"openai:{job}", env=server.environ)
    assert "its pairs are not known" in answer.out
    refused = tunewright("evaluate", "--json", env=server.environ)
    assert "--test" in refused.error["fix"]
