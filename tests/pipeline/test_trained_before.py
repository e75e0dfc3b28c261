"""Held-out rows that an earlier model was trained on are named, by its run and day, wherever a ledger is at hand."""

from __future__ import annotations

import csv
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator import AsyncOrchestrator
from orchestrator.config import Config
from orchestrator.dataset.records import Finding
from orchestrator.errors import BudgetRefused

pytestmark = pytest.mark.anyio

MODEL = "openai:gpt-4.1-mini-2025-04-14"


@pytest.fixture
def orchestrator(environ: dict[str, str], tmp_path: Path, clock: Any) -> Callable[..., AsyncOrchestrator]:
    def make(**options: Any) -> AsyncOrchestrator:
        given = {"config": Config(), "environ": environ, "clock": clock, **options}
        return AsyncOrchestrator(tmp_path / "home", **given)

    return make


def write(path: Path, numbers: range) -> Path:
    """Tickets that differ in every second word."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["input", "output"])
        for number in numbers:
            words = " ".join(f"{word} {word}{number}" for word in ("card", "parcel", "refund"))
            rows.writerow([f"{words} {path.parent.name}", ("lost", "late", "open")[number % 3]])
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write(tmp_path / "pairs.csv", range(60))


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    """Ten rows of the pairs, most of which were trained on, and ten new ones."""
    return write(tmp_path / "held.csv", range(50, 70))


@pytest.fixture
def others(tmp_path: Path) -> Path:
    return write(tmp_path / "others.csv", range(100, 160))


def of_rule(findings: Any) -> list[Finding]:
    return [finding for finding in findings if finding.rule == "trained-on-before"]


async def test_a_check_names_held_out_rows_that_an_earlier_run_was_trained_on(
    orchestrator: Callable[..., AsyncOrchestrator], pairs: Path, others: Path, held_out: Path, clock: Any
) -> None:
    run = await orchestrator().submit(pairs, to=(MODEL,), max_usd=Decimal(500))
    trained = {row.example.prompt[-1].text for row in (await orchestrator().check(pairs)).split.train}
    checked = await orchestrator().check(others, test=held_out)
    (found,) = of_rule(checked.findings)
    known = [row.number for row in checked.split.test if row.example.prompt[-1].text in trained]
    assert [found.row, *found.related] == known
    assert (found.severity, Path(found.file).name) == ("warning", "held.csv")
    assert f"{len(known)} of 20 test rows were trained on by run {run.id} on {clock.now():%Y-%m-%d}" in found.message


async def test_a_run_says_so_before_anything_is_bought(
    orchestrator: Callable[..., AsyncOrchestrator], pairs: Path, others: Path, held_out: Path
) -> None:
    first = await orchestrator().submit(pairs, to=(MODEL,), max_usd=Decimal(500))
    said: list[Any] = []
    with pytest.raises(BudgetRefused):
        await orchestrator(on_notice=said.append).run(others, test=held_out, to=(MODEL,))
    assert [notice.text for notice in said if f"trained on by run {first.id}" in notice.text]


async def test_a_validation_row_is_only_mentioned(
    orchestrator: Callable[..., AsyncOrchestrator], pairs: Path, others: Path, held_out: Path
) -> None:
    await orchestrator().submit(pairs, to=(MODEL,), max_usd=Decimal(500))
    (found,) = of_rule((await orchestrator().check(others, validation=held_out)).findings)
    assert (found.severity, "validation rows" in found.message) == ("info", True)


async def test_the_same_pairs_and_other_pairs_have_nothing_to_be_told(
    orchestrator: Callable[..., AsyncOrchestrator], pairs: Path, others: Path
) -> None:
    await orchestrator().submit(pairs, to=(MODEL,), max_usd=Decimal(500))
    for path in (pairs, others):
        assert of_rule((await orchestrator().check(path)).findings) == []


async def test_what_nobody_agreed_to_buy_was_not_trained_on(
    orchestrator: Callable[..., AsyncOrchestrator], pairs: Path, others: Path, held_out: Path
) -> None:
    with pytest.raises(BudgetRefused):
        await orchestrator().submit(pairs, to=(MODEL,))
    assert of_rule((await orchestrator().check(others, test=held_out)).findings) == []


async def test_a_check_makes_no_ledger(
    orchestrator: Callable[..., AsyncOrchestrator], pairs: Path, tmp_path: Path
) -> None:
    await orchestrator().check(pairs)
    assert not (tmp_path / "home").exists()
