"""Intents: one winner, fenced attempts, a whole history, a final end; money moves with the state or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from orchestrator.errors import BudgetRefused, UsageError
from orchestrator.ledger import UNSENT, UNSETTLED, Intent, IntentState, Ledger
from providers.records import JobState

Make = Callable[..., Intent]


def kinds(ledger: Ledger, intent: Intent) -> list[str]:
    return [entry.kind for entry in ledger.intents.history(intent.id)]


def money(ledger: Ledger) -> list[str]:
    return [item.state for item in ledger.budget.spendings()]


def test_planning_the_same_twice_is_one_row_and_one_entry(ledger: Ledger, make_intent: Make) -> None:
    first, second = make_intent(), make_intent()
    assert (first, kinds(ledger, first)) == (second, ["planned"])


def test_an_intent_comes_back_as_it_was_written(ledger: Ledger, make_intent: Make) -> None:
    intent = make_intent()
    assert (ledger.intents.get(intent.id), intent.plan.hyperparameters.extra) == (intent, {"n": [1, 2]})


def test_an_intent_is_found_by_id_tag_and_job(ledger: Ledger, make_intent: Make, job: Any, now: datetime) -> None:
    intent = make_intent(state=IntentState.CREATING)
    ledger.intents.record_job(intent.id, job(), now, "created")
    assert {ledger.intents.find(key).id for key in (intent.id, intent.tag, "job-1")} == {intent.id}  # type: ignore[union-attr]


def test_a_move_from_another_state_does_nothing(ledger: Ledger, make_intent: Make, now: datetime) -> None:
    intent = make_intent()
    assert not ledger.intents.move(intent.id, (IntentState.UPLOADED,), IntentState.CREATING, now)
    assert kinds(ledger, intent) == ["planned"]


def test_a_claim_has_one_winner(ledger: Ledger, make_intent: Make, now: datetime) -> None:
    intent = make_intent(state=IntentState.UPLOADED)
    assert [ledger.intents.begin_create(intent.id, now) for _ in range(3)] == [1, None, None]


@pytest.mark.slow
def test_a_claim_has_one_winner_under_two_processes(ledger: Ledger, make_intent: Make, workers: Any) -> None:
    names = [make_intent(str(number), IntentState.UPLOADED).id for number in range(25)]
    assert sum(int(words) for words in workers("claim", *names)) == 25


def test_a_claim_without_money_held_is_refused(ledger: Ledger, make_intent: Make, now: datetime) -> None:
    intent = make_intent(state=IntentState.UPLOADED)
    ledger.intents.release_unsent(intent.id, now)
    assert ledger.intents.begin_create(intent.id, now) is None


def test_approval_and_reservation_are_one(ledger: Ledger, make_intent: Make, wish: Any, now: datetime) -> None:
    ledger.budget.set_cap("month", Decimal(4), now)
    intent = make_intent()
    with pytest.raises(BudgetRefused):
        ledger.intents.approve(intent.id, wish(intent.id), now)
    assert (ledger.intents.get(intent.id).state, money(ledger)) == (IntentState.PLANNED, [])


@pytest.mark.parametrize("state", [state for state in IntentState if state not in UNSENT])
def test_once_a_request_was_sent_nothing_is_approved_or_released(
    ledger: Ledger, make_intent: Make, wish: Any, now: datetime, state: IntentState
) -> None:
    intent = make_intent(state=state)
    assert not ledger.intents.approve(intent.id, wish(intent.id, "99"), now)
    assert not ledger.intents.release_unsent(intent.id, now)
    assert [(item.state, item.usd) for item in ledger.budget.spendings()] == [("reserved", Decimal(5))]


def test_proved_absence_frees_the_money_in_the_same_step(ledger: Ledger, make_intent: Make, now: datetime) -> None:
    intent = make_intent(state=IntentState.IN_DOUBT)
    assert ledger.intents.proved_absent(intent.id, UNSETTLED, now, kind="refused", why="no")
    assert (ledger.intents.get(intent.id).last_error, money(ledger)) == ("no", ["released"])


def test_absence_of_an_older_attempt_says_nothing_of_a_later_one(
    ledger: Ledger, make_intent: Make, now: datetime
) -> None:
    intent = make_intent(state=IntentState.UPLOADED)
    attempt = ledger.intents.begin_create(intent.id, now)
    assert attempt is not None
    assert not ledger.intents.proved_absent(intent.id, UNSETTLED, now, kind="refused", attempt=attempt - 1)
    assert money(ledger) == ["reserved"]


def test_a_job_is_bound_once(ledger: Ledger, make_intent: Make, job: Any, now: datetime) -> None:
    intent = make_intent(state=IntentState.CREATING)
    bound = [ledger.intents.record_job(intent.id, job(id), now, "created") for id in ("one", "one", "two")]
    assert (bound, ledger.intents.get(intent.id).job_id) == ([True, True, False], "one")


def test_a_job_of_another_intent_is_refused_by_name(ledger: Ledger, make_intent: Make, job: Any, now: datetime) -> None:
    first, second = make_intent("a", IntentState.CREATING), make_intent("b", IntentState.IN_DOUBT)
    ledger.intents.record_job(first.id, job(), now, "created")
    with pytest.raises(UsageError, match=first.id):
        ledger.intents.record_job(second.id, job(), now, "resolved")


def test_readings_are_history_only_when_something_changed(
    ledger: Ledger, make_intent: Make, job: Any, now: datetime
) -> None:
    intent = make_intent(state=IntentState.CREATING)
    ledger.intents.record_job(intent.id, job(state=JobState.QUEUED), now, "created")
    for state in (JobState.QUEUED, JobState.RUNNING, JobState.RUNNING, JobState.SUCCEEDED, JobState.SUCCEEDED):
        ledger.intents.observe(intent.id, job(state=state), now)
    assert kinds(ledger, intent)[-3:] == ["created", "job", "job"]
    assert ledger.intents.get(intent.id).state is IntentState.ENDED


def test_an_end_is_final(ledger: Ledger, make_intent: Make, job: Any, now: datetime) -> None:
    intent = make_intent(state=IntentState.CREATING)
    ledger.intents.record_job(intent.id, job(), now, "created")
    for state in (JobState.SUCCEEDED, JobState.GONE, JobState.RUNNING):
        ledger.intents.observe(intent.id, job(state=state), now)
    known = ledger.intents.get(intent.id)
    assert (known.state, known.job and known.job.state) == (IntentState.ENDED, JobState.SUCCEEDED)


def test_what_an_ended_job_cost_may_still_be_learnt(ledger: Ledger, make_intent: Make, job: Any, now: datetime) -> None:
    intent = make_intent(state=IntentState.CREATING)
    ledger.intents.record_job(intent.id, job(), now, "created")
    ledger.intents.observe(intent.id, job(state=JobState.SUCCEEDED), now)
    ledger.intents.observe(intent.id, job(state=JobState.SUCCEEDED, billed_tokens=9), now)
    known = ledger.intents.get(intent.id).job
    assert known is not None
    assert known.billed_tokens == 9


def test_a_reading_of_another_job_is_not_this_intents(
    ledger: Ledger, make_intent: Make, job: Any, now: datetime
) -> None:
    intent = make_intent(state=IntentState.CREATING)
    ledger.intents.record_job(intent.id, job(), now, "created")
    ledger.intents.observe(intent.id, job("stranger", JobState.FAILED), now)
    assert ledger.intents.get(intent.id).state is IntentState.CREATED


def test_the_history_holds_every_change_in_order(ledger: Ledger, make_intent: Make, job: Any, now: datetime) -> None:
    intent = make_intent(state=IntentState.UPLOADED)
    ledger.intents.begin_create(intent.id, now)
    ledger.intents.move(intent.id, UNSETTLED, IntentState.IN_DOUBT, now + timedelta(seconds=1), data={"error": "cut"})
    ledger.intents.looked(intent.id, now + timedelta(seconds=2), 1)
    ledger.intents.record_job(intent.id, job(), now + timedelta(seconds=3), "adopted")
    assert kinds(ledger, intent) == ["planned", "approved", "uploaded", "creating", "in_doubt", "looked", "adopted"]
    assert ledger.intents.history(intent.id)[4].data == {"error": "cut"}


def test_an_empty_look_counts_for_the_attempt_that_it_looked_for_only(
    ledger: Ledger, make_intent: Make, now: datetime
) -> None:
    intent = make_intent(state=IntentState.UPLOADED)
    assert ledger.intents.begin_create(intent.id, now) == 1
    assert ledger.intents.looked(intent.id, now, attempt=1)
    assert not ledger.intents.looked(intent.id, now, attempt=2)
    ledger.intents.proved_absent(intent.id, (IntentState.CREATING,), now, kind="proved_absent")
    assert not ledger.intents.looked(intent.id, now, attempt=1)
    assert [entry.kind for entry in ledger.intents.history(intent.id)].count("looked") == 1


def test_a_job_that_turns_up_after_its_money_was_freed_holds_it_again_whatever_the_caps_say(
    ledger: Ledger, make_intent: Make, job: Any, now: datetime
) -> None:
    intent = make_intent(state=IntentState.UPLOADED)
    ledger.intents.release_unsent(intent.id, now)
    ledger.budget.set_cap("month", Decimal(1), now)
    ledger.intents.record_job(intent.id, job(), now, "adopted")
    assert [(item.state, item.usd) for item in ledger.budget.spendings()] == [("reserved", Decimal(5))]
