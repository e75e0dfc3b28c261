"""A tuned model moves: from a run, and from a job of the stock SDK, to the other platform: is it as good there?"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

from orchestrator import AsyncOrchestrator
from orchestrator.config import Config
from orchestrator.errors import BudgetRefused, DataRefused, UsageError
from orchestrator.jobs.desk import Notice
from providers.errors import NotFound

pytestmark = pytest.mark.anyio

OLD, NEW = "openai:gpt-4.1-mini-2025-04-14", "together:Qwen/Qwen3-8B"
LABELS = ("lost_card", "refund", "delivery")
CAP: dict[str, Any] = {"max_usd": Decimal(500), "accept_unknown": True}
WIDE: dict[str, Any] = {**CAP, "margin": 0.15}
"""A few dozen prompts without a difference show no less."""


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
    return write(tmp_path / "pairs.csv", range(240), tmp_path.name)


@pytest.fixture
def heard() -> list[Notice]:
    return []


@pytest.fixture
def library(
    environ: dict[str, str], tmp_path: Path, clock: Any, wire: Any, served: Any, heard: list[Notice]
) -> AsyncOrchestrator:
    clock.then = lambda: served[1].clock.advance(60)
    return AsyncOrchestrator(tmp_path / "home", config=Config(), environ=environ, clock=clock, on_notice=heard.append)


@pytest.fixture
def elsewhere(environ: dict[str, str], served: Any) -> Callable[[Path], str]:
    """Trains with the stock SDK and nothing of ours; the job's id, once it has ended."""

    def train(pairs: Path) -> str:
        with pairs.open(newline="") as file:
            rows = list(csv.DictReader(file))
        lines = [
            {"messages": [{"role": "user", "content": r["input"]}, {"role": "assistant", "content": r["output"]}]}
            for r in rows
        ]
        data = "".join(json.dumps(line) + "\n" for line in lines).encode()
        made = {"base_url": environ["OPENAI_BASE_URL"], "api_key": environ["OPENAI_API_KEY"], "max_retries": 0}
        method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4, "batch_size": 6}}}
        with openai.OpenAI(**made) as client:
            file_id = client.files.create(file=("mine.jsonl", data), purpose="fine-tune").id
            base = OLD.partition(":")[2]
            job = client.fine_tuning.jobs.create(model=base, training_file=file_id, seed=11, method=method)  # type: ignore[arg-type]
        served[1].trainer.settle()
        return job.id

    return train


def asked_of(wire: Any, model: str) -> int:
    return sum(count for (name, _), count in wire.counts.items() if name == model)


async def test_a_run_moves_and_is_shown_to_be_as_good(
    library: AsyncOrchestrator, pairs: Path, wire: Any, heard: list[Notice]
) -> None:
    first = await library.run(pairs, to=OLD, epochs=2, seed=3, **CAP)
    assert first.job is not None
    wire.asked.clear()
    moved = await library.migrate(first.run.id, to=NEW, **WIDE)
    assert moved.equivalence is not None
    assert (moved.equivalence.answer, moved.equivalence.margin) == ("equivalent", 0.15)
    assert moved.result is not None
    assert moved.result.run.provider == "together"
    record = (await library.find_run(moved.result.run.id)).record
    assert record["dataset"] == first.run.record["dataset"], "the same rows, and the same split of them"
    assert record["settings"]["rule"] == first.run.record["settings"]["rule"]
    assert record["moved"]["margin"] == 0.15
    assert record["equivalence"]["answer"] == "equivalent"
    assert "Equivalent within 15 points" in moved.result.report.read_text(encoding="utf-8")
    assert "Equivalent within 15 points" in (await library.decide(moved.result.run.id)).judged.verdict.advice[0]
    assert asked_of(wire, str(first.job.tuned_model)) == 0, "its answers were kept: the old model is not asked again"
    carried = {line.setting: line.new for line in moved.translation.lines} if moved.translation else {}
    assert (carried["epochs"], carried["seed"]) == (2, 3)
    assert carried["LoRA rank and alpha"] is None
    assert moved.old.billed_usd is not None
    assert [notice for notice in heard if notice.kind == "translation"]


async def test_a_job_of_the_stock_sdk_moves_with_what_its_owner_gives(
    library: AsyncOrchestrator, elsewhere: Any, pairs: Path, tmp_path: Path, wire: Any
) -> None:
    held_out = write(tmp_path / "held_out.csv", range(1000, 1040), tmp_path.name)
    job_id = elsewhere(pairs)
    moved = await library.migrate(f"openai:{job_id}", to=NEW, pairs=pairs, test=held_out, **WIDE)
    assert moved.equivalence is not None
    assert (moved.equivalence.answer, moved.equivalence.n) == ("equivalent", 40)
    carried = {line.setting: line for line in moved.translation.lines} if moved.translation else {}
    assert (carried["epochs"].new, carried["seed"].new) == (4, 11)
    assert (carried["batch size"].old, carried["batch size"].new) == (6, None)
    assert "below this model's 8" in carried["batch size"].reason, "a limit that only the account tells"
    assert moved.old.intent.job is not None
    assert asked_of(wire, str(moved.old.intent.job.tuned_model)) == 40, "each held-out prompt once, and then never"
    rows = [json.loads(line) for line in moved.answers.read_text().splitlines()]
    assert len(rows) == 40


async def test_the_answers_are_kept_before_the_model_is_gone(
    library: AsyncOrchestrator, elsewhere: Any, pairs: Path, tmp_path: Path, wire: Any
) -> None:
    held_out = write(tmp_path / "held_out.csv", range(1000, 1040), tmp_path.name)
    source = f"openai:{elsewhere(pairs)}"
    kept = await library.migrate(source, keep_only=True, pairs=pairs, test=held_out, **CAP)
    assert kept.result is None
    assert kept.old.intent.job is not None
    gone = str(kept.old.intent.job.tuned_model)
    body = {"message": "gone", "code": "model_not_found", "type": "invalid_request_error"}
    wire.refuse = lambda model, _text: (404, body) if model == gone else None
    wire.asked.clear()
    moved = await library.migrate(source, to=NEW, **WIDE)
    assert moved.equivalence is not None
    assert moved.equivalence.answer == "equivalent"
    assert asked_of(wire, gone) == 0


async def test_a_model_that_is_gone_with_its_answers_says_what_is_missing(
    library: AsyncOrchestrator, elsewhere: Any, pairs: Path, tmp_path: Path, wire: Any
) -> None:
    held_out = write(tmp_path / "held_out.csv", range(1000, 1040), tmp_path.name)
    body = {"message": "gone", "code": "model_not_found", "type": "invalid_request_error"}
    wire.refuse = lambda model, _text: (404, body) if model.startswith("ft:") else None
    with pytest.raises(UsageError, match="answers no more") as refused:
        await library.migrate(f"openai:{elsewhere(pairs)}", to=NEW, pairs=pairs, test=held_out, **WIDE)
    assert "--answers" in refused.value.fix


async def test_a_model_that_learned_less_is_not_called_equivalent(
    library: AsyncOrchestrator, elsewhere: Any, pairs: Path, tmp_path: Path
) -> None:
    """The old answers in the file are all right; the new model is trained on pairs whose labels say nothing."""
    held_out = write(tmp_path / "held_out.csv", range(1000, 1040), tmp_path.name)
    job_id = elsewhere(pairs)
    kept = await library.migrate(f"openai:{job_id}", keep_only=True, pairs=pairs, test=held_out, **CAP)
    wrong = tmp_path / "wrong.csv"
    with wrong.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["input", "output"])
        for number in range(240):
            label = LABELS[number % 3]
            rows.writerow([f"a question about {label} number {number} {tmp_path.name}", LABELS[(number + 1) % 3]])
    worse = await library.run(wrong, to=OLD, test=held_out, **CAP)
    moved = await library.migrate(worse.run.id, to=NEW, answers=kept.answers, **WIDE)
    assert moved.equivalence is not None
    assert moved.equivalence.answer == "not_equivalent"
    assert moved.equivalence.old > moved.equivalence.new


async def test_the_same_command_again_buys_and_asks_nothing(library: AsyncOrchestrator, pairs: Path, wire: Any) -> None:
    first = await library.run(pairs, to=OLD, **CAP)
    moved = await library.migrate(first.run.id, to=NEW, **WIDE)
    wire.asked.clear()
    again = await library.migrate(first.run.id, to=NEW, **WIDE)
    assert moved.result is not None
    assert again.result is not None
    assert again.result.job == moved.result.job
    assert again.equivalence == moved.equivalence
    assert sum(wire.counts.values()) == 0
    with pytest.raises(UsageError, match=r"judged by a margin of 0\.15"):
        await library.migrate(first.run.id, to=NEW, **{**CAP, "margin": 0.3})


async def test_what_the_user_says_goes_before_what_is_carried(library: AsyncOrchestrator, pairs: Path) -> None:
    first = await library.run(pairs, to=OLD, epochs=2, **CAP)
    given: dict[str, Any] = {"epochs": 3, "settings": {"lora_r": 16, "lora_alpha": 32}}
    moved = await library.migrate(first.run.id, to=NEW, **given, **WIDE)
    assert moved.result is not None
    intent = await library.jobs.get(moved.result.run.intent_id or "")
    told = intent.plan.hyperparameters
    assert (told.epochs, told.extra["lora_r"], told.extra["lora_alpha"]) == (3, 16, 32)


async def test_a_job_without_its_pairs_is_refused_and_says_what_to_give(library: AsyncOrchestrator) -> None:
    with pytest.raises(UsageError) as refused:
        await library.migrate("openai:ftjob-unknown", to=NEW, **WIDE)
    assert "--pairs" in refused.value.fix


async def test_held_out_pairs_alone_can_train_nothing(
    library: AsyncOrchestrator, elsewhere: Any, pairs: Path, tmp_path: Path, wire: Any
) -> None:
    held_out = write(tmp_path / "held_out.csv", range(1000, 1040), tmp_path.name)
    with pytest.raises(DataRefused, match="not known here"):
        await library.migrate(f"openai:{elsewhere(pairs)}", to=NEW, test=held_out, **WIDE)
    assert sum(wire.counts.values()) == 0


async def test_nothing_is_bought_without_consent(library: AsyncOrchestrator, pairs: Path, served: Any) -> None:
    first = await library.submit(pairs, to=OLD, **CAP)
    served[1].trainer.settle()
    with pytest.raises(BudgetRefused):
        await library.migrate(first.id, to=NEW, max_usd=Decimal("0.000001"), accept_unknown=True)
    assert len(await library.jobs.ls()) == 1


async def test_a_model_that_is_not_there_or_no_margin_is_refused_before_anything(library: AsyncOrchestrator) -> None:
    with pytest.raises(NotFound):
        await library.migrate("some-run", to="openai:gpt-nonsense", **CAP)
    with pytest.raises(UsageError, match="margin"):
        await library.migrate("some-run", to=NEW, margin=2, **CAP)
    with pytest.raises(UsageError, match="where to"):
        await library.migrate("some-run", **CAP)
