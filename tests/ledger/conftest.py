"""Ledgers in a file of their own, and records to put into them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator.canonical import intent_id, tag_of
from orchestrator.ledger import Intent, IntentState, Ledger, Reservation, training_spending
from providers.records import Hyperparameters, JobState, Method, Plan, RemoteJob

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WORKER = Path(__file__).with_name("worker.py")


@pytest.fixture
def now() -> datetime:
    return NOW


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of a ledger runs on both databases, but for those that are about SQLite's own file."""
    if "database" in metafunc.fixturenames and not metafunc.definition.get_closest_marker("sqlite_only"):
        metafunc.parametrize("database", ("sqlite", "postgresql"), indirect=True)


@pytest.fixture
def open_ledger(tmp_path: Path, environ_of: Callable[[Path], dict[str, str]]) -> Iterator[Callable[..., Ledger]]:
    """Opens the ledger of `tmp_path/name`; closed at the end."""
    opened: list[Ledger] = []

    def open_one(name: str = "home") -> Ledger:
        opened.append(Ledger.open(tmp_path / name, environ_of(tmp_path / name)))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[..., Ledger]) -> Ledger:
    return open_ledger()


@pytest.fixture
def make_intent(ledger: Ledger) -> Callable[..., Intent]:
    """Writes an intent, and takes it to a state with money held."""

    def make(salt: str = "a", state: IntentState = IntentState.PLANNED) -> Intent:
        plan = Plan(
            provider="openai",
            account="proj",
            model="m",
            method=Method.SFT,
            hyperparameters=Hyperparameters(epochs=3, learning_rate=0.1, extra={"n": [1, 2]}),
            train_sha256=salt * 4,
            validation_sha256=None,
        )
        name = intent_id(plan)
        ledger.intents.plan(
            Intent(
                id=name,
                tag=tag_of(name),
                plan=plan,
                account="proj",
                state=IntentState.PLANNED,
                sandbox=False,
                created_at=NOW,
                updated_at=NOW,
            )
        )
        if state is not IntentState.PLANNED:
            ledger.intents.approve(name, reservation(name), NOW)
            ledger.intents.move(name, list(IntentState), state, NOW)
        return ledger.intents.get(name)

    return make


def reservation(intent: str, usd: str = "5", **changes: Any) -> Reservation:
    fields: dict[str, Any] = {"kind": "training", "provider": "openai", "account": "proj", "sandbox": False}
    return Reservation(**{"id": training_spending(intent), "usd": Decimal(usd), "run_id": "run", **fields, **changes})


@pytest.fixture
def wish() -> Callable[..., Reservation]:
    return reservation


@pytest.fixture
def hold(ledger: Ledger) -> Callable[..., None]:
    """Reserves dollars under an id."""

    def reserve(name: str, usd: str, at: datetime = NOW, **changes: Any) -> None:
        given: dict[str, Any] = {"kind": "training", "provider": "openai", "account": "proj", "sandbox": False}
        ledger.budget.reserve(name, Decimal(usd), at, **{**given, **changes})

    return reserve


@pytest.fixture
def job() -> Callable[..., RemoteJob]:
    def make(id: str = "job-1", state: JobState = JobState.RUNNING, **changes: Any) -> RemoteJob:
        return RemoteJob(id=id, state=state, **{"raw_status": state.value, "model": "m", **changes})

    return make


@pytest.fixture
def workers(tmp_path: Path, environ_of: Callable[[Path], dict[str, str]]) -> Callable[..., list[str]]:
    """Runs the same piece of work in two real processes at once; answers what each printed."""

    def run(work: str, *arguments: str, count: int = 2) -> list[str]:
        command = [sys.executable, str(WORKER), work, str(tmp_path / "home"), str(count), *arguments]
        environ = {**os.environ, **environ_of(tmp_path / "home")}
        running = [
            subprocess.Popen([*command, str(i)], text=True, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for i in range(count)
        ]
        said = [process.communicate(timeout=60) for process in running]
        assert not any(process.returncode for process in running), [error for _, error in said]
        return [words for words, _ in said]

    return run
