"""The data page in a real browser: headless Chromium, from disk, with its console watched."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.data_page import write_data_page
from orchestrator.report.data_view import DataPicture

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]

_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--enable-logging=stderr", "--virtual-time-budget=2000",
    "--allow-file-access-from-files",
)  # fmt: skip
_FRAME = """<!doctype html><title>frame</title><iframe src="data.html" width="{width}" height="800"></iframe><p></p>
<script>addEventListener("load", () => {{
  const inside = document.querySelector("iframe").contentDocument.documentElement;
  document.querySelector("p").textContent = `${{inside.scrollWidth - inside.clientWidth}} too wide`;
}});</script>"""


def _beside(name: str) -> Any:
    """The module of that name in this folder: tests are no package."""
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made_up = _beside("test_data_page")


@dataclass(frozen=True)
class Opened:
    """The document as the browser has it, and what it said to the console."""

    dom: str
    console: list[str]


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., Opened]:
    def opened(picture: DataPicture, *flags: str, frame: str = "") -> Opened:
        assert CHROMIUM
        page = write_data_page(picture, tmp_path / "data.html")
        if frame:
            page = tmp_path / "frame.html"
            page.write_text(frame, encoding="utf-8")
        command = [CHROMIUM, *_QUIET, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
        environ = {**os.environ, "HOME": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=environ)
        return Opened(done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line])

    return opened


@pytest.mark.parametrize("flags", [(), ("--blink-settings=preferredColorScheme=0",)], ids=["light", "dark"])
def test_the_data_page_opens_without_a_word_on_the_console(browse: Callable[..., Opened], flags: tuple[str]) -> None:
    page = browse(made_up.picture(), *flags)
    assert page.console == []
    assert page.dom.count('class="histogram"') == 3


def test_the_data_page_fits_a_telephone(browse: Callable[..., Opened]) -> None:
    assert "<p>0 too wide</p>" in browse(made_up.picture(), frame=_FRAME.format(width=360)).dom


@pytest.mark.parametrize("text", made_up.HOSTILE[:3])
def test_hostile_words_in_rows_run_nothing(browse: Callable[..., Opened], text: str) -> None:
    page = browse(made_up.poisoned(made_up.picture(), text.replace("alert(1)", "document.title='owned'")))
    assert page.console == []
    assert "<title>owned" not in page.dom


def test_a_page_about_nothing_opens_too(browse: Callable[..., Opened]) -> None:
    nothing = made_up.picture(
        usable=False, rows_read=0, rows_kept=0, sides=(0, 0, 0), moved=0, files=(), findings=(), dropped=(), repeats=(),
        fixed=None, labels=None, lengths=None,
    )  # fmt: skip
    assert browse(nothing).console == []
