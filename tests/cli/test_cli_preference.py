"""Preference training from the command line, on both wires: quote, one paid request, rewards shown, verdict."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.live import curve_text
from providers.records import MetricPoint

SAMPLE = Path(__file__).parents[2] / "samples/support_replies.jsonl"
TARGETS = {
    "openai:gpt-4.1-mini-2025-04-14": "/openai/v1/fine_tuning/jobs",
    "together:Qwen/Qwen3-8B": "/together/v1/fine-tunes",
}
SPEND = ("--yes", "--max-usd", "500", "--accept-unknown")


@pytest.fixture
def rows(work: Path, request: pytest.FixtureRequest) -> Path:
    """The sample with something of this test's own, so that its plan is nobody else's."""
    name = request.node.name
    told = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    path = work / "replies.jsonl"
    path.write_text("".join(json.dumps({**row, "system": f"Answer. {name}"}) + "\n" for row in told))
    return path


@pytest.mark.parametrize("target", TARGETS)
def test_preferences_go_the_whole_way_with_one_paid_request(
    tunewright: Any, server: Any, rows: Path, target: str
) -> None:
    (rows.parent / "tunewright.toml").write_text("[rule]\nmin_prompts = 10  # the sample holds out no more\n")
    done = tunewright("run", rows, "--method", "dpo", "--beta", "0.2", "--to", target, *SPEND, env=server.environ)
    assert done.code == 0, done.err
    assert re.search(r"reward margin \S+ \d\.\d+.* preferred answer ahead in \d+%  in validation \d+%", done.err)
    assert "verdict: deploy" in done.out
    assert server.asked("POST", TARGETS[target]) == 1


def test_a_quote_compares_platforms_for_preference_training(tunewright: Any, rows: Path) -> None:
    to = [part for target in TARGETS for part in ("--to", target)]
    quotes = tunewright("estimate", rows, "--method", "dpo", *to, "--json").json["quotes"]
    assert [quote["method"] for quote in quotes] == ["dpo", "dpo"]
    notes = [line["note"] for quote in quotes for line in quote["lines"] if line["item"] == "training"]
    assert all("no source says whether a rejected answer" in note for note in notes)


def test_a_dry_run_prints_the_preference_job(tunewright: Any, rows: Path) -> None:
    given = ("--method", "dpo", "--beta", "0.3", "--dry-run", "--json")
    told = tunewright("run", rows, "--to", "openai:gpt-4.1-mini-2025-04-14", *given).json
    (paid,) = [request for request in told["requests"] if request["paid"]]
    assert paid["body"]["method"]["type"] == "dpo"
    assert paid["body"]["method"]["dpo"]["hyperparameters"]["beta"] == 0.3


def test_prepared_preferences_are_in_the_platforms_shape(tunewright: Any, rows: Path, work: Path) -> None:
    given = ("--method", "dpo", "--to", "together:Qwen/Qwen3-8B", "-o", work / "out", "--json")
    files = tunewright("prepare", rows, *given).json["files"]["together"]
    line = json.loads(Path(files[0]["path"]).read_text().splitlines()[0])
    assert set(line) == {"input", "preferred_output", "non_preferred_output"}


def test_preferences_without_the_method_are_refused_with_the_way_out(tunewright: Any, rows: Path) -> None:
    error = tunewright("estimate", rows, "--to", "sandbox:small", "--json").error
    assert error["exit_code"] == 2
    assert "--method dpo" in error["fix"]


def test_beta_without_preferences_is_refused_by_name(tunewright: Any, pairs: Path) -> None:
    error = tunewright("estimate", pairs, "--to", "sandbox:small", "--beta", "0.1", "--json").error
    assert "beta: only preference training has it" in error["what"]


def test_a_curve_without_rewards_says_nothing_of_them() -> None:
    assert "reward" not in curve_text([MetricPoint(step=1, train_loss=0.7)])


def test_a_curve_of_rewards_ends_with_how_often_the_preferred_answer_is_ahead() -> None:
    points = [MetricPoint(step=n, reward_margin=n / 10, reward_accuracy=float(n > 1)) for n in range(4)]
    assert curve_text(points).endswith("0.300  preferred answer ahead in 50%")
