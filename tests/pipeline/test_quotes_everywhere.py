"""The same 1,000 pairs on every platform: one table, unknown prices unknown, never a partial sum as a total."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import providers
from orchestrator import Orchestrator
from orchestrator.costing import compare_table
from orchestrator.errors import UsageError
from orchestrator.jobs.desk import Notice
from providers.errors import NotFound

BEFORE, AFTER = datetime(2026, 11, 26, tzinfo=UTC), datetime(2027, 1, 7, tzinfo=UTC)


class _On:
    """A clock that stands."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        """Nobody waits here."""


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    rows = (f'{{"input": "question number {n} about a parcel", "output": "label{n % 7}"}}\n' for n in range(1000))
    path.write_text("".join(rows), encoding="utf-8")
    return path


def _library(tmp_path: Path, heard: list[Notice], now: datetime = BEFORE) -> Orchestrator:
    return Orchestrator(tmp_path / "home", environ={}, clock=_On(now), on_notice=heard.append)


def test_all_is_one_quote_of_every_platform_that_has_models(pairs: Path, tmp_path: Path) -> None:
    heard: list[Notice] = []
    quotes = _library(tmp_path, heard).estimate(pairs, to="all")
    left_out = {notice.data["platform"] for notice in heard if notice.kind == "left_out"}
    quoted = [quote.provider for quote in quotes]
    assert len(quoted) == len(set(quoted))
    assert {*quoted, *left_out} == set(providers.platform_names())
    assert not left_out & {name for name in providers.platform_names() if name in ("openai", "together", "sandbox")}


def test_the_model_that_stands_for_a_platform_is_said_with_its_reason(pairs: Path, tmp_path: Path) -> None:
    (quote,) = _library(tmp_path, []).estimate(pairs, to=["openai"])
    assert quote.model == "gpt-4o-mini-2024-07-18"
    assert quote.warnings[0].startswith("gpt-4o-mini-2024-07-18 stands for openai")
    assert "price of training" in quote.warnings[0]


def test_a_named_model_needs_no_explanation(pairs: Path, tmp_path: Path) -> None:
    (quote,) = _library(tmp_path, []).estimate(pairs, to=["openai:gpt-4.1-2025-04-14"])
    assert not [warning for warning in quote.warnings if "stands for" in warning]


def test_a_named_target_stands_beside_all_the_others(pairs: Path, tmp_path: Path) -> None:
    for to in (["openai:gpt-4.1-2025-04-14", "all"], ["all", "openai:gpt-4.1-2025-04-14"]):
        heard: list[Notice] = []
        quotes = _library(tmp_path, heard).estimate(pairs, to=to)
        assert [quote.model for quote in quotes if quote.provider == "openai"] == ["gpt-4.1-2025-04-14"]
        assert len(quotes) > 1
        assert "openai" not in [notice.data.get("platform") for notice in heard]


def test_an_unknown_price_is_no_total_and_nothing_is_then_the_cheapest(pairs: Path, tmp_path: Path) -> None:
    unpriced = "together:Qwen/Qwen3-235B-A22B"
    rows = compare_table(_library(tmp_path, []).estimate(pairs, to=["openai", unpriced]))
    assert not rows[1].complete
    assert rows[1].total.startswith("at least")
    assert "unknown training" in rows[1].total
    assert not [row for row in rows if row.cheapest]


def test_a_platform_that_is_closed_by_then_is_left_out_with_its_reason(pairs: Path, tmp_path: Path) -> None:
    heard: list[Notice] = []
    quotes = _library(tmp_path, heard, AFTER).estimate(pairs, to="all")
    (told,) = [notice for notice in heard if notice.data.get("platform") == "openai"]
    assert "openai" not in [quote.provider for quote in quotes]
    assert told.data["reason"]


def test_what_one_of_all_cannot_take_leaves_it_out_and_refuses_a_named_one(pairs: Path, tmp_path: Path) -> None:
    heard: list[Notice] = []
    quotes = _library(tmp_path, heard).estimate(pairs, to="all", lora=True)
    assert "openai" not in [quote.provider for quote in quotes]
    assert "lora" in next(n.data["reason"] for n in heard if n.data.get("platform") == "openai")
    with pytest.raises(Exception, match="lora"):
        _library(tmp_path, []).estimate(pairs, to="openai", lora=True)


def test_an_unknown_platform_is_refused_by_name(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="opena"):
        _library(tmp_path, []).estimate(pairs, to="opena")


def test_no_target_at_all_is_a_usage_error(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one"):
        _library(tmp_path, []).estimate(pairs)
