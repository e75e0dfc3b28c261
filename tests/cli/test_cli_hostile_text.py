"""Text from files, models and platforms is shown, never obeyed: escapes, control and bidi characters are visible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.text import plain_text

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")
RED, ERASE, TITLE, REVERSE, C1 = "\x1b[31m", "\x1b[2K\r", "\x1b]0;owned\x07", "\u202eevil", "\x9b31m"


@pytest.mark.parametrize("hostile", [RED, ERASE, TITLE, REVERSE, C1, "\u2066x\u2069", "a\x08b", "\udce9"])
def test_what_would_steer_a_terminal_is_made_visible(hostile: str) -> None:
    shown = plain_text(hostile)
    assert shown.isprintable()
    assert "\\" in shown


@pytest.mark.parametrize("good", ["naïve café", "数据", "emoji 👍🏽", "two\nlines\tand a tab", "עברית", "a \\ b"])
def test_what_people_write_stays_as_it_is(good: str) -> None:
    assert plain_text(good) == good


def _safe(text: str) -> bool:
    return not any(mark in text for mark in ("\x1b", "\x9b", "\x07", "\u202e", "\r"))


@pytest.fixture
def hostile_pairs(work: Path) -> Path:
    """Labels, a header and inputs that try to paint the terminal."""
    labels = (f"{RED}alarm", f"{REVERSE}", f"calm{TITLE}")
    rows = [f"sentence number {i % 70} about thing {i % 3}{C1},{labels[i % 3]},x" for i in range(72)]
    path = work / "hostile.csv"
    path.write_text(f"text,label,no{RED}te\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_check_of_hostile_rows(tunewright: Any, hostile_pairs: Path) -> None:
    answer = tunewright("check", hostile_pairs)
    assert _safe(answer.out + answer.err)
    assert "\\x1b" in answer.out


def test_a_run_on_hostile_rows(tunewright: Any, hostile_pairs: Path, server: Any) -> None:
    answer = tunewright("run", hostile_pairs, *TO, *SPEND, env=server.environ)
    assert answer.code in (0, 6, 7)
    assert _safe(answer.out + answer.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", f"{RED}nothere.csv"),
        ("run", "p.csv", "--to", f"{RED}x:y"),
        ("watch", f"{TITLE}"),
        ("jobs", "show", REVERSE),
        (f"{RED}zz",),
    ],
)
def test_a_message_that_repeats_what_was_typed(tunewright: Any, arguments: tuple[str, ...]) -> None:
    answer = tunewright(*arguments)
    assert answer.code == 2
    assert _safe(answer.err)
