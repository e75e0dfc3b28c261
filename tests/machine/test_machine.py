"""Thousands of histories of paid work, each of some dozens of happenings, and every promise after each of them.

A small number in `make test`; two thousand with TUNEWRIGHT_MACHINE_EXAMPLES=2000, as `make machine` does. And the same
machine, with one promise taken out of the code at a time, must find that it is missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from orchestrator.ledger import Ledger

from .broken import MoneyNotHeld, NoCompareAndSet
from .machine import Directory, PaidWork, happenings

EXAMPLES = int(os.environ.get("TUNEWRIGHT_MACHINE_EXAMPLES", "60"))  # read before a test's environment is cleaned
HISTORIES = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
SEARCH = settings(HISTORIES, max_examples=1000, stateful_step_count=20, phases=[Phase.generate])
"""Found is enough: the shortest way there need not be."""
ONE_BUYS = happenings(("persist 0",), ("a1",))
TWO_BUY = happenings(("submit 0", "submit 0", "persist 0"), ("a1", "a2"))
ONE_RENTS = happenings(("rent", "rent", "wait_and_stop"), ("a1",))

Make = Callable[..., type[PaidWork]]


@pytest.fixture
def machine() -> Iterator[Make]:
    opened: list[Directory] = []

    def make(kind: type[Ledger] = Ledger, **changes: object) -> type[PaidWork]:
        opened.extend(Directory(kind) for _ in "ab")
        return type("Machine", (PaidWork,), {"directories": dict(zip("ab", opened, strict=True)), **changes})

    yield make
    for directory in opened:
        directory.close()


@pytest.mark.slow
def test_no_history_of_paid_work_breaks_a_promise(machine: Make) -> None:
    run_state_machine_as_test(machine(), settings=HISTORIES)


@pytest.mark.slow
@pytest.mark.parametrize("window_s", [0.0, 100.0])
def test_the_machine_finds_a_settling_window_that_is_missing_or_too_short(machine: Make, window_s: float) -> None:
    with pytest.raises(AssertionError, match=r"bought tw-[a-z2-7]{16} twice"):
        run_state_machine_as_test(machine(window_s=window_s, what_happens=ONE_BUYS), settings=SEARCH)


@pytest.mark.exhaustive
def test_the_machine_finds_a_lease_thought_absent_too_soon(machine: Make) -> None:
    with pytest.raises(AssertionError, match="a machine bills, and no row says so"):
        run_state_machine_as_test(machine(window_s=100.0, what_happens=ONE_RENTS), settings=SEARCH)


@pytest.mark.exhaustive
def test_the_machine_finds_a_claim_without_compare_and_set(machine: Make) -> None:
    with pytest.raises(AssertionError, match=r"bought tw-[a-z2-7]{16} twice|its money is free"):
        run_state_machine_as_test(machine(NoCompareAndSet, what_happens=TWO_BUY), settings=SEARCH)


@pytest.mark.slow
def test_the_machine_finds_money_that_is_not_held(machine: Make) -> None:
    with pytest.raises(AssertionError, match="its money is free"):
        run_state_machine_as_test(machine(MoneyNotHeld, what_happens=ONE_BUYS), settings=SEARCH)
