"""Caps at the command line: they refuse on every way to spend, and what was spent is explained to the last cent."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator.ledger import Ledger
from providers.contract import Connection

MODEL, TUNED = "openai:gpt-4.1-mini-2025-04-14", "openai:gpt-4.1-nano-2025-04-14"
TO, SPEND = ("--to", MODEL), ("--yes", "--max-usd", "500")
SOON = ("--accept-sunset",)


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, server: Any) -> Any:
    """The same server, as if its money were real: caps hold for it."""
    monkeypatch.setattr(Connection, "is_sandbox", property(lambda _connection: False))
    monkeypatch.setattr(Connection, "is_own_host", property(lambda _connection: True))
    return server


def posted(server: Any) -> int:
    return sum(server.asked("POST", path) for path in ("/files", "/uploads", "/fine_tuning/jobs", "/chat/completions"))


WAYS = {
    "run": ("run", "PAIRS", *TO, *SPEND, *SOON),
    "submit": ("submit", "PAIRS", *TO, *SPEND, *SOON),
    "again": ("submit", "PAIRS", *TO, *SPEND, *SOON, "--again"),
    "evaluate": ("evaluate", "PAIRS", "--base", MODEL, "--tuned", TUNED, *SPEND),
}


@pytest.mark.parametrize("scope", ["run", "month", "provider:openai", "project"])
@pytest.mark.parametrize("way", WAYS)
def test_every_cap_refuses_every_way_to_spend_before_anything_is_sent(
    tunewright: Any, pairs: Path, real: Any, way: str, scope: str
) -> None:
    tunewright("budget", "set", scope, "0.0001")
    words = [pairs if word == "PAIRS" else word for word in WAYS[way]]
    answer = tunewright(*words, "--json", env=real.environ)
    assert (answer.code, answer.error["code"]) == (4, "budget_refused"), answer.err
    assert "$0.0001" in answer.error["what"]
    assert posted(real) == 0


@pytest.mark.parametrize("given", [(), ("--yes",), ("--max-usd", "5")])
@pytest.mark.parametrize("way", WAYS)
def test_with_nobody_to_ask_no_way_spends_without_yes_and_a_cap(
    tunewright: Any, pairs: Path, server: Any, way: str, given: tuple[str, ...]
) -> None:
    words = [pairs if word == "PAIRS" else word for word in WAYS[way] if word not in SPEND]
    answer = tunewright(*words, *given, "--json", env=server.environ)
    assert (answer.code, answer.error["code"]) == (4, "budget_refused")
    assert posted(server) == 0


def test_a_lower_cap_on_the_evaluation_of_a_run_is_kept(tunewright: Any, pairs: Path, server: Any) -> None:
    tunewright("submit", pairs, *TO, *SPEND, env=server.environ)
    tunewright("watch", env=server.environ)
    answer = tunewright("evaluate", "--max-usd", "0.0000001", "--json", env=server.environ)
    assert answer.code == 4
    assert server.asked("POST", "/chat/completions") == 0


def test_what_the_evaluation_needs_must_fit_before_the_training_is_bought(
    tunewright: Any, pairs: Path, real: Any
) -> None:
    (quote,) = tunewright("estimate", pairs, *TO, "--json").json["quotes"]
    training = sum(Decimal(i["high_usd"]) for i in quote["lines"] if i["item"] == "training")
    tunewright("budget", "set", "month", training * 2)
    answer = tunewright("run", pairs, *TO, *SPEND, *SOON, "--max-tokens", 4000, "--json", env=real.environ)
    assert answer.code == 4
    assert "what follows" in answer.error["what"]
    assert posted(real) == 0


def test_a_job_made_elsewhere_is_adopted_whatever_the_caps_and_its_bill_counts(
    tunewright: Any, pairs: Path, real: Any, work: Path
) -> None:
    bought = tunewright("submit", pairs, *TO, *SPEND, *SOON, "--json", "--home", work / "a", env=real.environ).json
    home = ("--home", work / "b")
    tunewright("budget", "set", "month", "0", *home)
    counted = (f"openai:{bought['job']}", "--count-spending")
    run = tunewright("jobs", "adopt", *counted, "--json", *home, env=real.environ).json["run"]
    tunewright("watch", run, *home, env=real.environ)
    (after,) = tunewright("budget", "show", "--json", *home).json["spendings"]
    assert (after["state"], after["unknown"]) == ("settled", False)
    assert Decimal(after["usd"]) > 0


def test_every_cent_of_a_run_says_how_it_came_about(tunewright: Any, pairs: Path, server: Any) -> None:
    ran = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ).json
    shown = tunewright("budget", "show", "--json").json
    by_kind = {item["kind"]: item for item in shown["spendings"]}
    assert by_kind["training"]["basis"].endswith(")")
    assert " tokens × $" in by_kind["training"]["basis"]
    assert by_kind["evaluation"]["basis"].startswith("sum of ")
    assert {item["state"] for item in shown["spendings"]} == {"settled"}
    total = sum(Decimal(item["usd"]) for item in shown["spendings"])
    assert Decimal(shown["sandbox_total"]["billed_usd"]) == total == Decimal(ran["billed"]["total_usd"])
    assert shown["total"] == {"billed_usd": "0", "reserved_usd": "0", "unknown": 0}


def test_three_bills_speak_in_the_next_quote(tunewright: Any, pairs: Path, server: Any) -> None:
    for _ in range(3):
        tunewright("submit", pairs, *TO, *SPEND, "--again", env=server.environ)
        tunewright("watch", env=server.environ)
    (quote,) = tunewright("estimate", pairs, *TO, "--json", env=server.environ).json["quotes"]
    (elsewhere,) = tunewright("estimate", pairs, *TO, "--json").json["quotes"]
    assert (quote["track"]["bills"], elsewhere["track"]) == (3, None)
    assert "your last 3 jobs of this model here" in tunewright("estimate", pairs, *TO, env=server.environ).out
    assert "record of openai (sandbox): 3 jobs billed" in tunewright("budget", "show").out


# ── the ledger as it is shown, filtered, exported and mended ────────────────────────────────────────────────────────


@pytest.fixture
def kept(work: Path) -> Path:
    """A ledger with three spendings."""
    ledger, now = Ledger.open(work / ".tunewright", {}), datetime(2026, 11, 22, tzinfo=UTC)
    for name, project, provider, at in (
        ("evaluation:a", "cards", "openai", now),
        ("evaluation:b", "=cmd|' /C calc'!A0", "openai", now.replace(month=10)),
        ("evaluation:c", "cards", "another", now),
    ):
        money: dict[str, Any] = {"kind": "evaluation", "provider": provider, "account": "a", "sandbox": False}
        ledger.budget.reserve(name, Decimal("1.23456789"), at, project=project, run_id=name[-1], **money)
    ledger.close()
    return work


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ((), "cba"),
        (("--month", "2026-10"), "b"),
        (("--provider", "openai"), "ab"),
        (("--project", "cards"), "ac"),
        (("--run", "c"), "c"),
        (("--project", "cards", "--provider", "openai"), "a"),
    ],
)
def test_spendings_are_narrowed(tunewright: Any, kept: Path, given: tuple[str, ...], left: str) -> None:
    shown = tunewright("budget", "show", *given, "--json").json
    assert {item["run_id"] for item in shown["spendings"]} == set(left)
    assert Decimal(shown["total"]["reserved_usd"]) == len(left) * Decimal("1.23456789")


def test_a_month_that_is_none_is_refused(tunewright: Any) -> None:
    assert tunewright("budget", "show", "--month", "November", "--json").code == 2


def test_the_csv_is_safe_to_open_in_a_spreadsheet(tunewright: Any, kept: Path) -> None:
    assert tunewright("budget", "show", "--csv", "out.csv").code == 0
    rows = list(csv.DictReader(io.StringIO((kept / "out.csv").read_text(encoding="utf-8"))))
    assert {row["project"] for row in rows} == {"cards", "'=cmd|' /C calc'!A0"}
    assert {row["reserved_usd"] for row in rows} == {"1.23456789"}


def test_a_bill_that_nobody_tells_is_listed_with_what_to_do_and_settled_by_word(tunewright: Any, kept: Path) -> None:
    before = tunewright("budget", "show", "--run", "a")
    settled = tunewright("budget", "settle", "evaluation:a", "0.75", "--json").json["spending"]
    after = tunewright("budget", "show", "--run", "a")
    assert "to do: " in before.out
    assert "tunewright budget settle evaluation:a USD" in before.out
    assert (settled["state"], settled["usd"], settled["basis"]) == ("settled", "0.75", "a person's word")
    assert "to do: " not in after.out


def test_a_cap_of_this_project_is_kept_under_its_name(tunewright: Any, work: Path) -> None:
    (work / "tunewright.toml").write_text('[project]\nname = "cards"\n', encoding="utf-8")
    tunewright("budget", "set", "project", "500")
    assert tunewright("budget", "show", "--json").json["caps"] == {"project:cards": "500"}


def test_a_project_is_named_after_its_folder(tunewright: Any, work: Path) -> None:
    (work / "tunewright.toml").write_text("[budget]\nproject_usd = 7\n", encoding="utf-8")
    shown = tunewright("budget", "show", "--json").json
    assert (shown["project"], shown["caps"]) == (work.name, {f"project:{work.name}": "7"})


@pytest.mark.parametrize("usd", ["NaN", "-1", "Infinity"])
def test_no_amount_is_no_cap(usd: str) -> None:
    from orchestrator import Orchestrator
    from orchestrator.errors import UsageError

    with pytest.raises(UsageError, match="not an amount"):
        Orchestrator().budget.set("month", Decimal(usd))


# ── models sunset ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_tuned_models_are_listed_once_and_gate_ci(tunewright: Any, pairs: Path, server: Any) -> None:
    tunewright("submit", pairs, *TO, *SPEND, env=server.environ)
    tunewright("watch", env=server.environ)
    rows = tunewright("models", "sunset", "openai", "--json", env=server.environ).json["models"]
    mine = [row for row in rows if row["where"] == "account and ledger"]
    assert len(mine) == len({row["model"] for row in mine}) == 1
    assert mine[0]["base"] == MODEL.removeprefix("openai:")
    gated = tunewright("models", "sunset", "openai", "--within", 100_000, "--json", env=server.environ)
    assert gated.code == int(bool(gated.json["models"]))
    assert tunewright("models", "sunset", "openai", "--within", 0, env=server.environ).code == 0


def test_a_gate_that_cannot_ask_is_not_green(tunewright: Any) -> None:
    env = {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "TUNEWRIGHT_PATIENCE": "0"}
    assert tunewright("models", "sunset", "--within", 30, "--json", env=env).code == 1
    assert tunewright("models", "sunset", "openai", "--within", 30, "--json").code == 2


def test_a_job_that_is_only_looked_at_is_billed_by_the_price_file_of_its_run(
    tunewright: Any, work: Path, pairs: Path, server: Any
) -> None:
    price = 'provider = "openai"\nitem = "train"\nusd = "1234"\nper = "mtok"\nas_of = 2026-11-20\n'
    (work / "prices.toml").write_text(f"[[price]]\n{price}", encoding="utf-8")
    more = ("--prices", "prices.toml", "--accept-unknown")
    bought = tunewright("submit", pairs, *TO, *SPEND, *SOON, *more, "--json", env=server.environ)
    assert bought.code == 0, bought.error
    (job,) = tunewright("jobs", "ls", "--json").json["jobs"]
    for _ in range(20):
        if tunewright("jobs", "show", job["intent"], "--json", env=server.environ).json["state"] == "ended":
            break
    (line,) = tunewright("budget", "show", "--json").json["spendings"]
    assert "$1234/M" in line["basis"]
