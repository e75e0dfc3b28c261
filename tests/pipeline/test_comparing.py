"""Comparing models that already exist: what the tuned one was trained on is never asked."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from orchestrator import Orchestrator
from orchestrator.errors import DataRefused
from orchestrator.jobs.desk import Notice

WORDS = ("refund", "parcel", "invoice", "battery")


def _pairs(path: Path, numbers: range) -> Path:
    rows = (f'{{"input": "question {n} about a {WORDS[n % 4]}", "output": "{WORDS[n % 4]}"}}\n' for n in numbers)
    path.write_text("".join(rows))
    return path


@pytest.fixture
def heard() -> list[Notice]:
    return []


@pytest.fixture
def orchestrator(tmp_path: Path, heard: list[Notice]) -> Orchestrator:
    return Orchestrator(tmp_path / "home", environ={}, on_notice=heard.append)


@pytest.fixture
def tuned(orchestrator: Orchestrator, tmp_path: Path) -> str:
    pairs = _pairs(tmp_path / "pairs.jsonl", range(80))
    result = orchestrator.run(pairs, to=["sandbox:small"], max_usd=Decimal(5))
    assert result.job is not None
    return f"sandbox:{result.job.tuned_model}"


def test_rows_that_were_trained_on_are_not_asked(
    orchestrator: Orchestrator, tuned: str, tmp_path: Path, heard: list[Notice]
) -> None:
    both = _pairs(tmp_path / "both.jsonl", range(70, 110))
    result = orchestrator.compare(both, base="sandbox:small", tuned=tuned, max_usd=Decimal(5))
    assert 30 <= result.judged.comparison.n < 40
    assert any("were in its training files" in notice.text for notice in heard)


def test_only_trained_rows_are_refused(orchestrator: Orchestrator, tuned: str, tmp_path: Path) -> None:
    uploaded = next((tmp_path / "home" / "files").glob("*.jsonl"))
    with pytest.raises(DataRefused, match="every one of these pairs"):
        orchestrator.compare(uploaded, base="sandbox:small", tuned=tuned, max_usd=Decimal(5))


def test_a_comparison_bills_no_training(orchestrator: Orchestrator, tuned: str, tmp_path: Path) -> None:
    fresh = _pairs(tmp_path / "fresh.jsonl", range(200, 240))
    result = orchestrator.compare(fresh, base="sandbox:small", tuned=tuned, max_usd=Decimal(5))
    assert (result.job, result.quote, result.billed.training_usd) == (None, None, Decimal(0))
    assert result.judged.comparison.n == 40
