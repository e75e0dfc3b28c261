"""Stuck is told by silence: how much of it is usual depends on the state and on the hours quoted."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orchestrator.jobs.stalling import LEAST_BOUND_S, bound_s, stalled
from providers.records import TERMINAL_STATES, JobState

HOUR = 3600.0


@pytest.mark.parametrize(
    ("state", "hours", "bound"),
    [
        (JobState.QUEUED, None, 12 * HOUR),
        (JobState.RUNNING, None, 2 * HOUR),
        (JobState.RUNNING, Decimal(1), 0.5 * HOUR),
        (JobState.RUNNING, Decimal(8), 2 * HOUR),
        (JobState.RUNNING, Decimal(48), 6 * HOUR),
        (JobState.FINALIZING, Decimal(48), 2 * HOUR),
        (JobState.UNKNOWN, None, 2 * HOUR),
    ],
)
def test_silence_is_told_just_past_what_is_usual(state: JobState, hours: Decimal | None, bound: float) -> None:
    assert stalled(state, bound, hours) is None
    told = stalled(state, bound + 1, hours)
    assert told is not None
    assert (told.quiet_s, told.bound_s) == (bound + 1, bound)


@pytest.mark.parametrize("state", sorted({JobState.PAUSED, *TERMINAL_STATES}))
def test_a_paused_or_ended_job_may_be_silent_for_ever(state: JobState) -> None:
    assert stalled(state, 1000 * HOUR, Decimal(1)) is None


@pytest.mark.parametrize("state", sorted(JobState))
@pytest.mark.parametrize("hours", [None, Decimal("0.1"), Decimal(8), Decimal(1000)])
def test_no_job_is_stuck_below_the_least_bound(state: JobState, hours: Decimal | None) -> None:
    bound = bound_s(state, hours)
    assert bound is None or bound >= LEAST_BOUND_S


def test_the_words_give_the_figures_and_cancel_nothing() -> None:
    told = stalled(JobState.RUNNING, 3 * HOUR, Decimal(8))
    assert told is not None
    assert told.text == (
        "no new event, step or status for 3 h; 2 h is the most that is usual while running with up to 8 h quoted. It "
        "may be stuck: look at the platform's console or status page; nothing is cancelled for it"
    )
