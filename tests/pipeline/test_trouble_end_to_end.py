"""A job that really overfits, watched on the sandbox's clock under each policy, by either adapter."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import providers
from orchestrator.errors import ExitCode, JobFailed
from orchestrator.jobs.desk import Desk, Notice
from orchestrator.jobs.health import Policy
from orchestrator.jobs.submit import Order, submit
from orchestrator.ledger import Ledger
from orchestrator.pipeline.session import Session
from orchestrator.pipeline.training import watch_job
from providers.records import Example, Hyperparameters, JobState, Message, Method, Plan, ProviderFile
from providers.sandbox import Clock, Sandbox, serve

pytestmark = pytest.mark.anyio

MODELS = {"openai": "gpt-4.1-mini-2025-04-14", "together": "Qwen/Qwen3-8B"}
TOPICS = {f"topic{i}": tuple(f"w{i}x{j}" for j in range(12)) for i in range(8)}


@pytest.fixture(params=sorted(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox(clock: Any) -> Iterator[tuple[Sandbox, Any]]:
    """A platform whose time moves with the watcher's: an epoch takes two and a half minutes."""
    stopped = Clock(clock.now().timestamp(), running=False)
    with Sandbox(None, clock=stopped, pace_s=150.0) as made, serve(made) as running:
        clock.then = lambda: made.advance(clock.slept[-1])
        yield made, running


@pytest.fixture
async def provider(sandbox: Any, name: str, tmp_path: Path) -> AsyncIterator[Any]:
    platform = providers.platform(name)
    async with platform.open(platform.connection(sandbox[1].environ, None, tmp_path)) as opened:
        yield opened


@pytest.fixture
async def watched(provider: Any, name: str, clock: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """Watches the one job under a policy; answers it, with what was told."""
    ledger, told = Ledger.open(tmp_path / "home", {}), list[Notice]()
    desk = Desk(ledger=ledger, clock=clock, tell=told.append, patience_s=60.0)
    await submit(desk, provider, order(name, tmp_path))

    async def watch(policy: Policy) -> Any:
        (intent,) = ledger.intents.all()
        session = Session(home=tmp_path, environ={}, desk=desk)
        return await watch_job(session, provider, intent, (), lambda _reading: None, policy)

    yield watch, ledger, told
    ledger.close()


def order(name: str, folder: Path) -> Order:
    """Three hundred rows, two labels in five drawn at random, over eighteen epochs."""
    files = [_file(name, folder, role, rows) for role, rows in (("train", 300), ("validation", 80))]
    plan = Plan(
        provider=name,
        account="here",
        model=MODELS[name],
        method=Method.SFT,
        hyperparameters=Hyperparameters(
            epochs=18, batch_size=8, seed=7, extra={"n_evals": 18} if name == "together" else {}
        ),
        train_sha256=files[0].sha256,
        validation_sha256=files[1].sha256,
    )
    return Order(plan=plan, files=files, reserve_usd=Decimal(7), run_id="run", sandbox=False)


def _file(name: str, folder: Path, role: Any, rows: int) -> ProviderFile:
    dialect, dice = providers.platform(name).dialect(Method.SFT), random.Random(role)
    data = "".join(json.dumps(dialect.encode(_example(dice))) + "\n" for _ in range(rows)).encode()
    path = folder / f"{role}.jsonl"
    path.write_bytes(data)
    return ProviderFile(path, sha256(data).hexdigest(), len(data), rows, role, dialect.name)


def _example(dice: random.Random) -> Example:
    every = [word for words in TOPICS.values() for word in words]
    label = dice.choice(sorted(TOPICS))
    words = [dice.choice(TOPICS[label]) if dice.random() < 0.6 else dice.choice(every) for _ in range(5)]
    shown = dice.choice(sorted(TOPICS)) if dice.random() < 0.4 else label
    return Example((Message("user", " ".join(words)), Message("assistant", shown)))


def kinds(ledger: Ledger) -> list[str]:
    (intent,) = ledger.intents.all()
    wanted = ("diagnosed", "trouble", "acted")
    return [entry.kind for entry in ledger.intents.history(intent.id) if entry.kind in wanted]


async def test_a_cancelled_job_ends_early_and_says_why_and_that_it_is_billed(watched: Any, sandbox: Any) -> None:
    watch, ledger, _ = watched
    with pytest.raises(JobFailed) as ended:
        await watch(Policy(overfitting="cancel"))
    assert ended.value.exit_code == ExitCode.JOB_FAILED
    assert "it showed overfitting: validation loss rose by" in str(ended.value)
    assert "what was trained is billed" in str(ended.value)
    (intent,) = ledger.intents.all()
    trained = sandbox[0].book.view(intent.job_id)
    assert 3 < len(trained.epochs) < 18
    assert kinds(ledger)[:3] == ["diagnosed", "trouble", "acted"]


async def test_a_warned_job_runs_to_its_end(watched: Any) -> None:
    watch, ledger, told = watched
    job = await watch(Policy())
    assert (job.state, kinds(ledger)[:1]) == (JobState.SUCCEEDED, ["diagnosed"])
    assert [notice for notice in told if notice.kind == "trouble"] == []


async def test_a_kept_job_runs_to_its_end_and_the_reason_is_in_the_ledger(watched: Any) -> None:
    watch, ledger, _ = watched
    job = await watch(Policy(overfitting="keep"))
    (intent,) = ledger.intents.all()
    assert (job.state, intent.health["keep"].startswith("overfitting")) == (JobState.SUCCEEDED, True)


async def test_the_reason_stands_also_when_the_end_is_seen_by_another_process(watched: Any) -> None:
    watch, _, _ = watched
    with pytest.raises(JobFailed):
        await watch(Policy(overfitting="cancel"))
    with pytest.raises(JobFailed, match="it showed overfitting"):
        await watch(Policy())
