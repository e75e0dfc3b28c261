"""No space left on the disk: said as that, nothing half-written, and the same command goes on once there is room."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")


def _limit(size: int) -> dict[str, Any]:
    """No file of the command may grow past `size` bytes."""
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))}


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_preparing_leaves_no_half_written_file(process: Any, work: Path, pairs: Path) -> None:
    answer = process("prepare", pairs, *TO, "-o", "out", "--json", **_limit(1_000))
    assert answer.code == 1
    assert "no space left" in answer.error["what"]
    assert _files(work) == ["pairs.csv"]


def test_a_ledger_without_room_buys_nothing(process: Any, pairs: Path, server: Any) -> None:
    answer = process("run", pairs, *TO, *SPEND, "--json", env=server.environ, **_limit(20_000))
    assert answer.code == 1
    assert "no space left" in answer.error["what"]
    assert server.asked("POST", "/fine_tuning/jobs") == 0


@pytest.mark.slow
def test_a_report_without_room_is_written_by_the_next_start(
    process: Any, tunewright: Any, work: Path, pairs: Path, server: Any
) -> None:
    full = process("run", pairs, *TO, *SPEND, "--json", env=server.environ, **_limit(400_000))
    assert (full.code, "no space left" in full.error["what"]) == (1, True), full.error
    assert not list((work / ".tunewright" / "reports").rglob("*.html*"))
    again = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ)
    assert Path(again.json["report"]).is_file()
    assert server.asked("POST", "/fine_tuning/jobs") == 1
