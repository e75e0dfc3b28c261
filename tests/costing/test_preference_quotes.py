"""Quotes for preference training: two answers a row, and nobody says how the second is billed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.costing import QuoteLine, quote
from providers.records import Message, Method, TokenRules


def preferring(desk: Any, counts: str | None, **changes: Any) -> Any:
    """Two preference rows at a desk that counts the rejected answer that way."""
    worse = (Message("assistant", "no"),)
    rows = [replace(desk.pair(f"may I send back order {n}", "of course"), rejected=worse) for n in range(2)]
    counted: dict[str, Any] = {"counts_rejected": counts} if counts else {}
    platform = desk.platform(rules=TokenRules(validation_billed=True, validation_passes=2, **counted))
    return desk.ask(platform=platform, train=rows, validation=rows, **changes)


def named(ask: Any, name: str) -> QuoteLine:
    return next(line for line in quote(ask).lines if line.name == name)


@pytest.mark.parametrize("name", ["training", "validation"])
def test_where_nobody_says_how_a_rejected_answer_bills_the_line_says_so(desk: Any, name: str) -> None:
    assert "no source says whether a rejected answer" in named(preferring(desk, None, method=Method.DPO), name).note


@pytest.mark.parametrize("counts", ["once", "with_prompt"])
def test_a_published_rule_needs_no_note(desk: Any, counts: str) -> None:
    assert named(preferring(desk, counts, method=Method.DPO), "training").note == ""


def test_supervised_training_is_not_told_of_rejected_answers(desk: Any) -> None:
    assert named(desk.ask(), "training").note == ""
