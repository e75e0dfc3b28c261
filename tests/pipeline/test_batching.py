"""An evaluation by batches: one file a model, bought once, gone on with after any stop, billed at its own prices."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import loopback
import pytest

from orchestrator import Orchestrator
from orchestrator.errors import BudgetRefused, StillRunning, TunewrightError, UsageError
from orchestrator.jobs.desk import Notice
from orchestrator.pipeline.result import RunResult
from orchestrator.settings import RunSettings
from providers.errors import RateLimited

pytest.importorskip("starlette")
from providers.contract import Connection
from providers.sandbox import RunningSandbox, Sandbox, serve
from providers.sandbox.clock import Clock

BASE, OTHER = "openai:gpt-4.1-mini-2025-04-14", "openai:gpt-4.1-2025-04-14"
TOGETHER = "together:Qwen/Qwen3.5-9B"
WORDS = ("refund", "parcel", "invoice", "battery")
PROCESS = Path(__file__).with_name("batching.py")
CREATE: dict[str, Any] = {"method": "POST", "path": "/batches$"}


@dataclass
class HandClock:
    """Time passes by sleeping, here and on the platform."""

    sandbox: Sandbox
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.sandbox.advance(seconds)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(None, clock=Clock(running=False), pace_s=1) as world:
        yield world


@pytest.fixture
def served(sandbox: Sandbox) -> Iterator[RunningSandbox]:
    with serve(sandbox) as running:
        yield running


@pytest.fixture
def told() -> list[Notice]:
    return []


@pytest.fixture
def orchestrator(tmp_path: Path, served: RunningSandbox, sandbox: Sandbox, told: list[Notice]) -> Orchestrator:
    home, clock = tmp_path / "home", HandClock(sandbox)
    return Orchestrator(home, environ=served.environ, clock=clock, on_notice=told.append, patience_s=5)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rows = (f'{{"input": "question {n} about a {WORDS[n % 4]}", "output": "{WORDS[n % 4]}"}}\n' for n in range(40))
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(rows))
    return path


@pytest.fixture
def compare(orchestrator: Orchestrator, pairs: Path) -> Callable[..., RunResult]:
    """Two models, by batches."""

    def start(base: str = BASE, other: str = OTHER, **options: Any) -> RunResult:
        wanted = {"batch": True, "max_usd": Decimal(1), "max_tokens": 16, **options}
        return orchestrator.compare(pairs, base=base, tuned=other, **wanted)

    return start


@pytest.fixture
def count(served: RunningSandbox) -> Callable[[str], int]:
    """How often a path with that ending was posted to."""

    def posts(ending: str) -> int:
        rows = loopback.get(f"{served.url}/_sandbox/requests").json()["requests"]
        return sum(row["count"] for row in rows if row["method"] == "POST" and row["path"].endswith(ending))

    return posts


def answers(orchestrator: Orchestrator) -> list[dict[str, Any]]:
    """Every answer there is, whosever."""
    ledger = orchestrator._async.session.desk.ledger
    run = ledger.runs.newest()
    assert run is not None
    (evaluation,) = {row.evaluation_id for row in ledger.batches.all()}
    return [json.loads(text) for *_, text in ledger.answers.page(evaluation, None, 9_999)]


def money(orchestrator: Orchestrator) -> list[tuple[str, str, Decimal]]:
    ledger = orchestrator._async.session.desk.ledger
    return [(spent.kind, spent.state, spent.usd) for spent in ledger.budget.spendings()]


def test_every_question_is_asked_by_one_batch_a_model(
    compare: Callable[..., RunResult], orchestrator: Orchestrator, count: Callable[[str], int]
) -> None:
    result = compare()
    assert result.judged.comparison.n == 40
    assert (result.judged.missing_base, result.judged.missing_tuned) == (0, 0)
    assert (count("/batches"), count("/chat/completions")) == (2, 2)  # each model is asked once whether it is there
    assert {answer["latency_s"] for answer in answers(orchestrator)} == {None}


def test_the_bill_is_by_the_prices_of_batches(compare: Callable[..., RunResult], orchestrator: Orchestrator) -> None:
    compare()
    into = sum(answer["input_tokens"] for answer in answers(orchestrator)) // 2
    out = [sum(answer["output_tokens"] for answer in answers(orchestrator)) // 2]
    usd = (into * Decimal("0.2") + out[0] * Decimal("0.8") + into * Decimal(1) + out[0] * Decimal(4)) / 1_000_000
    assert money(orchestrator) == [("evaluation", "settled", usd)]


def test_a_timeout_says_how_to_go_on_and_the_next_start_buys_nothing(
    compare: Callable[..., RunResult], orchestrator: Orchestrator, count: Callable[[str], int], sandbox: Sandbox
) -> None:
    sandbox.faults.set("batch_stuck", seconds=7200)
    with pytest.raises(StillRunning) as stopped:
        compare(timeout_s=3600)
    ledger = orchestrator._async.session.desk.ledger
    run = ledger.runs.newest()
    assert run is not None
    assert stopped.value.fix == f"go on with: tunewright evaluate {run.id}"
    assert [state for _, state, _ in money(orchestrator)] == ["reserved"]
    with pytest.raises(UsageError, match="under way"):
        orchestrator.budget.settle(ledger.budget.spendings()[0].id, Decimal(1))
    result = orchestrator.evaluate(run.id)
    assert (result.judged.missing_base, result.judged.missing_tuned, count("/batches")) == (0, 0, 2)


def test_what_expired_is_missing_and_asked_by_the_next_start_alone(
    compare: Callable[..., RunResult], orchestrator: Orchestrator, count: Callable[[str], int], sandbox: Sandbox
) -> None:
    sandbox.faults.set("batch_expired", seconds=60)
    first = compare()
    assert (first.judged.missing_base, first.judged.verdict.answer) == (20, "inconclusive")
    second = orchestrator.evaluate()
    assert (second.judged.missing_base, second.judged.missing_tuned, count("/batches")) == (0, 0, 3)
    assert sandbox.batches.all("openai")[0].total == 20


def test_what_failed_can_be_asked_one_by_one(
    compare: Callable[..., RunResult], orchestrator: Orchestrator, count: Callable[[str], int], sandbox: Sandbox
) -> None:
    sandbox.faults.set("batch_rows_fail", value="10")
    assert compare().judged.missing_base == 4
    probed = count("/chat/completions")
    assert orchestrator.evaluate(batch=False).judged.missing_base == 0
    assert (count("/batches"), count("/chat/completions") - probed) == (2, 1 + 4)


def test_a_lost_reply_is_found_and_never_sent_again(
    compare: Callable[..., RunResult], count: Callable[[str], int], sandbox: Sandbox
) -> None:
    sandbox.faults.set("lost_reply", **CREATE)
    assert compare().judged.missing_base == 0
    assert (count("/batches"), len(sandbox.batches.all("openai"))) == (2, 2)


def test_a_lost_reply_that_lists_lag_behind_is_in_doubt_and_then_adopted(
    compare: Callable[..., RunResult], orchestrator: Orchestrator, count: Callable[[str], int], sandbox: Sandbox
) -> None:
    sandbox.faults.set("lost_reply", **CREATE)
    sandbox.faults.set("batch_lag", seconds=300)
    with pytest.raises(TunewrightError, match="no clear answer"):
        compare()
    assert [state for _, state, _ in money(orchestrator)] == ["reserved"]
    assert orchestrator.evaluate().judged.missing_base == 0
    assert (count("/batches"), len(sandbox.batches.all("openai"))) == (2, 2)


def test_after_a_refusal_what_was_bought_is_kept_and_only_the_rest_is_bought(
    compare: Callable[..., RunResult], orchestrator: Orchestrator, sandbox: Sandbox
) -> None:
    sandbox.faults.set("rate_limit", count=1, **CREATE)
    sandbox.faults.set("duplicate_delivery", count=0)
    with pytest.raises(RateLimited):
        compare()
    assert sandbox.batches.all("openai") == []
    assert money(orchestrator) == [("evaluation", "settled", Decimal(0))]
    assert orchestrator.evaluate().judged.missing_base == 0
    assert len(sandbox.batches.all("openai")) == 2


def test_an_input_that_the_platform_refuses_says_why_and_how_to_go_on(
    compare: Callable[..., RunResult], orchestrator: Orchestrator, sandbox: Sandbox
) -> None:
    sandbox.faults.set("batch_refused")
    with pytest.raises(TunewrightError, match="Enqueued token limit") as refused:
        compare()
    assert "--batch" in refused.value.fix
    assert orchestrator.evaluate(batch=False).judged.missing_base == 0


def test_the_budget_is_held_before_anything_is_sent(
    compare: Callable[..., RunResult], count: Callable[[str], int]
) -> None:
    with pytest.raises(BudgetRefused):
        compare(max_usd=Decimal("0.0001"))
    assert (count("/batches"), count("/files")) == (0, 0)


def test_asked_one_by_one_after_all_more_is_held(
    compare: Callable[..., RunResult], orchestrator: Orchestrator, sandbox: Sandbox
) -> None:
    sandbox.faults.set("batch_refused")
    with pytest.raises(TunewrightError):
        compare(other="openai:gpt-4o-mini-2024-07-18")
    orchestrator.evaluate(batch=False)
    ledger = orchestrator._async.session.desk.ledger
    (spent,), run = ledger.budget.spendings(), ledger.runs.newest()
    assert run is not None
    assert spent.quoted_usd is not None
    assert spent.quoted_usd > 2 * Decimal(run.record["asking_usd"])


def test_the_quote_says_the_price_of_batches(orchestrator: Orchestrator, pairs: Path) -> None:
    plain, batched = (orchestrator.estimate(pairs, to=[BASE], batch=how)[0] for how in (False, True))
    asked = [sum(line.high_usd or 0 for line in q.lines if line.item == "evaluation") for q in (plain, batched)]
    assert asked[1] * 2 == asked[0]
    (unknown,) = orchestrator.estimate(pairs, to=[TOGETHER], batch=True)
    assert "batch" in next(line.note for line in unknown.lines if line.item == "evaluation")


def test_a_batch_under_way_is_listed_and_can_be_cancelled(
    compare: Callable[..., RunResult], orchestrator: Orchestrator, sandbox: Sandbox
) -> None:
    sandbox.faults.set("batch_stuck", count=2, seconds=7200)
    with pytest.raises(StillRunning):
        compare(timeout_s=10)
    assert [row.stage for row in orchestrator.batches.ls()] == ["created", "created"]
    for row in orchestrator.batches.ls():
        orchestrator.batches.cancel(row.id)
    result = orchestrator.evaluate(batch=False)
    assert (result.judged.missing_base, len(sandbox.batches.all("openai"))) == (0, 2)
    assert {row.status for row in orchestrator.batches.ls()} == {"cancelled"}


def test_a_batch_without_a_known_price_keeps_its_money_held(
    compare: Callable[..., RunResult], orchestrator: Orchestrator, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "is_sandbox", property(lambda _connection: False))
    monkeypatch.setattr(Connection, "is_own_host", property(lambda _connection: True))
    result = compare(TOGETHER, OTHER)
    assert result.judged.missing_base == 0
    assert len(sandbox.batches.all("together")) == 1
    held = {item.provider: item.state for item in orchestrator.budget.show().spendings}
    assert held == {"together": "reserved", "openai": "settled"}


def test_the_fresh_start_of_another_folder_adopts_what_is_bought(
    compare: Callable[..., RunResult], pairs: Path, served: RunningSandbox, sandbox: Sandbox, tmp_path: Path
) -> None:
    compare()
    elsewhere = Orchestrator(tmp_path / "elsewhere", environ=served.environ, clock=HandClock(sandbox))
    wanted: dict[str, Any] = {"batch": True, "max_usd": Decimal(1), "max_tokens": 16}
    again = elsewhere.compare(pairs, base=BASE, tuned=OTHER, **wanted)
    assert again.judged.missing_base == 0
    assert len(sandbox.batches.all("openai")) == 2


def test_a_limit_on_latency_is_not_measured_and_the_reason_is_said(
    pairs: Path, served: RunningSandbox, sandbox: Sandbox, tmp_path: Path
) -> None:
    config = tmp_path / "tunewright.toml"
    config.write_text("[rule]\nmax_latency_ratio = 1.5\n[evaluation]\nbatch = true\nmax_tokens = 16\n")
    home, clock = tmp_path / "home", HandClock(sandbox)
    orchestrator = Orchestrator(home, config=config, environ=served.environ, clock=clock)
    result = orchestrator.compare(pairs, base=BASE, tuned=OTHER, max_usd=Decimal(1))
    (latency,) = result.judged.verdict.guardrails
    assert (latency.name, latency.passed) == ("latency", None)
    assert "batch" in latency.detail


@pytest.mark.parametrize(
    ("batch", "questions", "by_file"),
    [(True, 1, True), (False, 10**6, False), ("auto", 100, False), ("auto", 101, True)],
)
def test_whether_batches_are_wanted(batch: Any, questions: int, by_file: bool) -> None:
    settings = RunSettings(pairs=Path("x"), batch=batch, batch_above=100)
    assert settings.by_batches(questions) is by_file


COLLECTING = ("batch_during_collect", "batch_before_collected")


@pytest.mark.exhaustive
def test_killed_while_answers_are_kept_nothing_is_bought_again(
    tmp_path: Path, served: RunningSandbox, sandbox: Sandbox, orchestrator: Orchestrator
) -> None:
    rows = (f'{{"input": "question {n} about a {WORDS[n % 4]}", "output": "{WORDS[n % 4]}"}}\n' for n in range(110))
    (tmp_path / "many.jsonl").write_text("".join(rows))
    command = [sys.executable, str(PROCESS), str(tmp_path / "home"), str(tmp_path / "many.jsonl"), BASE, OTHER]
    for place in COLLECTING:
        environ = {**served.environ, "TUNEWRIGHT_FAILPOINTS": place, "PATH": "", "HOME": str(tmp_path)}
        died = subprocess.run([*command, served.url], env=environ, cwd=tmp_path, capture_output=True, check=False)
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    result = orchestrator.evaluate()
    assert (result.judged.missing_base, result.judged.missing_tuned) == (0, 0)
    assert [batch.total for batch in sandbox.batches.all("openai")] == [110, 110]
