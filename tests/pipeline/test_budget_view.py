"""The budget as it is explained: parts add up to their totals to the last digit, play money apart, unknown beside."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ledger import Spending
from orchestrator.ledger.spending import KINDS
from orchestrator.nouns.budget_view import BudgetView, Line, csv_text, line_of, scopes_of

MONTHS, PROVIDERS, PROJECTS = ("2026-11", "2026-12"), ("p", "q"), ("cards", "mail", None)


def spending(**changes: Any) -> Spending:
    told: dict[str, Any] = {
        "id": "evaluation:x",
        "run_id": "r",
        "kind": "evaluation",
        "provider": "p",
        "account": "a",
        "sandbox": False,
        "month": "2026-11",
        "state": "reserved",
        "quoted_usd": Decimal(5),
        "usd": Decimal(5),
        "at": datetime(2026, 11, 22, tzinfo=UTC),
    }
    return Spending(**{**told, **changes})


def spendings() -> st.SearchStrategy[list[Spending]]:
    dollars = st.decimals(min_value=0, max_value=10**7, allow_nan=False, places=9)
    one = st.builds(
        spending,
        kind=st.sampled_from(KINDS),
        provider=st.sampled_from(PROVIDERS),
        project=st.sampled_from(PROJECTS),
        month=st.sampled_from(MONTHS),
        sandbox=st.booleans(),
        state=st.sampled_from(["reserved", "settled"]),
        quoted_usd=st.none() | dollars,
        usd=dollars,
    )
    return st.lists(one, max_size=25)


def view(items: list[Spending], month: str = "2026-11") -> BudgetView:
    return BudgetView(
        caps={},
        month=month,
        project="cards",
        scopes=scopes_of({}, items, month=month, project="cards"),
        lines=tuple(line_of(item, None, None) for item in items),
        everything=tuple(items),
    )


def units(items: list[Spending]) -> Decimal:
    """The sum in whole units of the ninth digit: integers cannot round."""
    return Decimal(sum(int(item.usd.scaleb(9)) for item in items)).scaleb(-9)


@given(spendings())
def test_the_parts_add_up_to_the_total(items: list[Spending]) -> None:
    told = view(items)
    for sandbox in (False, True):
        mine = [item for item in items if item.sandbox == sandbox]
        assert told.total(sandbox=sandbox).usd == units(mine)
        assert told.total(sandbox=sandbox).unknown == sum(i.state == "reserved" and i.quoted_usd is None for i in mine)


@given(spendings())
def test_the_platforms_of_a_month_add_up_to_the_month(items: list[Spending]) -> None:
    told = view(items)
    by_scope = {scope.scope: scope.sums for scope in told.scopes}
    platforms = [sums.usd for name, sums in by_scope.items() if name.startswith("provider:")]
    assert sum(platforms, Decimal(0)) == by_scope["month"].usd == told.used()


@given(spendings())
def test_the_projects_hold_every_real_dollar_of_all_months(items: list[Spending]) -> None:
    told = view(items)
    projects = [scope.sums.usd for scope in told.scopes if scope.scope.startswith("project:")]
    assert sum(projects, Decimal(0)) == units([item for item in items if item.project and not item.sandbox])


@given(st.text(max_size=12), st.sampled_from(["", "=", "+", "-", "@", "\t", "\r", "＝", "＠"]))
def test_no_text_in_the_csv_can_be_taken_for_a_formula(words: str, first: str) -> None:
    line = Line(spending(project=first + words, basis=first + words), first + words, first + words)
    row = next(csv.DictReader(io.StringIO(csv_text([line]), newline="")))
    for name in ("project", "basis", "job", "to_do"):
        assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


def test_the_csv_holds_every_digit() -> None:
    row = next(csv.DictReader(io.StringIO(csv_text([Line(spending(usd=Decimal("1E-9")), None, "")]))))
    assert (row["reserved_usd"], row["billed_usd"], row["quoted_usd"]) == ("0.000000001", "0", "5")


@pytest.mark.parametrize(("usd", "left"), [("5", "5"), ("12", "-2")])
def test_what_is_left_may_be_less_than_nothing(usd: str, left: str) -> None:
    items = [spending(state="settled", usd=Decimal(usd))]
    month = scopes_of({"month": Decimal(10)}, items, month="2026-11", project="cards")[0]
    assert month.left_usd == Decimal(left)


def test_what_is_settled_asks_nothing_of_anybody() -> None:
    assert line_of(spending(state="settled"), None, None).to_do == ""
    assert "budget settle evaluation:x" in line_of(spending(), None, None).to_do
