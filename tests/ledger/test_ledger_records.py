"""Everything else that is kept: runs, uploads, evaluations, answers, readings, leases; and that no key ever is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ledger import Intent, IntentState, Ledger, Run
from orchestrator.ledger.codec import dump, load
from providers.contract import Connection, Secret
from providers.records import Hyperparameters, JobEvent, Method, MetricPoint, Plan, RemoteJob

NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(st.builds(MetricPoint, step=st.integers(0), epoch=NUMBERS, train_loss=NUMBERS, valid_loss=NUMBERS))
def test_a_metric_point_comes_back_as_it_was(point: MetricPoint) -> None:
    assert load(MetricPoint, dump(point)) == point


@given(
    st.builds(
        Plan,
        provider=st.text(),
        account=st.text(),
        model=st.text(),
        method=st.sampled_from(Method),
        hyperparameters=st.builds(
            Hyperparameters, epochs=st.integers() | st.none(), extra=st.dictionaries(st.text(), JSON)
        ),
        train_sha256=st.text(),
        validation_sha256=st.none(),
    )
)
def test_a_plan_comes_back_as_it_was(plan: Plan) -> None:
    assert load(Plan, dump(plan)) == plan


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6), st.dictionaries(st.text(), JSON))
def test_a_job_comes_back_as_it_was(usd: Decimal, raw: dict[str, Any]) -> None:
    job = RemoteJob(id="j", state="running", raw_status="x", model="m", billed_usd=usd, raw=raw)  # type: ignore[arg-type]
    assert load(RemoteJob, dump(job)).billed_usd == usd
    assert load(RemoteJob, dump(job)).raw == raw


@pytest.mark.parametrize("loss", [nan, inf, -inf])
def test_a_loss_that_is_no_number_survives(ledger: Ledger, loss: float) -> None:
    ledger.intents.put_metrics("i", [MetricPoint(step=1, train_loss=loss)])
    (point,) = ledger.intents.metrics("i")
    assert point.train_loss == loss or (isnan(loss) and isnan(point.train_loss or 0))


def test_a_later_reading_of_a_step_replaces_the_earlier(ledger: Ledger) -> None:
    ledger.intents.put_metrics("i", [MetricPoint(step=2, train_loss=2.0), MetricPoint(step=1, train_loss=3.0)])
    ledger.intents.put_metrics("i", [MetricPoint(step=2, train_loss=1.5, valid_loss=1.0)])
    assert [(p.step, p.train_loss) for p in ledger.intents.metrics("i")] == [(1, 3.0), (2, 1.5)]


def test_a_long_curve_is_kept_whole(ledger: Ledger) -> None:
    points = [MetricPoint(step=step, train_loss=1.0) for step in range(40_000)]
    ledger.intents.put_metrics("i", points)
    ledger.intents.put_metrics("i", points[-1:])
    assert len(ledger.intents.metrics("i")) == 40_000


def test_an_event_is_new_once(ledger: Ledger, now: datetime) -> None:
    first, second = (JobEvent(id=name, at=now, level="info", message=name) for name in "ab")
    assert ledger.intents.add_events("i", [first]) == (first,)
    assert ledger.intents.add_events("i", [first, second, second]) == (second,)
    assert ledger.intents.events("i") == (first, second)


def test_a_run_keeps_columns_and_record_apart(ledger: Ledger, now: datetime) -> None:
    ledger.runs.start(Run(id="r", created_at=now, stage="quoted", record={"a": 1}))
    run = ledger.runs.update("r", now, stage="training", intent_id="i", b=[2])
    assert (run.stage, run.intent_id, run.record) == ("training", "i", {"a": 1, "b": [2]})


def test_the_newest_run_is_the_one_started_last(ledger: Ledger, now: datetime) -> None:
    for number in range(3):
        ledger.runs.start(Run(id=str(number), created_at=now + timedelta(seconds=number), stage="quoted"))
    newest = ledger.runs.newest()
    assert newest is not None
    assert newest.id == "2"


def test_an_upload_is_known_by_account_and_content(ledger: Ledger, now: datetime) -> None:
    ledger.uploads.put("openai", "real", "aa", "file-1", 9, now)
    ledger.uploads.put("openai", "real", "aa", "file-2", 9, now)
    assert (ledger.uploads.get("openai", "real", "aa"), ledger.uploads.get("openai", "sandbox", "aa")) == (
        "file-2",
        None,
    )


def test_a_rule_recorded_before_the_first_question_cannot_be_changed_afterwards(ledger: Ledger, now: datetime) -> None:
    ledger.answers.begin("e", {}, {"deploy_at": 0.2}, now)
    assert ledger.answers.begin("e", {}, {"deploy_at": 0.0}, now) == {"deploy_at": 0.2}


def test_a_later_try_replaces_a_failed_answer(ledger: Ledger) -> None:
    ledger.answers.put("e", [("base", "row", 0, "failed"), ("tuned", "row", 0, "fine")])
    ledger.answers.put("e", [("base", "row", 0, "better")])
    assert ledger.answers.page("e", None, 9) == [("base", "row", 0, "better"), ("tuned", "row", 0, "fine")]


@pytest.mark.sqlite_only
def test_a_key_never_reaches_the_file(
    ledger: Ledger, tmp_path: Path, make_intent: Callable[..., Intent], now: datetime
) -> None:
    key = "sk-canary-0123456789abcdef"
    connection = Connection(api_key=Secret(key))
    make_intent(state=IntentState.UPLOADED)
    ledger.runs.start(Run(id="r", created_at=now, stage="quoted", record={"connection": str(connection)}))
    ledger.close()
    assert all(key.encode() not in file.read_bytes() for file in (tmp_path / "home").iterdir())
