"""What was trained on before is found again by hashes alone, once its job may have been sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from hypothesis import given
from hypothesis import strategies as st

import orchestrator.ledger
from orchestrator.ledger import Intent, IntentState, Ledger
from orchestrator.ledger.engine import LATEST
from orchestrator.ledger.training_sets import among

NUMBERS = st.lists(st.integers(0, 2**64 - 1), max_size=30)
MIGRATIONS = Path(orchestrator.ledger.__file__).parent / "migrations"


def numbers(*values: int) -> Any:
    return np.array(values, np.uint64)


@pytest.fixture
def trained(ledger: Ledger, make_intent: Callable[..., Intent], now: datetime) -> Callable[..., str]:
    """Remembers a training set under an intent in a state; answers the intent's id."""

    def remember(
        salt: str, *inputs: int, state: IntentState = IntentState.CREATED, dataset: str = "", day: int = 0
    ) -> str:
        intent = make_intent(salt, state).id
        at = now + timedelta(days=day)
        ledger.training_sets.remember(intent, f"run-{salt}", dataset or f"data-{salt}", numbers(*inputs), at)
        return intent

    return remember


@given(NUMBERS, NUMBERS)
def test_exactly_the_known_inputs_are_found(asked: list[int], known: list[int]) -> None:
    found = among(numbers(*asked), np.sort(numbers(*known)))
    assert found.tolist() == [number in set(known) for number in asked]


def test_earlier_training_is_named_by_run_and_day_with_the_inputs_it_had(
    ledger: Ledger, trained: Callable[..., str], now: datetime
) -> None:
    trained("a", 2**64 - 1, 3, 5)
    (found,) = ledger.training_sets.earlier(numbers(4, 5, 2**64 - 1, 5), "other")
    assert (found.run_id, found.dataset_sha256, found.at, found.rows) == ("run-a", "data-a", now, 3)
    assert found.matches.tolist() == [1, 2, 3]


def test_a_set_without_a_common_input_is_not_named(ledger: Ledger, trained: Callable[..., str]) -> None:
    trained("a", 1, 2)
    assert ledger.training_sets.earlier(numbers(3), "other") == []
    assert ledger.training_sets.earlier(numbers(), "other") == []


def test_the_data_set_itself_is_left_out(ledger: Ledger, trained: Callable[..., str]) -> None:
    trained("a", 1)
    assert ledger.training_sets.earlier(numbers(1), "data-a") == []
    assert not ledger.training_sets.known("data-a")
    assert ledger.training_sets.known("data-b")


@pytest.mark.parametrize("state", list(IntentState))
def test_only_what_may_have_been_sent_counts(ledger: Ledger, trained: Callable[..., str], state: IntentState) -> None:
    trained("a", 1, state=state)
    unsent = state in (IntentState.PLANNED, IntentState.APPROVED, IntentState.UPLOADED)
    assert ledger.training_sets.known("other") is not unsent
    assert len(ledger.training_sets.earlier(numbers(1), "other")) == (not unsent)


def test_sets_come_oldest_first_and_each_data_set_once(ledger: Ledger, trained: Callable[..., str]) -> None:
    trained("a", 1, dataset="young", day=3)
    trained("b", 1, dataset="old", day=1)
    trained("c", 1, dataset="young", day=2)
    found = ledger.training_sets.earlier(numbers(1), "other")
    assert [(one.dataset_sha256, one.run_id) for one in found] == [("old", "run-b"), ("young", "run-c")]


def test_remembering_again_changes_nothing(ledger: Ledger, trained: Callable[..., str], now: datetime) -> None:
    intent = trained("a", 1)
    ledger.training_sets.remember(intent, "run-z", "data-z", numbers(2), now)
    (found,) = ledger.training_sets.earlier(numbers(1, 2), "other")
    assert (found.run_id, found.matches.tolist()) == ("run-a", [0])


@pytest.mark.sqlite_only
def test_hashes_are_stored_sorted_and_little_endian(
    ledger: Ledger, trained: Callable[..., str], tmp_path: Path
) -> None:
    trained("a", 258, 1)
    with sqlite3.connect(tmp_path / "home" / "ledger.sqlite3") as file:
        ((stored,),) = file.execute("SELECT inputs FROM training_set").fetchall()
    assert stored == b"\1\0\0\0\0\0\0\0\2\1\0\0\0\0\0\0"


def test_a_ledger_of_the_first_schema_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    engine = sa.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(sa.text("INSERT INTO cap VALUES ('month', '9', '2026-11-22T12:00:00+00:00')"))
    engine.dispose()
    ledger = Ledger.open(tmp_path, {})
    assert ledger.training_sets.earlier(numbers(1), "other") == []
    assert ledger.budget.caps() == {"month": 9}
    ledger.close()
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT version_num FROM alembic_version").fetchall() == [(LATEST,)]


def test_postgresql_takes_the_table_too() -> None:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    from orchestrator.ledger.schema import training_set

    made = str(CreateTable(training_set).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "inputs BYTEA NOT NULL" in made
