"""What a person sees on the way: advice that asks, progress that does not chatter, lines that keep their indent."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.console import SafeConsole
from orchestrator.cli.failing import Failure, Standing, interrupted, with_way_back
from orchestrator.cli.live import Counter, sparkline
from orchestrator.cli.shell import Shell
from orchestrator.secrecy import Secrecy

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")


def _console(width: int = 40, *, terminal: bool = True) -> SafeConsole:
    return SafeConsole(
        Secrecy(), file=io.StringIO(), width=width, force_terminal=terminal, markup=False, highlight=False
    )


def _lines(console: SafeConsole) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_long_line_goes_on_under_its_indent() -> None:
    console = _console(20)
    console.print("    one two three four five")
    assert _lines(console) == ["    one two three", "    four five"]


def test_a_short_first_column_keeps_its_place() -> None:
    console = _console(20)
    console.print("  yes  one two three four")
    assert _lines(console) == ["  yes  one two three", "       four"]


def test_a_curve_falls_from_full_to_empty() -> None:
    assert sparkline([4, 3, 2, 1], width=4) == "█▆▃▁"


def test_a_counter_in_a_log_speaks_at_the_start_now_and_then_and_at_the_end() -> None:
    now_s = 0.0
    console = _console(80, terminal=False)
    counter = Counter(Shell(consoles={"err": console}), lambda: now_s)
    for now_s, done in ((0.0, 0), (10.0, 10), (40.0, 20), (41.0, 30), (42.0, 40)):  # noqa: B007
        counter(done, 40)
    assert [line.split()[3] for line in _lines(console)] == ["0", "20", "40"]


STANDINGS = {
    "nothing was started": Standing(),
    "before anything was bought": Standing(run_id="r"),
    "keeps running": Standing(run_id="r", job_id="j"),
    "is kept": Standing(run_id="r", job_id="j", ended=True),
    "may have been created": Standing(run_id="r", in_doubt=True),
}


@pytest.mark.parametrize("words", STANDINGS)
def test_ctrl_c_says_what_goes_on(words: str) -> None:
    failure = interrupted(STANDINGS[words])
    assert failure.exit_code == 130
    assert words in failure.what


def test_a_failure_that_leaves_a_job_running_says_how_to_come_back() -> None:
    failure = with_way_back(Failure("unreachable", "no connection", fix="check"), Standing(run_id="r", job_id="j"))
    assert failure.what == "no connection; job j keeps running"
    assert failure.fix == "check; then: tunewright watch r"


def test_advice_in_ci_asks_nothing_and_lists_what_is_open(tunewright: Any, pairs: Path) -> None:
    document = tunewright("advise", pairs, "--json").json
    assert {question["id"] for question in document["questions"]} >= {"domain_expertise", "production", "real_time"}
    assert len(document["approaches"]) == 4


def test_advice_answered_by_flags(tunewright: Any, pairs: Path) -> None:
    flags = ("--domain-expertise", "yes", "--production", "yes", "--real-time", "yes", "--expected-improvement", "30")
    answer = tunewright("advise", pairs, *flags)
    assert answer.code == 0
    assert "RAG" in answer.out


def test_advice_names_what_a_domain_asks_of_its_data(tunewright: Any) -> None:
    answer = tunewright("advise", "--domain", "medicine", "--situation", "general_knowledge")
    assert "de-identified" in answer.out
    assert "$1,000-$10,000" in answer.out


def test_the_way_on_is_said_after_each_step(tunewright: Any, pairs: Path, server: Any) -> None:
    bought = tunewright("submit", pairs, *TO, "--yes", "--max-usd", 5, env=server.environ)
    assert "tunewright watch " in bought.out
    watched = tunewright("watch", env=server.environ)
    assert "tunewright evaluate " in watched.out


def test_the_sandbox_prints_the_environment_for_any_client(start: Any) -> None:
    """Whole, also in a terminal where an earlier one was pasted, whose keys are cut out of everything else."""
    pasted = {"OPENAI_API_KEY": "sk-sandbox-local"}
    running = start("sandbox", "serve", "--json", env=pasted)
    running.until("serving until Ctrl-C")
    answer = running.interrupt()
    assert answer.code == 0
    environ = json.loads(answer.out)["environ"]
    assert {"OPENAI_BASE_URL", "TOGETHER_BASE_URL", "AWS_ACCESS_KEY_ID"} <= set(environ)
    assert environ["OPENAI_API_KEY"] == pasted["OPENAI_API_KEY"]
    shown = start("sandbox", "serve", env=pasted)
    shown.until("serving until Ctrl-C")
    lines = shown.interrupt().out.splitlines()
    assert "export OPENAI_API_KEY=sk-sandbox-local" in lines
    assert not [line for line in lines if "***" in line]


def test_a_taken_port_is_said_in_words(tunewright: Any, server: Any) -> None:
    port = server.running.url.rpartition(":")[2]
    answer = tunewright("sandbox", "serve", "--port", port, "--json")
    assert answer.code == 1
    assert "in use" in answer.error["what"]


def test_money_is_read_as_people_write_it() -> None:
    from orchestrator.cli.options import USD

    assert [USD.convert(text, None, None) for text in ("5", "$5.50", "1,000")] == [
        Decimal(5), Decimal("5.50"), Decimal(1000),
    ]  # fmt: skip


def test_what_is_installed_is_told_without_making_a_ledger(tunewright: Any, work: Path) -> None:
    document = tunewright("doctor", "--json").json
    assert document["exists"] is False
    assert document["keys"]["openai"] == "missing (OPENAI_API_KEY is not set)"
    assert document["extras"].keys() >= {"evaluate", "sandbox", "bedrock", "local", "postgres"}
    assert document["extras"]["sandbox"] is True  # these tests need it
    assert document["extras"]["local"] == bool(find_spec("torch") and find_spec("peft") and find_spec("trl"))
    assert list(work.iterdir()) == []


def test_a_run_made_by_hand_is_written_once(tunewright: Any, work: Path) -> None:
    first, second = tunewright("init"), tunewright("init", "--json")
    assert (first.code, second.code) == (0, 2)
    assert "--force" in second.error["fix"]
    assert tunewright("check", "--explain", "blank-answer").code == 0


def test_what_looks_like_the_name_of_an_emoji_stays_text() -> None:
    console = _console(terminal=False)
    console.print("project:new: no cap", soft_wrap=True)
    console.print("project:new: no cap")
    assert console.file.getvalue().count("project:new: no cap") == 2  # type: ignore[attr-defined]
