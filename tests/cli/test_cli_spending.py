"""Money at the command line: dry runs send nothing, quotes need no key, and nothing is spent that nobody agreed to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")
NO_NETWORK = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind"):
        raise BaseException(f"{event} {arguments[1:]}")

sys.addaudithook(refuse)
"""


@pytest.fixture
def offline(tmp_path: Path) -> dict[str, str]:
    """An environment in which any use of the network ends the command."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


def test_an_estimate_needs_no_key_and_no_network_and_writes_nothing(
    process: Any, work: Path, pairs: Path, offline: dict[str, str]
) -> None:
    more = ("--to", "together:Qwen/Qwen3-8B", "--to", "sandbox:small")
    answer = process("estimate", pairs, *TO, *more, "--json", env=offline)
    assert [quote["provider"] for quote in answer.json["quotes"]] == ["openai", "together", "sandbox"]
    assert [path.name for path in work.iterdir()] == ["pairs.csv"]


def test_every_price_of_an_estimate_says_where_it_comes_from(tunewright: Any, pairs: Path) -> None:
    (quote,) = tunewright("estimate", pairs, *TO, "--json").json["quotes"]
    priced = [line for line in quote["lines"] if line["low_usd"] not in (None, "0")]
    assert priced
    assert all(line["source"] and line["as_of"] for line in priced)


def test_serving_by_the_hour_is_named_only_where_it_bills_so(tunewright: Any, pairs: Path) -> None:
    upkeep = {}
    for to in (TO[1], "together:Qwen/Qwen3-8B"):
        (quote,) = tunewright("estimate", pairs, "--to", to, "--json").json["quotes"]
        upkeep[to] = quote["maintenance"]["note"]
    assert ["by the hour" in note for note in upkeep.values()] == [False, True]


def test_a_dry_run_prints_the_exact_requests_and_sends_nothing(
    tunewright: Any, work: Path, pairs: Path, server: Any
) -> None:
    answer = tunewright("run", pairs, *TO, "--dry-run", "--json", env=server.environ)
    requests = answer.json["requests"]
    assert [request["paid"] for request in requests] == [False] * (len(requests) - 1) + [True]
    assert requests[-1]["url"] == f"{server.running.openai_base_url}/fine_tuning/jobs"
    assert requests[-1]["body"]["model"] == TO[1].removeprefix("openai:")
    assert server.asked("POST", "") == server.asked("GET", "") == 0
    assert [path.name for path in work.iterdir()] == ["pairs.csv"]


def test_a_dry_run_needs_no_key_and_no_network(process: Any, pairs: Path, offline: dict[str, str]) -> None:
    answer = process("submit", pairs, *TO, "--dry-run", "--max-usd", 5, env=offline)
    assert answer.code == 0
    assert "POST https://api.openai.com/v1/fine_tuning/jobs" in answer.out


def test_a_dry_run_over_the_cap_fails_the_build(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("run", pairs, *TO, "--dry-run", "--max-usd", "0.001", "--json")
    assert answer.code == 4


@pytest.mark.parametrize(
    ("given", "missing"),
    [((), "--yes and --max-usd are not given"), (("--yes",), "--max-usd is not"), (("--max-usd", 5), "--yes is not")],
)
def test_nobody_to_ask_and_no_consent_spends_nothing(
    tunewright: Any, pairs: Path, server: Any, given: tuple[str, ...], missing: str
) -> None:
    answer = tunewright("run", pairs, *TO, *given, "--json", env=server.environ)
    assert (answer.code, answer.error["code"]) == (4, "budget_refused")
    assert missing in answer.error["what"]
    assert server.asked("POST", "/files") == 0


def test_a_quote_over_the_cap_of_the_run_is_refused(tunewright: Any, pairs: Path, server: Any) -> None:
    answer = tunewright("run", pairs, *TO, "--yes", "--max-usd", "0.01", "--json", env=server.environ)
    assert answer.code == 4
    assert "--max-usd" in answer.error["what"]
    assert server.asked("POST", "/files") == 0


def test_caps_are_set_shown_and_removed(tunewright: Any) -> None:
    tunewright("budget", "set", "month", "200")
    assert tunewright("budget", "show", "--json").json["caps"] == {"month": "200"}
    tunewright("budget", "set", "month", "--none")
    assert tunewright("budget", "show", "--json").json["caps"] == {}


@pytest.mark.parametrize("wrong", [("year", "5"), ("month",), ("month", "plenty"), ("provider:opnai", "5")])
def test_a_cap_that_means_nothing_is_refused(tunewright: Any, wrong: tuple[str, ...]) -> None:
    answer = tunewright("budget", "set", *wrong, "--json")
    assert answer.code == 2
    assert answer.error["fix"]


def test_the_configuration_caps_and_consents_to_nothing(tunewright: Any, work: Path, pairs: Path, server: Any) -> None:
    (work / "tunewright.toml").write_text("[budget]\nrun_usd = 0.001\n", encoding="utf-8")
    answer = tunewright("run", pairs, *TO, "--yes", "--json", env=server.environ)
    assert answer.code == 4
    assert server.asked("POST", "/files") == 0


def test_watching_past_its_timeout_leaves_the_job_running(tunewright: Any, pairs: Path, slow_server: Any) -> None:
    bought = tunewright("submit", pairs, *TO, *SPEND, "--json", env=slow_server.environ).json
    answer = tunewright("watch", "--timeout", "0.2", "--json", env=slow_server.environ)
    assert (answer.code, answer.error["code"]) == (75, "still_running")
    assert answer.error["fix"] == f"tunewright watch {bought['run']}"
    assert slow_server.asked("POST", "/cancel") == 0


def test_the_environment_gives_options_and_a_flag_wins(tunewright: Any, pairs: Path) -> None:
    env = {"TUNEWRIGHT_TO": "openai:gpt-4.1-mini-2025-04-14", "TUNEWRIGHT_EPOCHS": "2"}
    (quote,) = tunewright("estimate", pairs, "--json", env=env).json["quotes"]
    (flagged,) = tunewright("estimate", pairs, "--json", "--epochs", 4, env=env).json["quotes"]
    assert flagged["billed_tokens"] == 2 * quote["billed_tokens"]


def test_no_variable_of_the_environment_buys_again(tunewright: Any, pairs: Path, server: Any) -> None:
    for _ in range(2):
        tunewright("submit", pairs, *TO, *SPEND, env={**server.environ, "TUNEWRIGHT_AGAIN": "1"})
    assert server.asked("POST", "/fine_tuning/jobs") == 1
