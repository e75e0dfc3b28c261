"""Hostile words in every place of a report, in the browser and on the terminal: nothing runs, the layout holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile_texts import HOSTILE, poisoned
from rich.cells import cell_len

from orchestrator.cli.verdict_lines import Glyphs, candidate_lines, improvement_lines, slice_lines
from orchestrator.report import ReportView, write
from orchestrator.report.rows_csv import rows_csv
from orchestrator.report.view import AnswerView

ids = [f"hostile{i}" for i in range(len(HOSTILE))]


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.trouble = []
    page.on("console", lambda said: page.trouble.append(said.text))
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    page.on("dialog", lambda box: (page.trouble.append(box.message), box.dismiss()))
    yield page
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("text", HOSTILE, ids=ids)
def test_hostile_words_everywhere_run_nothing_and_break_no_layout(
    page: Any, small: ReportView, tmp_path: Path, text: str
) -> None:
    page.goto(write(poisoned(small, text), tmp_path).html.as_uri())
    page.locator(".rows .open").first.click()
    page.locator("#left-said").hover()
    assert page.trouble == []
    assert page.evaluate("document.title").startswith("Deploy")
    assert page.locator("section").count() == 10
    assert page.locator("script, iframe, img, style").count() == 4
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate("document.querySelector('dialog .body').scrollWidth") <= 360
    assert page.evaluate("getComputedStyle(document.body).display") == "block"


@pytest.mark.browser
def test_the_pages_csv_of_hostile_rows_is_the_commands_csv(page: Any, small: ReportView, tmp_path: Path) -> None:
    assert small.evaluation
    rows = tuple(
        replace(small.evaluation.rows[0], number=i, prompt=text, reference=text, base=AnswerView(text=text), label=text)
        for i, text in enumerate(HOSTILE)
    )
    view = replace(small, evaluation=replace(small.evaluation, rows=rows))
    page.goto(write(view, tmp_path).html.as_uri())
    with page.expect_download() as waiting:
        page.click("#csv")
    assert Path(waiting.value.path()).read_bytes().decode() == rows_csv(view)


@pytest.mark.browser
def test_answers_of_a_megabyte_leave_the_page_quick_and_narrow(
    page: Any, with_row: Callable[..., ReportView], tmp_path: Path
) -> None:
    page.goto(write(with_row(answer="x" * 1_000_000, prompt="y " * 500_000), tmp_path).html.as_uri() + "#open=1")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate("Number(document.documentElement.dataset.ready)") < 3000


def terminal(view: ReportView) -> list[str]:
    drawn = improvement_lines(view, 76, Glyphs.for_encoding("utf-8"))
    return [*drawn, *candidate_lines(view), *slice_lines(view)]


@pytest.mark.parametrize("text", HOSTILE, ids=ids)
def test_hostile_words_stay_on_their_line_of_the_terminal(small: ReportView, text: str) -> None:
    said = poisoned(small, text)
    lines = [*improvement_lines(said, 76, Glyphs.for_encoding("utf-8")), *candidate_lines(said), *slice_lines(said)]
    harmless = [
        *improvement_lines(small, 76, Glyphs.for_encoding("utf-8")),
        *candidate_lines(small),
        *slice_lines(small),
    ]
    assert len(lines) == len(harmless)
    assert all(cell_len(line) <= 160 for line in lines)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "".join(lines))
