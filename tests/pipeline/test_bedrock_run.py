"""A whole run on Bedrock's wire, from pairs to a verdict, by the synchronous library and the user's own prices."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.config import Config
from orchestrator.errors import BudgetRefused
from providers.errors import Closed
from providers.sandbox import Sandbox, serve

pytest.importorskip("boto3")

NOVA, HAIKU = "bedrock:amazon.nova-micro-v1:0:128k", "bedrock:anthropic.claude-3-haiku-20240307-v1:0:200k"


@pytest.fixture
def place() -> Iterator[Any]:
    with Sandbox(None, pace_s=0) as sandbox, serve(sandbox) as running:
        yield sandbox, running


@pytest.fixture
def orchestrator(place: Any, tmp_path: Path) -> Orchestrator:
    return Orchestrator(tmp_path / "home", config=Config(), environ=dict(place[1].environ))


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    """Enough that the verdict has the prompts it wants."""
    path = tmp_path / "tickets.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["input", "output"])
        for number in range(400):
            label = ("lost_card", "refund", "delivery")[number % 3]
            rows.writerow([f"a question about {label} number {number}", label])
    return path


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """What a user reads on AWS's page for this region, in the user's own file."""
    told = {"train": "1.00", "input": "0.10", "output": "0.20", "tuned_input": "0.10", "tuned_output": "0.20"}
    rows = [(item, usd, "mtok") for item, usd in told.items()] + [("hosting", "0", "hour")]
    path = tmp_path / "prices.toml"
    path.write_text(
        "".join(
            f'[[price]]\nprovider = "bedrock"\nmodel = "{target.partition(":")[2]}"\nitem = "{item}"\nusd = "{usd}"\n'
            f'per = "{per}"\nas_of = 2026-11-26\n'
            for target in (NOVA, HAIKU)
            for item, usd, per in rows
        )
    )
    return path


def test_a_run_ends_with_a_verdict_and_leaves_nothing_running(
    orchestrator: Orchestrator, place: Any, tickets: Path, prices: Path
) -> None:
    sandbox, _ = place
    done = orchestrator.run(tickets, to=NOVA, prices=prices, max_usd=Decimal(5))
    assert done.judged.verdict.answer == "deploy"
    assert done.job.tuned_model is not None
    assert sandbox.throughput.all("custom-model-deployment") == []
    assert len(sandbox.book.views("bedrock")) == 1


def test_without_prices_the_quote_says_unknown_and_no_budget_can_be_held(
    orchestrator: Orchestrator, place: Any, tickets: Path
) -> None:
    (quote,) = orchestrator.estimate(tickets, to=NOVA)
    with pytest.raises(BudgetRefused):
        orchestrator.run(tickets, to=NOVA, max_usd=Decimal(5))
    unknown = {line.item for line in quote.lines if line.high_usd is None}
    assert {"training", "evaluation", "hosting"} <= unknown
    assert place[0].book.views("bedrock") == []


def test_claude_past_its_end_of_life_is_refused_with_the_reason_and_nothing_is_uploaded(
    orchestrator: Orchestrator, place: Any, tickets: Path, prices: Path
) -> None:
    with pytest.raises(Closed, match="2026-09-10"):
        orchestrator.run(tickets, to=HAIKU, prices=prices, max_usd=Decimal(5), accept_unknown=True)
    assert place[0].objects.listed("tunewright-sandbox", "") == []
