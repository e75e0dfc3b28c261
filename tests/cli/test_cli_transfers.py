"""Bytes going by, and weights taken away from the command line."""

from __future__ import annotations

import io
import resource
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.console import SafeConsole
from orchestrator.cli.transfers import Transfers, bytes_text
from orchestrator.secrecy import Secrecy

TO = ("--to", "together:Qwen/Qwen3-8B")
SPEND = ("--yes", "--max-usd", "500", "--accept-unknown")


def _shown(terminal: bool, *steps: tuple[int, int]) -> str:
    written = io.StringIO()
    where = {"file": written, "width": 100, "force_terminal": terminal}
    show = Transfers(SafeConsole(Secrecy(), **where, markup=False, highlight=False))
    for done, total in steps:
        show({"what": "train file", "done": done, "total": total})
    show.stop()
    return written.getvalue()


def test_a_long_transfer_in_a_log_speaks_at_each_tenth() -> None:
    steps = [(done * 10**6, 100 * 10**6) for done in range(0, 101, 5)]
    lines = _shown(False, *steps).splitlines()
    assert (lines[0], lines[-1]) == ("train file: 10.0 MB of 100.0 MB, 10%", "train file: 100.0 MB of 100.0 MB, 100%")
    assert len(lines) == 10


def test_a_short_transfer_in_a_log_says_nothing() -> None:
    assert _shown(False, (0, 5000), (5000, 5000)) == ""


def test_a_terminal_shows_a_bar_in_bytes() -> None:
    assert "12.5/50.0 MB" in _shown(True, (12_500_000, 50_000_000))


@pytest.mark.parametrize(("count", "words"), [(1, "1 bytes"), (1500, "1.5 kB"), (5 * 10**12, "5000.0 GB")])
def test_sizes_are_told_in_decimal_units(count: int, words: str) -> None:
    assert bytes_text(count) == words


@pytest.fixture
def bought(tunewright: Any, server: Any, pairs: Path) -> Any:
    """A run whose job has ended."""
    run = tunewright("submit", pairs, *TO, *SPEND, "--json", env=server.environ).json
    server.world.trainer.settle()
    tunewright("watch", run["run"], env=server.environ)
    return run


def test_the_weights_of_a_run_or_of_a_model_by_name(tunewright: Any, server: Any, bought: Any, work: Path) -> None:
    answer = tunewright("models", "download", bought["run"], "-o", "w", "--json", env=server.environ)
    assert answer.code == 0, answer.out
    by_run = answer.json
    assert Path(work / by_run["archive"]).stat().st_size == by_run["bytes"]
    assert bought["job"] in by_run["archive"]
    named = tunewright("jobs", "show", bought["job"], "--json", env=server.environ).json["tuned_model"]
    by_name = ("models", "download", f"together:{named}", "-o", "elsewhere", "--json")
    elsewhere = tunewright(*by_name, "--home", "other", env=server.environ).json
    assert elsewhere["sha256"] == by_run["sha256"]


def test_a_full_disk_leaves_no_half_file_under_the_final_name(
    process: Any, tunewright: Any, server: Any, bought: Any, work: Path
) -> None:
    wish = ("models", "download", bought["run"], "-o", "w", "--json")
    full = process(
        *wish, env=server.environ, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
    )
    assert full.code == 1
    assert "no space left" in full.error["what"]
    assert not list((work / "w").glob("[!.]*"))
    assert tunewright(*wish, env=server.environ).json["kept"] is False


def test_a_platform_that_never_gives_weights_is_not_even_asked(tunewright: Any, server: Any) -> None:
    answer = tunewright("models", "download", "openai:ft:gpt-4.1:x", "-o", "w", "--json", env=server.environ)
    assert answer.code == 2
    assert answer.error["what"].startswith("no: OpenAI gives no weights")
    assert server.asked("GET", "") == 0
