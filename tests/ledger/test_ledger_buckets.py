"""Rates and retry budgets that several processes share: no slot is given twice, no retry paid for twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.ledger import BucketKey, Ledger

KEY = BucketKey("openai", "my org", "gpt", "requests")
RETRIES = BucketKey("openai", "my org", "*", "retries")


@pytest.fixture
def paced(ledger: Ledger, now: datetime) -> Ledger:
    """Ten requests a second."""
    ledger.buckets.open({KEY: 10.0}, now)
    return ledger


def test_a_bucket_without_a_rate_gives_at_once(ledger: Ledger, now: datetime) -> None:
    ledger.buckets.open({KEY: None}, now)
    assert (ledger.buckets.reserve(KEY, 5, now).per_s, ledger.buckets.look([KEY])[KEY].not_before) == (None, 0)


def test_a_second_is_reserved_at_a_time_and_never_twice(paced: Ledger, now: datetime) -> None:
    slots = [paced.buckets.reserve(KEY, 1, now) for _ in range(3)]
    at = now.timestamp()
    assert [(slot.starts_at - at, slot.ends_at - at, slot.units) for slot in slots] == [
        (0, 1, 10),
        (1, 2, 10),
        (2, 3, 10),
    ]


def test_more_than_a_seconds_worth_takes_its_time(paced: Ledger, now: datetime) -> None:
    slot = paced.buckets.reserve(KEY, 25, now)
    assert (slot.ends_at - slot.starts_at, slot.units) == (2.5, 25)


def test_what_was_not_used_in_its_time_is_not_saved_up(paced: Ledger, now: datetime) -> None:
    paced.buckets.reserve(KEY, 1, now)
    later = now + timedelta(hours=1)
    assert paced.buckets.reserve(KEY, 1, later).starts_at == later.timestamp()


def test_processes_at_once_get_slots_that_do_not_overlap(open_ledger: Any, paced: Ledger, now: datetime) -> None:
    others = [open_ledger() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        slots = list(pool.map(lambda n: others[n % 4].buckets.reserve(KEY, 1, now), range(40)))
    starts = sorted(slot.starts_at - now.timestamp() for slot in slots)
    assert starts == [float(n) for n in range(40)]


def test_a_rate_learned_by_one_is_seen_by_the_other(open_ledger: Any, paced: Ledger, now: datetime) -> None:
    paced.buckets.learn(KEY, 50.0, now)
    assert open_ledger().buckets.look([KEY])[KEY].per_s == 50


def test_a_lower_rate_of_another_counts_while_fresh_and_is_forgotten_when_old(paced: Ledger, now: datetime) -> None:
    paced.buckets.learn(KEY, 2.0, now)
    assert paced.buckets.open({KEY: None}, now)[KEY].per_s == 2
    assert paced.buckets.open({KEY: 1.0}, now)[KEY].per_s == 1
    assert paced.buckets.open({KEY: None}, now + timedelta(minutes=5))[KEY].per_s is None


def test_a_hold_is_for_all_only_grows_and_cuts_are_counted(open_ledger: Any, paced: Ledger, now: datetime) -> None:
    at = now.timestamp()
    for until, cut in ((at + 9, True), (at + 3, False)):
        paced.buckets.hold(KEY, until, cut=cut, now=now)
    (row,) = open_ledger().buckets.all(now)
    assert (open_ledger().buckets.look([KEY])[KEY].not_before, row.cuts) == (at + 9, 1)
    assert row.not_before == now + timedelta(seconds=9)


def test_a_row_is_told_by_its_parts_even_with_spaces_in_the_account(paced: Ledger, now: datetime) -> None:
    paced.buckets.slept(KEY, 2.5, now)
    (row,) = paced.buckets.all(now)
    assert (row.key, row.per_s, row.slept_s) == (KEY, 10.0, 2.5)


def test_a_budget_is_spent_down_and_then_refuses(ledger: Ledger, now: datetime) -> None:
    paid = [ledger.buckets.spend(RETRIES, 14.0, 0.0, 0.0, now) for _ in range(40)]
    assert paid == [True] * 35 + [False] * 5


def test_processes_at_once_share_one_budget(open_ledger: Any, ledger: Ledger, now: datetime) -> None:
    others = [open_ledger() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        paid = list(pool.map(lambda n: others[n % 4].buckets.spend(RETRIES, 14.0, 0.0, 0.0, now), range(60)))
    assert sum(paid) == 35


def test_successes_fill_it_and_not_above_the_brim(ledger: Ledger, now: datetime) -> None:
    ledger.buckets.spend(RETRIES, 14.0, 0.0, 0.0, now)
    assert ledger.buckets.earn(RETRIES, 4.0, 0.0, now) == 490
    assert ledger.buckets.earn(RETRIES, 400.0, 0.0, now) == 500


def test_what_successes_earned_is_banked_before_it_is_spent(ledger: Ledger, now: datetime) -> None:
    ledger.buckets.spend(RETRIES, 495.0, 0.0, 0.0, now)
    assert not ledger.buckets.spend(RETRIES, 14.0, 8.0, 0.0, now)
    assert ledger.buckets.spend(RETRIES, 14.0, 1.0, 0.0, now)


def test_after_ten_quiet_minutes_it_is_full_and_told_so(ledger: Ledger, now: datetime) -> None:
    ledger.buckets.spend(RETRIES, 495.0, 0.0, 0.0, now)
    later = now + timedelta(minutes=11)
    assert [row.left for row in ledger.buckets.all(now)] == [5]
    assert [row.left for row in ledger.buckets.all(later)] == [500]
    assert ledger.buckets.spend(RETRIES, 495.0, 0.0, 0.0, later)
