"""The budget: what does not fit is refused, two processes never share the last dollars, play money is no money."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from orchestrator.errors import BudgetRefused
from orchestrator.ledger import Ledger

Hold = Callable[..., None]


def held(ledger: Ledger) -> Decimal:
    return sum((item.usd for item in ledger.budget.spendings()), Decimal(0))


@pytest.fixture
def capped(ledger: Ledger, now: datetime) -> Ledger:
    ledger.budget.set_cap("month", Decimal(100), now)
    return ledger


def test_what_fits_exactly_is_held(capped: Ledger, hold: Hold) -> None:
    hold("a", "60")
    hold("b", "40")
    assert held(capped) == 100


def test_one_cent_more_than_fits_is_refused_and_holds_nothing(capped: Ledger, hold: Hold) -> None:
    hold("a", "60")
    with pytest.raises(BudgetRefused, match=r"\$60.00 of it is spent or reserved"):
        hold("b", "40.01")
    assert held(capped) == 60


def test_reserving_again_under_the_same_id_replaces_and_never_adds(capped: Ledger, hold: Hold) -> None:
    for usd in ("60", "60", "90"):
        hold("a", usd)
    assert held(capped) == 90


def test_settling_frees_what_was_held_above_the_bill(capped: Ledger, hold: Hold, now: datetime) -> None:
    hold("a", "60")
    capped.budget.settle("a", Decimal("12.5"), now)
    hold("b", "87.5")
    assert held(capped) == 100


def test_releasing_frees_everything(capped: Ledger, hold: Hold, now: datetime) -> None:
    hold("a", "100")
    capped.budget.release("a", now)
    hold("b", "100")
    assert held(capped) == 100


def test_a_bill_is_not_turned_back_into_a_smaller_reservation(capped: Ledger, hold: Hold, now: datetime) -> None:
    hold("a", "60")
    capped.budget.settle("a", Decimal(50), now)
    hold("a", "50")
    assert [(item.state, item.usd) for item in capped.budget.spendings()] == [("settled", Decimal(50))]


def test_more_of_what_was_billed_is_held_again(capped: Ledger, hold: Hold, now: datetime) -> None:
    hold("a", "60")
    capped.budget.settle("a", Decimal(5), now)
    hold("a", "60")
    assert [(item.state, item.usd) for item in capped.budget.spendings()] == [("reserved", Decimal(60))]


def test_the_quote_is_kept_beside_the_bill(capped: Ledger, hold: Hold, now: datetime) -> None:
    hold("a", "60")
    capped.budget.settle("a", Decimal(50), now)
    (item,) = capped.budget.spendings()
    assert (item.quoted_usd, item.usd) == (Decimal(60), Decimal(50))


def test_sandbox_money_never_counts_against_real_caps(capped: Ledger, hold: Hold) -> None:
    hold("play", "5000", sandbox=True)
    hold("real", "100")
    assert held(capped) == 5100


def test_a_real_cap_does_not_bind_the_sandbox(capped: Ledger, hold: Hold) -> None:
    hold("real", "100")
    hold("play", "1", sandbox=True)
    assert held(capped) == 101


def test_the_runs_own_cap_binds_all_that_the_run_holds_also_in_the_sandbox(ledger: Ledger, hold: Hold) -> None:
    hold("a", "6", run_id="r", run_cap=Decimal(10), sandbox=True)
    with pytest.raises(BudgetRefused, match="this run"):
        hold("b", "5", run_id="r", run_cap=Decimal(10), sandbox=True)


def test_other_runs_do_not_count_against_a_runs_own_cap(ledger: Ledger, hold: Hold) -> None:
    hold("a", "9", run_id="r", run_cap=Decimal(10))
    hold("b", "9", run_id="other", run_cap=Decimal(10))
    assert held(ledger) == 18


def test_the_lower_of_two_run_caps_binds(ledger: Ledger, hold: Hold, now: datetime) -> None:
    ledger.budget.set_cap("run", Decimal(5), now)
    with pytest.raises(BudgetRefused, match=r"\$5.00"):
        hold("a", "6", run_id="r", run_cap=Decimal(10))


def test_a_providers_cap_binds_that_provider_only(ledger: Ledger, hold: Hold, now: datetime) -> None:
    ledger.budget.set_cap("provider:openai", Decimal(5), now)
    hold("a", "50", provider="together")
    with pytest.raises(BudgetRefused, match="openai in 2026-11"):
        hold("b", "6")


def test_a_new_month_begins_with_nothing_spent(capped: Ledger, hold: Hold) -> None:
    hold("a", "100")
    hold("b", "100", at=datetime(2026, 12, 1, tzinfo=UTC))
    assert held(capped) == 200


def test_a_removed_cap_binds_nothing(capped: Ledger, hold: Hold, now: datetime) -> None:
    capped.budget.set_cap("month", None, now)
    hold("a", "1000")
    assert held(capped) == 1000


def test_cents_are_exact(capped: Ledger, hold: Hold) -> None:
    for number in range(1000):
        hold(str(number), "0.1") if number < 3 else None
    assert held(capped) == Decimal("0.3")


@pytest.mark.slow
def test_two_processes_never_both_fit_into_the_last_dollars(capped: Ledger, workers: Any) -> None:
    capped.budget.set_cap("month", Decimal(55), datetime(2026, 11, 22, tzinfo=UTC))
    wins = [int(words) for words in workers("reserve")]
    assert (sum(wins), held(capped)) == (5, Decimal(50))
