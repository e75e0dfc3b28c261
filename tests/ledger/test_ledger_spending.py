"""What counts where: months, projects, kinds, bills that come late, bills that never come, and twenty at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import BudgetRefused, UsageError
from orchestrator.ledger import Intent, IntentState, LeaseRow, LeaseStage, Ledger, Run, training_spending
from orchestrator.ledger.spending import KINDS, exact_dollars, exact_sum

Hold = Callable[..., None]
DECEMBER = datetime(2026, 12, 3, tzinfo=UTC)
SPENDERS = Path(__file__).with_name("spenders.py")


def told(ledger: Ledger) -> dict[str, tuple[str, str, Decimal]]:
    """id → (month, state, dollars)."""
    return {item.id: (item.month, item.state, item.usd) for item in ledger.budget.spendings()}


def basis(ledger: Ledger) -> list[str | None]:
    return [item.basis for item in ledger.budget.spendings()]


# ── months ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_reserved_in_november_and_billed_in_december_counts_in_november(ledger: Ledger, hold: Hold) -> None:
    hold("a", "60")
    ledger.budget.settle("a", Decimal(50), DECEMBER)
    assert told(ledger) == {"a": ("2026-11", "settled", Decimal(50))}


def test_a_bill_of_november_leaves_all_of_decembers_cap(ledger: Ledger, hold: Hold, now: datetime) -> None:
    ledger.budget.set_cap("month", Decimal(100), now)
    hold("a", "100")
    ledger.budget.settle("a", Decimal(100), DECEMBER)
    hold("b", "100", at=DECEMBER)
    assert told(ledger)["b"] == ("2026-12", "reserved", Decimal(100))


def test_what_was_held_and_never_sent_moves_to_the_month_in_which_it_is_held_again(ledger: Ledger, hold: Hold) -> None:
    hold("a", "60")
    hold("a", "60", at=DECEMBER)
    assert told(ledger) == {"a": ("2026-12", "reserved", Decimal(60))}


def test_more_of_what_was_billed_last_month_leaves_that_months_bill_alone(ledger: Ledger, hold: Hold) -> None:
    hold("a", "60")
    ledger.budget.settle("a", Decimal(20), DECEMBER)
    hold("a", "60", at=DECEMBER)
    assert told(ledger) == {"a@2026-11": ("2026-11", "settled", Decimal(20)), "a": ("2026-12", "reserved", Decimal(40))}


def test_the_whole_bill_is_divided_between_its_months(ledger: Ledger, hold: Hold) -> None:
    hold("a", "60")
    ledger.budget.settle("a", Decimal(20), DECEMBER)
    hold("a", "60", at=DECEMBER)
    for _ in range(2):
        ledger.budget.settle("a", Decimal(50), DECEMBER)
    assert told(ledger) == {"a@2026-11": ("2026-11", "settled", Decimal(20)), "a": ("2026-12", "settled", Decimal(30))}


def test_a_month_is_a_month_of_utc(ledger: Ledger, hold: Hold) -> None:
    hold("a", "1", at=datetime.fromisoformat("2026-12-01T08:00:00+09:00"))
    assert told(ledger)["a"][0] == "2026-11"


# ── projects ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_project_is_capped_over_all_months(ledger: Ledger, hold: Hold, now: datetime) -> None:
    ledger.budget.set_cap("project:cards", Decimal(10), now)
    hold("a", "6", project="cards")
    with pytest.raises(BudgetRefused, match="the project cards"):
        hold("b", "5", project="cards", at=DECEMBER)
    hold("c", "5", project="other", at=DECEMBER)


def test_a_spending_belongs_to_the_project_of_its_run(ledger: Ledger, hold: Hold, now: datetime) -> None:
    ledger.budget.set_cap("project:cards", Decimal(10), now)
    ledger.runs.start(Run(id="r", created_at=now, stage="quoted", project="cards"))
    with pytest.raises(BudgetRefused, match="the project cards"):
        hold("a", "11", run_id="r")
    assert ledger.runs.get("r").project == "cards"


def test_play_money_counts_against_no_project(ledger: Ledger, hold: Hold, now: datetime) -> None:
    ledger.budget.set_cap("project:cards", Decimal(10), now)
    hold("play", "1000", project="cards", sandbox=True)
    hold("a", "10", project="cards")
    assert len(told(ledger)) == 2


# ── several projects on one ledger ──────────────────────────────────────────────────────────────────────────────────


def test_the_lowest_month_cap_of_all_projects_files_holds_for_all(ledger: Ledger, hold: Hold, now: datetime) -> None:
    ledger.budget.configure("cards", {"month": Decimal(10)}, now)
    ledger.budget.configure("chat", {"month": Decimal(100)}, now)
    with pytest.raises(BudgetRefused, match=r"\$10.00") as refused:
        hold("a", "11", project="chat")
    assert "tunewright.toml of the project cards" in (refused.value.fix or "")


def test_a_cap_that_leaves_its_projects_file_ends_and_others_stay(ledger: Ledger, hold: Hold, now: datetime) -> None:
    ledger.budget.set_cap("month", Decimal(90), now)
    ledger.budget.configure("cards", {"month": Decimal(10), "provider:openai": Decimal(5)}, now)
    ledger.budget.configure("chat", {"month": Decimal(50)}, now)
    ledger.budget.configure("cards", {}, now)
    assert ledger.budget.caps() == {"month": Decimal(50)}
    ledger.budget.configure("chat", {}, now)
    assert ledger.budget.caps() == {"month": Decimal(90)}


# ── every kind, and what follows ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_counts(ledger: Ledger, hold: Hold, now: datetime, kind: str) -> None:
    ledger.budget.set_cap("month", Decimal(10), now)
    hold("a", "6", kind=kind)
    with pytest.raises(BudgetRefused):
        hold("b", "5", kind="training")


def test_what_follows_must_fit_too_and_is_not_held(ledger: Ledger, hold: Hold, now: datetime) -> None:
    ledger.budget.set_cap("month", Decimal(10), now)
    with pytest.raises(BudgetRefused, match=r"\$6.00 now, the rest for what follows"):
        hold("a", "6", then_usd=Decimal(5))
    hold("a", "6", then_usd=Decimal(4))
    assert told(ledger)["a"][2] == 6


def test_raising_a_reservation_asks_every_cap_again_and_keeps_the_old_one(
    ledger: Ledger, hold: Hold, now: datetime
) -> None:
    ledger.budget.set_cap("provider:openai", Decimal(10), now)
    hold("a", "9")
    with pytest.raises(BudgetRefused, match="openai in 2026-11"):
        hold("a", "10.01")
    assert told(ledger)["a"][2] == 9


def test_a_refusal_names_the_cap_to_raise(ledger: Ledger, hold: Hold, now: datetime) -> None:
    ledger.budget.set_cap("month", Decimal("0.001"), now)
    with pytest.raises(BudgetRefused, match=r"\$0.001") as refused:
        hold("a", "0.0011")
    assert "tunewright budget set month" in refused.value.fix


# ── how a sum came about ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_spending_says_how_its_sum_came_about(ledger: Ledger, hold: Hold, now: datetime) -> None:
    hold("a", "9")
    assert basis(ledger) == ["the high end of the quote"]
    ledger.budget.settle("a", Decimal(5), now, basis="the platform's bill")
    assert basis(ledger) == ["the platform's bill"]
    hold("b", "9")
    ledger.budget.release("b", now)
    assert set(basis(ledger)) == {"the platform's bill", "not sent: freed"}


def test_the_same_bill_again_writes_no_history(ledger: Ledger, hold: Hold, now: datetime) -> None:
    hold("a", "9")
    for _ in range(3):
        ledger.budget.settle("a", Decimal("5.00"), now, basis="the platform's bill")
    with ledger.budget._engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT kind FROM event WHERE subject = 'spending:a'").all()
    assert [row[0] for row in rows] == ["reserved", "settled"]


def test_what_was_adopted_is_unknown_until_its_bill_comes(ledger: Ledger, wish: Any, now: datetime) -> None:
    ledger.budget.set_cap("month", Decimal(0), now)
    ledger.budget.adopt(wish("i"), now)
    (item,) = ledger.budget.spendings()
    assert (item.unknown, item.usd) == (True, 0)
    ledger.budget.settle(item.id, Decimal(3), now)
    ledger.budget.adopt(wish("i"), now)
    assert [(i.unknown, i.usd) for i in ledger.budget.spendings()] == [(False, Decimal(3))]


# ── a person's word ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bill_that_nobody_tells_is_settled_by_a_persons_word_and_can_be_corrected(
    ledger: Ledger, hold: Hold, now: datetime
) -> None:
    hold("evaluation:x", "9")
    for usd in (Decimal(4), Decimal("4.20")):
        item = ledger.settle_by_word("evaluation:x", usd, now)
    assert (item.state, item.usd, item.basis) == ("settled", Decimal("4.20"), "a person's word")


def test_a_word_does_not_change_a_bill(ledger: Ledger, hold: Hold, now: datetime) -> None:
    hold("evaluation:x", "9")
    ledger.budget.settle("evaluation:x", Decimal(5), now, basis="sum of 10 answers")
    with pytest.raises(UsageError, match="sum of 10 answers"):
        ledger.settle_by_word("evaluation:x", Decimal(1), now)


@pytest.mark.parametrize(
    ("state", "fix"),
    [
        (IntentState.CREATING, "jobs recover"),
        (IntentState.IN_DOUBT, "jobs recover"),
        (IntentState.NEEDS_HUMAN, "jobs recover"),
        (IntentState.CREATED, "when it has ended"),
    ],
)
def test_no_word_frees_money_of_a_job_that_may_still_bill(
    ledger: Ledger, make_intent: Callable[..., Intent], now: datetime, state: IntentState, fix: str
) -> None:
    intent = make_intent(state=state)
    with pytest.raises(UsageError) as refused:
        ledger.settle_by_word(training_spending(intent.id), Decimal(0), now)
    assert fix in refused.value.fix


def test_a_job_that_has_ended_without_a_bill_takes_a_word(
    ledger: Ledger, make_intent: Callable[..., Intent], now: datetime
) -> None:
    intent = make_intent(state=IntentState.ENDED)
    assert ledger.settle_by_word(training_spending(intent.id), Decimal(3), now).usd == 3


def test_a_machine_that_may_still_bill_takes_no_word(ledger: Ledger, wish: Any, now: datetime) -> None:
    row = LeaseRow(
        id="l", run_id=None, provider="p", account="a", model="m", tag="t", stage=LeaseStage.SERVING, sandbox=False
    )
    ledger.leases.want(row, replace(wish("l", "4", kind="hosting"), id="lease:l"), now)
    with pytest.raises(UsageError, match="not known to be stopped"):
        ledger.settle_by_word("lease:l", Decimal(1), now)


def test_a_spending_that_is_not_there_is_said(ledger: Ledger, now: datetime) -> None:
    with pytest.raises(UsageError, match="no spending"):
        ledger.settle_by_word("training:x", Decimal(1), now)


# ── adding up ───────────────────────────────────────────────────────────────────────────────────────────────────────

DOLLARS = st.decimals(min_value=0, max_value=10**12, allow_nan=False, places=12)


@given(st.lists(DOLLARS, max_size=30), st.randoms())
def test_parts_add_up_in_any_order_and_grouping_without_losing_a_digit(parts: list[Decimal], random: Any) -> None:
    shuffled = parts.copy()
    random.shuffle(shuffled)
    half = len(parts) // 2
    grouped = exact_sum([exact_sum(shuffled[:half]), exact_sum(shuffled[half:])])
    scaled = sum(int(part.scaleb(12)) for part in parts)
    assert exact_sum(parts) == grouped == Decimal(scaled).scaleb(-12)


@given(DOLLARS)
def test_dollars_are_written_with_every_digit(usd: Decimal) -> None:
    assert Decimal(exact_dollars(usd).replace(",", "").removeprefix("$")) == usd


# ── many at once ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_twenty_processes_spend_a_budget_of_ten_reservations_exactly(
    ledger: Ledger, tmp_path: Path, environ_of: Callable[[Path], dict[str, str]], now: datetime
) -> None:
    ledger.budget.set_cap("month", Decimal(100), now)
    home = tmp_path / "home"
    command, environ = [sys.executable, str(SPENDERS), str(home), "20", "10"], {**os.environ, **environ_of(home)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert Counter(done.stdout.split()) == {"held": 10, "refused": 10}
    assert exact_sum(item.usd for item in ledger.budget.spendings()) == 100
