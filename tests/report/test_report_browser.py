"""The page in a real browser: headless Chromium, from disk, with its console watched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.report import ReportView, write

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]

_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--enable-logging=stderr", "--virtual-time-budget=2000",
)  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """The document after its scripts ran, and what they said to the console."""

    dom: str
    console: list[str]

    @property
    def shown(self) -> str:
        return re.findall(r'id="shown"[^>]*>([^<]*)<', self.dom)[0]


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., Opened]:
    def opened(view: ReportView, fragment: str = "") -> Opened:
        assert CHROMIUM
        url = write(view, tmp_path / "report").html.as_uri() + fragment
        command = [CHROMIUM, *_QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", url]
        environ = {**os.environ, "HOME": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=environ)
        return Opened(done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line])

    return opened


def test_it_opens_without_a_word_on_the_console_and_shows_rows(browse: Callable[..., Opened], view: ReportView) -> None:
    page = browse(view)
    assert page.console == []
    assert page.shown == "Rows 1 to 50 of 412"
    assert page.dom.count('<td data-name="Tuned">') == 50


def test_every_chart_is_drawn(browse: Callable[..., Opened], view: ReportView) -> None:
    assert browse(view).dom.count("<canvas") == 3


def test_the_address_sets_filter_search_and_label(browse: Callable[..., Opened], view: ReportView) -> None:
    page = browse(view, "#show=broke&q=order&label=returns")
    assert view.evaluation
    broke = [
        row for row in view.evaluation.rows
        if row.base and row.tuned and row.base.passed and not row.tuned.passed
        and row.label == "returns" and "order" in f"{row.prompt} {row.base.text} {row.tuned.text}"
    ]  # fmt: skip
    assert 0 < len(broke) == page.dom.count('<td data-name="Tuned">')
    assert 'data-show="broke" aria-pressed="true"' in page.dom


def test_an_unknown_filter_in_the_address_shows_everything(browse: Callable[..., Opened], view: ReportView) -> None:
    assert browse(view, "#show=constructor&page=9999").shown == "Rows 401 to 412 of 412"


def test_a_running_job_opens_quietly_too(browse: Callable[..., Opened], bare_view: ReportView) -> None:
    assert browse(bare_view).console == []


def test_five_thousand_rows_put_only_one_page_into_the_document(
    browse: Callable[..., Opened], make_view: Callable[[int], ReportView]
) -> None:
    page = browse(make_view(5000))
    assert page.shown == "Rows 1 to 50 of 5,000"
    assert page.dom.count('<td data-name="Tuned">') == 50


def test_a_hostile_answer_runs_nothing_and_is_shown_as_text(
    browse: Callable[..., Opened], with_row: Callable[..., ReportView]
) -> None:
    page = browse(with_row(answer="</script><img src=x onerror=\"document.title='owned'\">\u202eevil\x1b[0m"))
    assert page.console == []
    assert "<title>owned" not in page.dom
    assert "&lt;/script&gt;&lt;img src=x onerror" in page.dom
    assert "⟨U+202E⟩evil⟨U+001B⟩[0m" in page.dom
