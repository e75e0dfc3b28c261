"""From the command line: a curve's diagnoses in words, the best checkpoint evaluated, a job cancelled and why."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

MODEL = "openai:gpt-4.1-mini-2025-04-14"
SPEND = ("--yes", "--max-usd", "500")
TOPICS = {f"topic{i}": [f"w{i}x{j}" for j in range(12)] for i in range(4)}


@pytest.fixture
def noisy(work: Path, request: pytest.FixtureRequest) -> Path:
    """Two hundred rows, two in five of them with a label drawn at random: pushed too far, they are memorised."""
    dice = random.Random(request.node.name)
    every = [word for words in TOPICS.values() for word in words]
    pairs = []
    for number in range(200):
        label = dice.choice(sorted(TOPICS))
        words = [dice.choice(TOPICS[label]) if dice.random() < 0.6 else dice.choice(every) for _ in range(5)]
        shown = dice.choice(sorted(TOPICS)) if dice.random() < 0.4 else label
        pairs.append((f"{' '.join(words)} {number} {request.node.name}", shown))
    path = work / "pairs.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in pairs), encoding="utf-8")
    return path


def run(tunewright: Any, server: Any, noisy: Path, *more: str) -> Any:
    given = ("--to", MODEL, "--epochs", 25, "--batch-size", 8, "--seed", 7)
    return tunewright("run", noisy, *given, *SPEND, *more, env=server.environ)


def test_keep_evaluates_the_best_checkpoint_and_every_document_says_so(
    tunewright: Any, server: Any, noisy: Path
) -> None:
    done = run(tunewright, server, noisy, "--on-trouble", "keep", "--json")
    job = done.json["job"]
    chosen = job["evaluated"]
    assert ":ckpt-step-" in chosen["model"]
    assert chosen["model"] != job["tuned_model"]
    assert "lowest validation loss" in chosen["why"]
    assert "overfitting" in chosen["why"]
    record = json.loads(Path(done.json["provenance"]).read_text(encoding="utf-8"))
    assert record["training"]["evaluated"] == chosen
    assert record["evaluation"]["candidates"][1]["model"] == chosen["model"]
    report = json.loads(Path(done.json["report_json"]).read_text(encoding="utf-8"))
    assert [c["id"] for c in report["training"]["checkpoints"] if c["chosen"]] == [chosen["checkpoint"]]
    assert report["tuned_model"] == chosen["model"]


def test_a_warning_evaluates_the_last_model_and_is_printed_with_its_figures(
    tunewright: Any, server: Any, noisy: Path
) -> None:
    done = run(tunewright, server, noisy)
    assert "overfitting: validation loss rose by" in done.err
    ls = tunewright("jobs", "ls", "--json", env=server.environ).json["jobs"]
    shown = tunewright("jobs", "metrics", ls[0]["job"], env=server.environ)
    assert "overfitting: validation loss rose by" in shown.out
    document = tunewright("jobs", "metrics", ls[0]["job"], "--json", env=server.environ).json
    assert [item["name"] for item in document["diagnoses"]][:1] == ["overfitting"]


def test_the_request_as_sent_and_what_the_platform_filled_in_are_shown(
    tunewright: Any, server: Any, pairs: Path
) -> None:
    done = tunewright("run", pairs, "--to", MODEL, "--epochs", 2, *SPEND, "--json", env=server.environ)
    document = tunewright("jobs", "show", done.json["job"]["id"], "--json", env=server.environ).json
    assert document["request"]["method"]["supervised"]["hyperparameters"]["n_epochs"] == 2
    assert document["request"]["training_file"].startswith("file-")
    assert document["hyperparameters_at_platform"]["learning_rate_multiplier"] == 2.0
    report = json.loads(Path(done.json["report_json"]).read_text(encoding="utf-8"))
    filled = {item["name"]: item["value"] for item in report["training"]["hyperparameters"]
              if item["chosen_by"] == "platform"}  # fmt: skip
    assert filled["learning_rate_multiplier"] == "2.0"
    assert "n_epochs" not in filled


def test_an_action_that_there_is_not_is_refused_by_name(tunewright: Any, server: Any, pairs: Path) -> None:
    refused = tunewright("run", pairs, "--to", MODEL, "--on-trouble", "panic", "--json", env=server.environ)
    assert (refused.code, "keep" in refused.out + refused.err) == (2, True)


def test_the_file_gives_each_trouble_its_action(tunewright: Any, server: Any, noisy: Path, work: Path) -> None:
    (work / "tunewright.toml").write_text('[training.health]\noverfitting = "keep"\n', encoding="utf-8")
    chosen = run(tunewright, server, noisy, "--json").json["job"]["evaluated"]
    assert ":ckpt-step-" in chosen["model"]
