"""What only reads: no ledger is made by looking for one, and what a run was is told without a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")

LISTINGS = (
    "runs ls",
    "jobs ls",
    "leases ls",
    "batches ls",
    "budget show",
    "jobs recover",
    "leases stop --all",
    "models ls",
)
QUESTIONS = (
    "watch",
    "evaluate",
    "decide",
    "report",
    "runs show",
    "jobs show x",
    "jobs cancel x",
    "leases stop x",
    "batches cancel x",
)


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_listing_where_nothing_ever_ran_makes_nothing(tunewright: Any, work: Path, listing: str) -> None:
    assert tunewright(*listing.split()).code == 0
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_about_a_run_where_nothing_ever_ran_makes_nothing(
    tunewright: Any, work: Path, question: str
) -> None:
    answer = tunewright(*question.split(), "--json")
    assert answer.code == 2
    assert answer.error["fix"].startswith("tunewright ")
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("words", [("runs", "ls"), ("watch",), ("jobs", "ls"), ("jobs", "show", "x")])
def test_nothing_ever_ran_is_said_in_words(tunewright: Any, words: tuple[str, ...]) -> None:
    answer = tunewright(*words)
    assert "no runs here yet" in answer.out + answer.err


def test_the_caps_of_the_configuration_show_before_the_first_run(tunewright: Any, work: Path) -> None:
    (work / "tunewright.toml").write_text("[budget]\nmonth_usd = 20\n", encoding="utf-8")
    assert tunewright("budget", "show", "--json").json["caps"] == {"month": "20"}
    assert [path.name for path in work.iterdir()] == ["tunewright.toml"]


@pytest.fixture
def ran(tunewright: Any, pairs: Path, server: Any) -> dict[str, Any]:
    """The document of a finished run."""
    document: dict[str, Any] = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ).json
    return document


def test_a_verdict_is_told_again_without_a_key(tunewright: Any, ran: dict[str, Any]) -> None:
    again = tunewright("decide", "--json").json
    assert {name: again[name] for name in ("run", "verdict", "billed")} == {
        name: ran[name] for name in ("run", "verdict", "billed")
    }


def test_a_report_is_written_without_a_key(tunewright: Any, ran: dict[str, Any], work: Path) -> None:
    Path(ran["report"]).unlink()
    answer = tunewright("report", "--json")
    assert (answer.code, answer.json["report"]) == (0, ran["report"])
    assert Path(ran["report"]).is_file()


def test_a_report_goes_to_the_terminal_and_to_csv_where_asked(tunewright: Any, ran: dict[str, Any], work: Path) -> None:
    answer = tunewright("report", "--terminal", "--csv", "out/rows.csv")
    assert answer.code == 0
    for part in (
        f"verdict: {ran['verdict']}",
        "interval",
        "candidate",
        f"report: {ran['report']}",
        "csv:    out/rows.csv",
    ):
        assert part in answer.out
    lines = (work / "out" / "rows.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("row,file,label,group,prompt,reference,also right,outcome,base answer")
    assert len(lines) == 1 + ran["difference"]["prompts"]


def test_a_csv_of_a_run_without_answers_is_refused(tunewright: Any, pairs: Path, server: Any) -> None:
    tunewright("submit", pairs, *TO, *SPEND, env=server.environ)
    answer = tunewright("report", "--csv", "rows.csv", "--json")
    assert (answer.code, answer.error["where"]) == (2, "rows.csv")
    assert answer.error["fix"].startswith("tunewright evaluate ")


def test_what_was_play_money_stays_so_beside_a_real_key(tunewright: Any, ran: dict[str, Any]) -> None:
    answer = tunewright("decide", env={"OPENAI_API_KEY": "sk-real-looking-0123456789"})
    assert "(sandbox, not money)" in answer.out
    assert tunewright("report", env={"OPENAI_API_KEY": "sk-real-looking-0123456789"}).code == 0


def test_a_run_is_never_evaluated_at_another_account(tunewright: Any, pairs: Path, server: Any) -> None:
    tunewright("submit", pairs, *TO, *SPEND, env=server.environ)
    answer = tunewright("watch", "--json", env={"OPENAI_API_KEY": "sk-real-looking-0123456789"})
    assert answer.code == 2
    assert f"set the base URL to {server.running.openai_base_url}" in answer.error["fix"]
