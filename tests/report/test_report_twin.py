"""The JSON twin: everything comes back, and no text in it can leave its element."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.report import ReportView, from_json, render, to_json
from orchestrator.report.twin import dumps, embeddable, plain
from orchestrator.report.view import CurvePoint, MoneyLine, TrainingView


def embedded(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="rows-data">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def test_the_view_comes_back_from_its_json(view: ReportView) -> None:
    assert from_json(json.loads(dumps(to_json(view)))) == view


def test_the_barest_view_comes_back_too(bare_view: ReportView) -> None:
    assert from_json(json.loads(dumps(to_json(bare_view)))) == bare_view


def test_the_page_carries_every_row_with_every_answer(view: ReportView) -> None:
    data, evaluation = embedded(render(view)), view.evaluation
    assert evaluation
    assert [role for role, _ in data["candidates"]] == ["base", "tuned", "also1"]
    for told, row in zip(data["rows"], evaluation.rows, strict=True):
        texts = [answer and answer[0] for answer in told[7]]
        assert texts == [row.base and row.base.text, row.tuned and row.tuned.text, row.also["also1"].text]
        assert (told[2], told[3], data["labels"][told[4]]) == (row.prompt, row.reference, row.label)


def test_a_page_without_rows_carries_none(bare_view: ReportView) -> None:
    assert embedded(render(bare_view)) is None


def test_the_document_names_its_kind_version_and_verdict(view: ReportView) -> None:
    document = to_json(view)
    assert (document["schema_version"], document["kind"]) == (1, "tunewright.report")
    assert document["headline"].startswith("Deploy: the tuned model gets 91.0% of 412 held-out prompts right")


def test_another_version_is_refused(view: ReportView) -> None:
    with pytest.raises(UsageError, match="version 99"):
        from_json({**to_json(view), "schema_version": 99})


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_survives_and_stays_inside_its_element(text: str) -> None:
    inside = embeddable({"text": text})
    assert not re.search("[<>&\u2028\u2029\u202e\ud800-\udfff]", inside)
    assert json.loads(inside.encode("utf-8")) == json.loads(json.dumps({"text": text}))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_money_is_a_string_and_keeps_every_digit(amount: Decimal) -> None:
    written = plain(MoneyLine(item="training", low_usd=amount))["low_usd"]
    assert isinstance(written, str)
    assert Decimal(written) == amount


def test_a_loss_that_is_no_number_becomes_null(bare_view: ReportView) -> None:
    torn = replace(bare_view, training=TrainingView(points=(CurvePoint(step=1, train_loss=float("nan")),)))
    assert json.loads(dumps(to_json(torn)))["training"]["points"][0]["train_loss"] is None
    assert "NaN" not in render(torn)


def test_a_long_answer_is_whole_in_the_file(with_row: Callable[..., ReportView]) -> None:
    document = to_json(with_row(answer="y" * 1_000_000))
    assert len(document["evaluation"]["rows"][0]["base"]["text"]) == 1_000_000
