"""A job that somebody made with the stock SDK becomes a run: watched, evaluated, decided and reported like others."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
import together

from orchestrator import AsyncOrchestrator
from orchestrator.config import Config
from orchestrator.dataset.normal import question_key
from orchestrator.errors import BudgetRefused, DataRefused, UsageError
from orchestrator.ledger import IntentState
from orchestrator.pipeline.adopting import _agreed
from orchestrator.pipeline.pairs import load_pairs
from orchestrator.pipeline.prepare import restore
from orchestrator.pipeline.session import Account, platform_named
from providers.contract import Connection
from providers.records import Method

pytestmark = pytest.mark.anyio

BASE = "gpt-4.1-mini-2025-04-14"
LABELS = ("lost_card", "refund", "delivery")
SYSTEM = "Answer with one label: lost_card, refund, delivery"


def write(path: Path, numbers: range, salt: str) -> Path:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["input", "output"])
        for number in numbers:
            label = LABELS[number % 3]
            rows.writerow([f"a question about {label} number {number} {salt}", label])
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write(tmp_path / "pairs.csv", range(60), tmp_path.name)


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    """Thirty pairs, ten of them among those that were trained on."""
    return write(tmp_path / "held_out.csv", range(50, 80), tmp_path.name)


@pytest.fixture
def orchestrator(environ: dict[str, str], tmp_path: Path, clock: Any) -> Callable[..., AsyncOrchestrator]:
    def make(home: str = "home") -> AsyncOrchestrator:
        return AsyncOrchestrator(tmp_path / home, config=Config(), environ=environ, clock=clock)

    return make


@pytest.fixture
def elsewhere(environ: dict[str, str], served: Any) -> Callable[..., str]:
    """Trains on a file of chat lines with the stock SDK and nothing of ours; the job's id, once it has ended."""

    def train(lines: bytes, name: str = "mine.jsonl", **settings: Any) -> str:
        made = {"base_url": environ["OPENAI_BASE_URL"], "api_key": environ["OPENAI_API_KEY"], "max_retries": 0}
        with openai.OpenAI(**made) as client:
            file = client.files.create(file=(name, lines), purpose="fine-tune")
            id = client.fine_tuning.jobs.create(model=BASE, training_file=file.id, **settings).id
        served[1].trainer.settle()
        return id

    return train


def chat_lines(pairs: Path) -> bytes:
    with pairs.open(newline="") as file:
        rows = list(csv.DictReader(file))
    turns = [(("system", SYSTEM), ("user", row["input"]), ("assistant", row["output"])) for row in rows]
    messages = [[{"role": role, "content": text} for role, text in turn] for turn in turns]
    return "".join(json.dumps({"messages": turn}) + "\n" for turn in messages).encode()


async def test_what_the_platform_tells_of_a_job_is_kept(orchestrator: Any, elsewhere: Any, pairs: Path) -> None:
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4, "batch_size": 6}}}
    job_id = elsewhere(chat_lines(pairs), seed=11, method=method)
    made = orchestrator()
    run = await made.jobs.adopt("openai", job_id)
    intent = await made.jobs.get(run.intent_id)
    told = intent.plan.hyperparameters
    assert (told.epochs, told.batch_size, told.seed, intent.plan.method) == (4, 6, 11, Method.SFT)
    assert run.record["remote_files"]["train"].startswith("file-")
    assert await made.jobs.metrics(job_id)


async def test_the_other_wire_tells_its_method_rate_and_kind_of_weights(
    orchestrator: Any, environ: dict[str, str], tmp_path: Path, pairs: Path, served: Any
) -> None:
    (path := tmp_path / "mine.jsonl").write_bytes(chat_lines(pairs))
    with together.Together(
        base_url=environ["TOGETHER_BASE_URL"], api_key=environ["TOGETHER_API_KEY"], max_retries=0
    ) as client:
        file = client.files.upload(path).id
        made = {"n_epochs": 2, "learning_rate": 3e-4, "lora": True, "random_seed": 5}
        id = client.fine_tuning.create(model="Qwen/Qwen3-8B", training_file=file, **made).id
    served[1].trainer.settle()
    library = orchestrator()
    run = await library.jobs.adopt("together", id)
    told = (await library.jobs.get(run.intent_id)).plan.hyperparameters
    assert (told.epochs, told.learning_rate, told.lora, told.seed) == (2, 3e-4, True, 5)


async def test_an_adopted_run_is_evaluated_decided_and_reported(
    orchestrator: Any, elsewhere: Any, pairs: Path, held_out: Path
) -> None:
    made = orchestrator()
    run = await made.jobs.adopt("openai", elsewhere(chat_lines(pairs)), pairs=pairs, test=held_out)
    result = await made.evaluate(run.id)
    assert result.verdict in {"deploy", "iterate", "stop", "inconclusive"}
    assert (await made.decide(run.id)).verdict == result.verdict
    assert "made elsewhere" in (await made.report(run.id)).html.read_text()


async def test_rows_that_it_was_trained_on_are_never_asked(
    orchestrator: Any, elsewhere: Any, pairs: Path, held_out: Path
) -> None:
    made = orchestrator()
    run = await made.jobs.adopt("openai", elsewhere(chat_lines(pairs)), pairs=pairs, test=held_out)
    split = restore(made.session, run.record["dataset"]).split
    trained = {question_key(row.example) for row in split.train}
    assert (len(split.train), len(split.test)) == (60, 20)
    assert not trained & {question_key(row.example) for row in split.test}


async def test_held_out_pairs_alone_are_enough(orchestrator: Any, elsewhere: Any, pairs: Path, held_out: Path) -> None:
    made = orchestrator()
    run = await made.jobs.adopt("openai", elsewhere(chat_lines(pairs)), test=held_out)
    assert len(restore(made.session, run.record["dataset"]).split.test) == 30


async def test_pairs_alone_are_split_where_the_job_was_trained_on_that_very_side(
    orchestrator: Any, elsewhere: Any, pairs: Path, tmp_path: Path
) -> None:
    made = orchestrator()
    _, files = await made.prepare(pairs, tmp_path / "prepared", to="openai:" + BASE)
    job_id = elsewhere(files["openai"][0].path.read_bytes())
    run = await made.jobs.adopt("openai", job_id, pairs=pairs)
    assert restore(made.session, run.record["dataset"]).split.test


async def test_pairs_alone_are_refused_where_nobody_can_tell_what_was_trained_on(
    orchestrator: Any, elsewhere: Any, pairs: Path
) -> None:
    made = orchestrator()
    with pytest.raises(DataRefused, match="cannot be told"):
        await made.jobs.adopt("openai", elsewhere(chat_lines(pairs)), pairs=pairs)
    assert await made.runs() == ()


async def test_a_job_adopted_without_its_pairs_may_be_given_them_later(
    orchestrator: Any, elsewhere: Any, pairs: Path, held_out: Path
) -> None:
    made, job_id = orchestrator(), elsewhere(chat_lines(pairs))
    run = await made.jobs.adopt("openai", job_id)
    with pytest.raises(UsageError, match="its pairs are not known"):
        await made.evaluate(run.id)
    again = await made.jobs.adopt("openai", job_id, test=held_out)
    assert again.id == run.id
    assert len(await made.runs()) == 1
    assert (await made.evaluate(run.id)).verdict


async def test_a_job_bought_here_is_no_job_made_elsewhere(orchestrator: Any, pairs: Path) -> None:
    made = orchestrator()
    run = await made.submit(pairs, to="openai:" + BASE, max_usd=Decimal(500))
    with pytest.raises(UsageError, match=f"as run {run.id}"):
        await made.jobs.adopt("openai", (await made.jobs.get(run.intent_id)).job_id)


async def test_a_job_that_this_ledger_looks_for_is_recovered_and_not_adopted(orchestrator: Any, pairs: Path) -> None:
    made, lost = orchestrator(), orchestrator("lost")
    run = await made.submit(pairs, to="openai:" + BASE, max_usd=Decimal(500))
    intent = await made.jobs.get(run.intent_id)
    lost.session.desk.ledger.intents.plan(replace(intent, state=IntentState.IN_DOUBT))  # as a crash has left it
    with pytest.raises(UsageError, match=intent.id):
        await lost.jobs.adopt("openai", intent.job_id)


async def test_its_training_counts_in_the_budget_only_where_that_is_said(
    orchestrator: Any, elsewhere: Any, pairs: Path
) -> None:
    job_id = elsewhere(chat_lines(pairs))
    silent, counting = orchestrator("silent"), orchestrator("counting")
    await silent.jobs.adopt("openai", job_id)
    await counting.jobs.adopt("openai", job_id, count_spending=True)
    assert (await silent.budget.show()).spendings == ()
    (spent,) = (await counting.budget.show()).spendings
    assert (spent.kind, spent.state, spent.usd > 0) == ("training", "settled", True)


async def test_what_asking_may_cost_needs_a_cap_where_it_is_money(
    orchestrator: Any, pairs: Path, held_out: Path
) -> None:
    made = orchestrator()
    real = Account(platform=platform_named("openai"), connection=Connection(api_key=None))
    settings = made.settings(held_out, to="openai:" + BASE)
    with pytest.raises(BudgetRefused, match="nobody has agreed"):
        _agreed(made.session, real, settings, load_pairs(settings))
