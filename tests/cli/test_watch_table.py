"""The live table as it looks at a given moment, on a console of a given width."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from orchestrator.cli.watch_table import Watched, span_text, watch_table
from orchestrator.jobs.stalling import stalled
from orchestrator.jobs.watch import Reading
from orchestrator.ledger import Claim
from providers.records import JobState, MetricPoint, RemoteJob

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CURVE = tuple(MetricPoint(step=n, epoch=n / 10, train_loss=1 / n, valid_loss=2 / n) for n in range(1, 21))


def reading(state: JobState = JobState.RUNNING, **changes: Any) -> Reading:
    job = RemoteJob(
        id="job-1",
        state=state,
        raw_status=state.value,
        model="m",
        estimated_finish=NOW + timedelta(minutes=12),
        hyperparameters={"n_epochs": 3},
    )
    since = NOW - timedelta(hours=3, minutes=5)
    claim = Claim(
        intent_id="i", provider="p", account="a", job_id="job-1", job_status="running", fence=1,
        lease_until=NOW, due_at=NOW, since=since, sandbox=False,
    )  # fmt: skip
    fields: dict[str, Any] = {"job": job, "new_events": (), "metrics": CURVE, "diagnoses": ()}
    return Reading(**{**fields, "claim": claim, "next_at": NOW, **changes})


def drawn(*rows: Watched, width: int = 110) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(watch_table(rows, NOW))
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.rstrip() for line in written.splitlines()]


def test_one_run_shows_state_step_epoch_age_time_left_and_its_curve() -> None:
    head, row, curve = drawn(Watched("k52a6yjp", reading()))
    assert head.split("  ")[0] == "run"
    assert row.split() == ["k52a6yjp", "running", "20", "2.0", "of", "3", "3", "h", "05", "min", "12", "min"]
    assert curve.startswith("train loss █")
    assert curve.endswith("0.100")


def test_several_runs_stand_in_a_row_each_with_their_last_words_below() -> None:
    rows = drawn(Watched("one", reading(), "Checkpoint saved"), Watched("two", reading(JobState.SUCCEEDED), "done"))
    assert [row.split()[0] for row in rows] == ["run", "one", "two", "one"]
    assert rows[1].count("█") == 2
    assert rows[3] == "one  Checkpoint saved"


def test_what_has_not_been_said_yet_is_a_dash() -> None:
    bare = reading(metrics=())
    bare = replace(bare, job=replace(bare.job, estimated_finish=None))
    assert drawn(Watched("k", bare))[1].split() == ["k", "running", "-", "-", "3", "h", "05", "min", "-"]


def test_a_job_that_seems_stuck_says_so() -> None:
    stuck = stalled(JobState.RUNNING, 1e6)
    assert "running, stuck?" in drawn(Watched("k", reading(stuck=stuck)))[1]


def test_a_platforms_words_do_not_steer_the_terminal() -> None:
    rows = (Watched("one", reading(), "\x1b[2J gone"), Watched("two", reading()))
    assert drawn(*rows)[3] == "one  \\x1b[2J gone"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h 00 min"), (172_799, "47 h 59 min"), (187_200, "2 d 4 h")],
)
def test_a_stretch_of_time_in_the_figures_that_matter(seconds: float, text: str) -> None:
    assert span_text(seconds) == text
