"""`migrate` at the command line: what it prints, how it exits, and that a killed one goes on without buying twice."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path
from typing import Any

import openai
import pytest
from own_trainer import make_trainer, own_rate

from .conftest import rows, write_csv

OLD, NEW = "openai:gpt-4.1-mini-2025-04-14", "together:Qwen/Qwen3-8B"
SPEND = ("--margin", "0.15", "--yes", "--max-usd", "500", "--accept-unknown")
PAID = "/together/v1/fine-tunes"


@pytest.fixture
def pairs(work: Path, request: pytest.FixtureRequest) -> Path:
    return write_csv(work / "pairs.csv", rows(240, salt=request.node.name))


@pytest.fixture
def old(tunewright: Any, server: Any, pairs: Path) -> str:
    """A finished run of the old platform, not evaluated yet."""
    bought = tunewright("submit", pairs, "--to", OLD, *SPEND[2:], "--json", env=server.environ).json
    server.world.trainer.settle()
    return str(bought["run"])


def _posts(server: Any) -> int:
    return int(server.asked("POST", PAID))


def test_every_translation_both_bills_and_the_answer_are_printed(tunewright: Any, server: Any, old: str) -> None:
    moved = tunewright("migrate", old, "--to", NEW, *SPEND, env=server.environ)
    assert moved.code == 0, moved.out + moved.err
    assert "equivalence: equivalent" in moved.out
    assert "Equivalent within 15 points" in moved.out
    assert "training was billed $" in moved.out
    assert "LoRA rank and alpha: not carried" in moved.out
    assert "quote for together:Qwen/Qwen3-8B" in moved.err
    assert "old bill of training: play money, $" in moved.err
    assert _posts(server) == 1


def test_the_document_says_the_same(tunewright: Any, server: Any, old: str, work: Path) -> None:
    kept = tunewright("migrate", old, "--keep-only", *SPEND, "--json", env=server.environ)
    assert kept.code == 0
    assert kept.json["result"] is None
    answers = kept.json["answers"]
    lines = [json.loads(line) for line in Path(answers).read_text(encoding="utf-8").splitlines()]
    assert {line["candidate"] for line in lines} == {"tuned"}
    moved = tunewright("migrate", old, "--to", NEW, *SPEND, "--json", env=server.environ)
    told = moved.json
    assert (told["equivalence"]["answer"], told["answers"]) == ("equivalent", answers)
    assert told["from"]["run"] == old
    assert {line["setting"] for line in told["translation"]} >= {"epochs", "seed", "batch size"}


@pytest.mark.parametrize(
    "place",
    [
        "after_create_answer",
        pytest.param("after_upload", marks=pytest.mark.exhaustive),
        pytest.param("before_settle", marks=pytest.mark.exhaustive),
        pytest.param("lease_after_answer", marks=pytest.mark.exhaustive),
    ],
)
def test_a_killed_move_goes_on_and_buys_once(process: Any, tunewright: Any, server: Any, old: str, place: str) -> None:
    command = ("migrate", old, "--to", NEW, *SPEND)
    dead = process(*command, env={**server.environ, "TUNEWRIGHT_FAILPOINTS": place}, timeout=300)
    assert dead.code == -signal.SIGKILL, dead.err
    gone_on = tunewright(*command, "--json", env=server.environ)
    assert gone_on.code == 0, gone_on.err
    assert gone_on.json["equivalence"]["answer"] == "equivalent"
    assert _posts(server) == 1


def test_where_to_is_asked_for(tunewright: Any, server: Any, old: str) -> None:
    refused = tunewright("migrate", old, *SPEND, "--json", env=server.environ)
    assert (refused.code, refused.error["where"]) == (2, "--to")


def test_nobody_there_and_no_consent_refuses(tunewright: Any, server: Any, old: str) -> None:
    refused = tunewright("migrate", old, "--to", NEW, "--json", env=server.environ)
    assert refused.code == 4
    assert _posts(server) == 0


@pytest.fixture
def stock_job(server: Any, pairs: Path, work: Path) -> tuple[object, ...]:
    """A job that the stock SDK bought and nothing of ours knows, as `migrate` is told of it; and its held-out pairs."""
    with pairs.open(newline="", encoding="utf-8") as file:
        turns = [[("user", row["text"]), ("assistant", row["label"])] for row in csv.DictReader(file)]
    lines = [{"messages": [{"role": role, "content": text} for role, text in turn]} for turn in turns]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    place = {"base_url": server.environ["OPENAI_BASE_URL"], "api_key": server.environ["OPENAI_API_KEY"]}
    with openai.OpenAI(**place, max_retries=0) as client:
        file_id = client.files.create(file=("mine.jsonl", data), purpose="fine-tune").id
        job = client.fine_tuning.jobs.create(model=OLD.partition(":")[2], training_file=file_id, seed=11)
    server.world.trainer.settle()
    return f"openai:{job.id}", "--pairs", pairs, "--test", write_csv(work / "held_out.csv", rows(60, salt="held out"))


@pytest.mark.parametrize("made", [pytest.param("here", marks=pytest.mark.exhaustive), "elsewhere"])
def test_a_tuned_model_moves_to_this_machine(
    tunewright: Any, process: Any, server: Any, work: Path, request: pytest.FixtureRequest, made: str
) -> None:
    """To a process of its own, which is trained, served and asked here; the old platform is asked for nothing new."""
    source = (request.getfixturevalue("old"),) if made == "here" else request.getfixturevalue("stock_job")
    make_trainer(work / "trainer")
    (work / "rate.toml").write_text(own_rate("script", "36.00"), encoding="utf-8")
    kept = tunewright("migrate", *source, "--keep-only", *SPEND, "--json", env=server.environ)
    assert kept.code == 0, kept.err
    asked = server.asked("POST", "/v1/chat/completions")
    here = ("--to", "script:trainer", "--prices", work / "rate.toml")
    moved = process("migrate", *source, *here, *SPEND, "--json", env=server.environ, timeout=300)
    assert moved.json["equivalence"]["answer"] == "equivalent", moved.out + moved.err
    told = {line["setting"]: line for line in moved.json["translation"]}
    assert told["epochs"]["new"] == told["epochs"]["old"] == 3
    assert told["learning-rate multiplier"]["new"] is None
    assert server.asked("POST", "/v1/chat/completions") == asked
    assert len(list((work / ".tunewright" / "script" / "jobs").glob("tw-*"))) == 1
