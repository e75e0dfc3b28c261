"""The CSV: every prompt with all its answers, and nothing in it that a spreadsheet would compute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report import ReportView, write_rows
from orchestrator.report.rows_csv import cell, rows_csv


def parsed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =HYPERLINK(\"http://x\")", "＝1", "＋1", "－1", "＠a",
     "\u200b=1", "=cmd|' /C calc'!A0", "\u00a0=1", "-2"],
)  # fmt: skip
def test_no_cell_can_be_a_formula(text: str) -> None:
    assert re.match(r"'|⟨", cell(text))


@given(st.text(st.characters(codec=None), max_size=40))
def test_any_text_gives_a_cell_that_is_text_and_can_be_written(text: str) -> None:
    made = cell(text)
    made.encode("utf-8")
    assert not re.match(r"\s*[=+\-@＝＋－＠]|[\t\r\n]", made)


@pytest.mark.parametrize("text", ["billing", "3 - 2 = 1", "a@b", "'quoted", "", "2026-11-22"])
def test_text_that_is_no_formula_stays_as_it_is(text: str) -> None:
    assert cell(text) == text


def test_every_row_has_every_candidates_answer(view: ReportView) -> None:
    assert view.evaluation
    rows = parsed(rows_csv(view))
    for told, row in zip(rows, view.evaluation.rows, strict=True):
        assert (told["row"], told["prompt"], told["reference"]) == (str(row.number), row.prompt, row.reference)
        assert told["also1 problem"] == (row.also["also1"].error or "")
        assert told["tuned answer"] == (row.tuned.text if row.tuned else None)


def test_the_outcome_is_told_as_in_the_page(view: ReportView) -> None:
    assert view.verdict
    outcomes = [row["outcome"] for row in parsed(rows_csv(view))]
    assert (outcomes.count("lost"), outcomes.count("won")) == view.verdict.discordant


def test_a_quote_and_a_line_end_inside_an_answer_survive(with_row: Callable[..., ReportView]) -> None:
    (row,) = parsed(rows_csv(with_row(answer='he said "no",\nthen left; \x00\ud800')))
    assert row["base answer"] == 'he said "no",\nthen left; ⟨U+0000⟩⟨U+D800⟩'


def test_a_run_without_rows_gives_a_header_alone(bare_view: ReportView) -> None:
    assert parsed(rows_csv(bare_view)) == []


def test_the_file_begins_with_the_mark_by_which_spreadsheets_know_utf8(view: ReportView, tmp_path: Path) -> None:
    written = write_rows(view, tmp_path / "rows.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbfrow,file,")
    assert b"\r\r" not in written
