"""The lease table by itself: the wish and its money together, moves that one caller wins, a late answer, a history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from orchestrator.errors import BudgetRefused
from orchestrator.ledger import LEASE_SENT, LeaseRow, LeaseStage, Ledger, Reservation, lease_spending

ROW = LeaseRow(
    id="l",
    run_id="r",
    provider="p",
    account="a",
    model="m",
    tag="t",
    stage=LeaseStage.WANTED,
    sandbox=False,
    owner="me",
)


@pytest.fixture
def want(ledger: Ledger, now: datetime) -> Callable[..., LeaseRow]:
    def wanted(lease_id: str = "l", usd: str = "5") -> LeaseRow:
        held = Reservation(
            id=lease_spending(lease_id), usd=Decimal(usd), kind="hosting", provider="p", account="a", sandbox=False
        )
        return ledger.leases.want(replace(ROW, id=lease_id), held, now)

    return wanted


def money(ledger: Ledger) -> list[tuple[str, Decimal]]:
    return [(item.state, item.usd) for item in ledger.budget.spendings()]


def test_a_wish_that_the_budget_cannot_hold_leaves_no_row(
    ledger: Ledger, want: Callable[..., LeaseRow], now: datetime
) -> None:
    ledger.budget.set_cap("month", Decimal(4), now)
    with pytest.raises(BudgetRefused):
        want()
    assert (ledger.leases.all(), money(ledger)) == ((), [])


def test_a_wish_that_cannot_be_written_holds_no_money(
    ledger: Ledger, want: Callable[..., LeaseRow], now: datetime
) -> None:
    want()
    held = Reservation(id="other", usd=Decimal(1), kind="hosting", provider="p", account="a", sandbox=False)
    with pytest.raises(IntegrityError):
        ledger.leases.want(ROW, held, now)
    assert money(ledger) == [("reserved", Decimal(5))]


def test_one_caller_may_ask_for_it(ledger: Ledger, want: Callable[..., LeaseRow], now: datetime) -> None:
    want()
    assert [ledger.leases.begin("l", now), ledger.leases.begin("l", now)] == [1, None]


def test_without_money_held_nobody_may_ask_for_it(ledger: Ledger, want: Callable[..., LeaseRow], now: datetime) -> None:
    want()
    ledger.budget.release(lease_spending("l"), now)
    assert ledger.leases.begin("l", now) is None


def test_one_never_asked_for_ends_at_once_and_frees_its_money(
    ledger: Ledger, want: Callable[..., LeaseRow], now: datetime
) -> None:
    want()
    ledger.leases.unwanted("l", now)
    assert (ledger.leases.get("l").stage, money(ledger)) == (LeaseStage.STOPPED, [("released", Decimal(0))])
    assert ledger.leases.begin("l", now) is None


def test_an_answer_is_its_owners_to_use(ledger: Ledger, want: Callable[..., LeaseRow], now: datetime) -> None:
    want()
    ledger.leases.begin("l", now)
    assert not ledger.leases.bind("l", "ep", "somebody else", now, "serving")
    want("second")
    ledger.leases.begin("second", now)
    assert ledger.leases.bind("second", "ep", "me", now, "serving")
    assert [ledger.leases.get(name).stage for name in ("l", "second")] == [LeaseStage.STOPPING, LeaseStage.SERVING]


def test_an_answer_after_its_absence_was_proved_opens_the_row_again(
    ledger: Ledger, want: Callable[..., LeaseRow], now: datetime
) -> None:
    want()
    ledger.leases.begin("l", now)
    ledger.leases.finish("l", LEASE_SENT, now, ended=now, usd=Decimal(0), state="released", basis="absent")
    assert not ledger.leases.bind("l", "ep", "me", now, "serving")
    assert (ledger.leases.get("l").stage, ledger.leases.get("l").remote_id) == (LeaseStage.STOPPING, "ep")
    assert money(ledger) == [("reserved", Decimal(5))]


def test_it_is_settled_once(ledger: Ledger, want: Callable[..., LeaseRow], now: datetime) -> None:
    want()
    ledger.leases.begin("l", now)
    ledger.leases.bind("l", "ep", None, now, "found")
    bills = [
        ledger.leases.finish(
            "l", (LeaseStage.STOPPING,), now, ended=now, usd=Decimal(usd), state="settled", basis="1 h × $3 an hour"
        )
        for usd in ("3", "9")
    ]
    assert (bills, money(ledger)) == ([True, False], [("settled", Decimal(3))])


def test_the_history_of_a_lease_is_whole(ledger: Ledger, want: Callable[..., LeaseRow], now: datetime) -> None:
    want()
    ledger.leases.begin("l", now)
    ledger.leases.bind("l", "ep", "me", now, "serving")
    ledger.leases.unwanted("l", now)
    stopping = (LeaseStage.STOPPING,)
    ledger.leases.finish("l", stopping, now, ended=now, usd=Decimal(3), state="settled", basis="an hour")
    kinds = [entry.kind for entry in ledger.leases.history("l")]
    assert kinds == ["wanted", "starting", "serving", "stopping", "stopped"]


def test_a_lease_is_open_until_it_is_stopped(ledger: Ledger, want: Callable[..., LeaseRow], now: datetime) -> None:
    want()
    ledger.leases.begin("l", now)
    ledger.leases.bind("l", "ep", "me", now, "serving", usd_per_hour=Decimal("3.99"))
    (serving,) = ledger.leases.all(open_only=True)
    half = now + timedelta(minutes=30)
    ledger.leases.finish(
        "l", (LeaseStage.SERVING,), half, ended=half, usd=Decimal(2), state="settled", basis="half an hour"
    )
    assert (serving.usd_per_hour, serving.started_at, ledger.leases.all(open_only=True)) == (Decimal("3.99"), now, ())
    assert ledger.leases.get("l").cost_usd(now + timedelta(days=9)) == Decimal("1.9950")
