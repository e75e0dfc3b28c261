"""What is said before anything is bought: the smallest gap to be shown, and a cap that is too low."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.config import Config
from orchestrator.errors import BudgetRefused


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    lines = [f"card {n} parcel{n} refund{n} desk{n},{('lost', 'late', 'open')[n % 3]}" for n in range(60)]
    path.write_text("\n".join(["input,output", *lines]), encoding="utf-8")
    return path


def test_the_planned_gap_is_said_in_points_as_a_plan(pairs: Path, tmp_path: Path) -> None:
    said: list[Any] = []
    library = Orchestrator(tmp_path / "home", config=Config(), environ={}, on_notice=said.append)
    with pytest.raises(BudgetRefused):
        library.submit(pairs, to="sandbox:small")
    (power,) = [notice for notice in said if notice.kind == "power"]
    points = f"{100 * power.data['gap']:.0f}"
    assert f"about {points} points (at 80% power, if base and tuned differ on {points}% of them" in power.text


def test_a_refused_cap_is_told_as_given_and_below_what_must_be_held(pairs: Path, tmp_path: Path) -> None:
    library = Orchestrator(tmp_path / "home", config=Config(), environ={})
    with pytest.raises(BudgetRefused) as refused:
        library.submit(pairs, to="sandbox:small", max_usd=Decimal("0.0013"))
    (quote,) = library.estimate(pairs, to="sandbox:small")
    held = refused.value.what.split("up to $")[1].split(" must")[0]
    assert Decimal(held) >= quote.high_usd
    assert refused.value.what.endswith("--max-usd is $0.0013")
