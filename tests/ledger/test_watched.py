"""Claiming jobs to look at: no two get the same, the newest claim wins, and what comes too late is not written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.ledger import Claim, Found, Intent, IntentState, Ledger, Progress
from orchestrator.ledger.schema import watched as table
from providers.records import JobEvent, JobState, MetricPoint

MINUTE = timedelta(minutes=1)


@pytest.fixture
def bound(ledger: Ledger, make_intent: Callable[..., Intent], job: Any, now: datetime) -> Callable[..., list[str]]:
    """Binds so many jobs, as buying does; answers their intents."""

    def bind(count: int = 1) -> list[str]:
        names = [make_intent(f"salt{number}", IntentState.CREATING).id for number in range(count)]
        for number, name in enumerate(names):
            ledger.intents.record_job(name, job(f"job-{number}"), now, "created")
        return names

    return bind


def claimed(ledger: Ledger, at: datetime, owner: str = "me", **given: Any) -> tuple[Claim, ...]:
    return ledger.watched.claim(at, owner, **{"limit": 50, "lease_s": 60, **given})


def look(claim: Claim, at: datetime, **changes: Any) -> Found:
    fields = {"next_at": at + MINUTE, "progress": Progress(status="running"), "progressed_at": at}
    return Found(claim=claim, **{**fields, **changes})


def test_a_job_is_due_from_the_moment_it_is_bound(ledger: Ledger, bound: Any, now: datetime) -> None:
    names = bound(2)
    assert sorted(claim.intent_id for claim in claimed(ledger, now)) == sorted(names)


def test_no_two_claim_the_same_job_while_a_lease_holds(ledger: Ledger, bound: Any, now: datetime) -> None:
    bound(5)
    first, second = claimed(ledger, now, limit=3), claimed(ledger, now, "other")
    assert (len(first), len(second)) == (3, 2)
    assert not {c.intent_id for c in first} & {c.intent_id for c in second}


def test_the_most_overdue_are_claimed_first(ledger: Ledger, bound: Any, now: datetime) -> None:
    names = bound(3)
    for number, claim in enumerate(claimed(ledger, now)):
        ledger.watched.keep([look(claim, now, next_at=now + number * MINUTE)], now)
        names[number] = claim.intent_id
    found = claimed(ledger, now + 5 * MINUTE, limit=2)
    assert [claim.intent_id for claim in found] == names[:2]
    assert [claim.due_at for claim in found] == [now, now + MINUTE]


def test_a_lease_that_ran_out_is_free_again_with_a_higher_fence(ledger: Ledger, bound: Any, now: datetime) -> None:
    bound()
    (first,) = claimed(ledger, now)
    assert claimed(ledger, now + MINUTE / 2) == ()
    (second,) = claimed(ledger, now + 2 * MINUTE, "other")
    assert second.fence > first.fence


def test_what_a_passed_fence_brings_is_refused_whole(ledger: Ledger, bound: Any, now: datetime, job: Any) -> None:
    (name,) = bound()
    (late,) = claimed(ledger, now)
    claimed(ledger, now + 2 * MINUTE, "other")
    event = JobEvent(id="e", at=now, level="info", message="late")
    found = look(late, now, job=job("job-0", JobState.FAILED), events=(event,), curve=(MetricPoint(step=1),))
    kept = ledger.watched.keep([found], now)
    assert (kept.fenced, kept.fresh) == ({name}, {})
    assert (ledger.intents.events(name), ledger.intents.metrics(name)) == ((), ())
    assert ledger.intents.get(name).state is IntentState.CREATED
    assert ledger.watched.rows()[name].owner == "other"


def test_one_refused_look_keeps_none_of_the_others_out(ledger: Ledger, bound: Any, now: datetime) -> None:
    bound(3)
    claims = claimed(ledger, now)
    ledger.watched.take(claims[0].intent_id, now, "a person", lease_s=60)
    kept = ledger.watched.keep([look(claim, now) for claim in claims], now)
    assert kept.fenced == {claims[0].intent_id}
    assert sorted(row.polls for row in ledger.watched.rows().values()) == [0, 1, 1]


def test_a_look_is_kept_with_all_that_it_found(ledger: Ledger, bound: Any, now: datetime, job: Any) -> None:
    (name,) = bound()
    (claim,) = claimed(ledger, now)
    event = JobEvent(id="e", at=now, level="info", message="step")
    found = look(claim, now, job=job("job-0", JobState.UNKNOWN, raw_status="odd"), events=(event,))
    assert ledger.watched.keep([found], now).fresh == {name: (event,)}
    assert ledger.intents.get(name).job.label == "unknown(odd)"  # type: ignore[union-attr]
    assert claimed(ledger, now + MINUTE / 2) == ()
    assert [c.polls for c in claimed(ledger, now + MINUTE)] == [1]


def test_a_look_that_could_not_be_had_counts_as_a_failure(ledger: Ledger, bound: Any, now: datetime) -> None:
    (name,) = bound()
    ledger.watched.keep([look(claimed(ledger, now)[0], now, failures=2)], now)
    row = ledger.watched.rows()[name]
    assert (row.polls, row.failures) == (0, 2)


def test_a_concluded_job_is_never_due_again(ledger: Ledger, bound: Any, now: datetime) -> None:
    bound()
    (claim,) = claimed(ledger, now)
    assert ledger.watched.conclude(claim, now)
    assert not ledger.watched.conclude(claim, now)
    assert claimed(ledger, now + timedelta(days=999)) == ()
    assert ledger.watched.accounts(now) == ()


def test_a_person_may_look_at_an_ended_job_without_bringing_it_back(ledger: Ledger, bound: Any, now: datetime) -> None:
    (name,) = bound()
    ledger.watched.conclude(claimed(ledger, now)[0], now)
    claim = ledger.watched.take(name, now, "a person", lease_s=60)
    ledger.watched.keep([look(claim, now)], now)
    assert claim.ended
    assert claimed(ledger, now + timedelta(days=9)) == ()


def test_given_back_is_free_at_once_and_only_what_is_still_ours(ledger: Ledger, bound: Any, now: datetime) -> None:
    bound(2)
    mine = claimed(ledger, now)
    ledger.watched.take(mine[0].intent_id, now, "other", lease_s=60)
    ledger.watched.give_back(mine)
    assert [claim.intent_id for claim in claimed(ledger, now)] == [mine[1].intent_id]


def test_jobs_of_a_ledger_from_before_are_watched_too(ledger: Ledger, bound: Any, now: datetime) -> None:
    bound(3)
    with ledger._engine.begin() as connection:
        connection.execute(table.delete())
    assert (ledger.watched.backfill(now), ledger.watched.backfill(now)) == (3, 0)
    assert len(claimed(ledger, now)) == 3


def test_accounts_tell_how_many_jobs_are_due_and_when_the_next_is(ledger: Ledger, bound: Any, now: datetime) -> None:
    bound(3)
    claims = claimed(ledger, now, limit=2)
    ledger.watched.keep([look(claims[0], now)], now)
    (account,) = ledger.watched.accounts(now)
    assert (account.key, account.due, account.next_at) == (("openai", "proj"), 1, now)


def test_jobs_that_rest_are_told_with_their_age(ledger: Ledger, bound: Any, now: datetime) -> None:
    bound(2)
    claims = claimed(ledger, now)
    ledger.watched.keep([look(claims[0], now), look(claims[1], now, next_at=now + 9 * MINUTE)], now)
    (resting,) = ledger.watched.resting(("openai", "proj"), now, now + 5 * MINUTE)
    assert (resting.intent_id, resting.next_at) == (claims[0].intent_id, now + MINUTE)


def test_the_servers_clock_is_measured_where_there_is_one(ledger: Ledger, now: datetime, database: str) -> None:
    ahead_s = ledger.ahead_s(lambda: now)
    assert (ahead_s is None) == (database == "sqlite")
