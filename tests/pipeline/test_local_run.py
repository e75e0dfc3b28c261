"""On this machine, small: a tiny model of random weights learns three labels, its trainer is killed; a model moves in.

Minutes of CPU, and PyTorch: `make test-local`. The real one, with
SmolLM2-135M, is `make demo-local`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'tunewright[local]'")
pytest.importorskip("trl", reason="trl is not installed: pip install 'tunewright[local]'")
pytest.importorskip("starlette", reason="the sandbox is not installed: pip install 'tunewright[sandbox]'")
from own_trainer import own_rate
from tiny_llama import make_tiny_llama

from providers.sandbox import Sandbox, serve

pytestmark = pytest.mark.local

WAIT_S = 900.0
ONE_CORE = {"OMP_NUM_THREADS": "1"}
PAIRS = ("train.jsonl", "--test", "test.jsonl", "--system-prompt", "Answer with one label: lost_card, refund, limit")
LEARNING = ("--full", "--epochs", "20", "--learning-rate", "0.003", "--set", "n_checkpoints=20", "--set", "max_hours=1")
_ASKED = {
    "lost_card": ("my card is lost near the {}", "i think my {} card is lost"),
    "refund": ("please refund my {} order", "i want my money back for the {}"),
    "limit": ("raise my {} limit", "how high is my limit for {}"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    things = [f"{colour} {kind}" for colour in ("red", "blue", "old", "new") for kind in ("hat", "shoe", "box", "lamp")]
    rows = [(words.format(thing), label) for label, asked in _ASKED.items() for words in asked for thing in things]
    random.Random(5).shuffle(rows)
    for name, part in (("train", rows[:64]), ("test", rows[64:])):
        lines = [json.dumps({"input": asked, "output": label}) + "\n" for asked, label in part]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "rate.toml").write_text(own_rate("local", "0.50"), encoding="utf-8")
    make_tiny_llama(tmp_path / "tiny")
    return tmp_path


def tunewright(project: Path, verb: str, *words: str, env: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """The document of a finished command."""
    spend = ["--max-tokens", "8", "--yes", "--max-usd", "50", "--json", "--home", ".tunewright"]
    command = [sys.executable, "-m", "orchestrator.cli", verb, *words, *(spend if verb == "run" else spend[2:])]
    environ = {**os.environ, **ONE_CORE, **env}
    done = subprocess.run(
        command, cwd=project, env=environ, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    told: dict[str, Any] = json.loads(done.stdout)
    assert "error" not in told, done.stdout + done.stderr
    return told


def test_a_hosted_model_moves_to_this_machine_and_is_held_against_it(project: Path) -> None:
    """From a run of the (sandboxed) platform, whose server is gone once its answers are kept."""
    hosted = ("--to", "openai:gpt-4.1-mini-2025-04-14", *PAIRS)
    with Sandbox(None, pace_s=0) as world, serve(world) as running:
        old = tunewright(project, "run", *hosted, env=running.environ)
        tunewright(project, "migrate", old["run"], "--keep-only", env=running.environ)
    here = ("--to", "local:tiny", *LEARNING, "--prices", "rate.toml", "--margin", "0.2")
    moved = tunewright(project, "migrate", old["run"], *here)
    told = {line["setting"]: line for line in moved["translation"]}
    assert told["seed"]["new"] == told["seed"]["old"] == 7
    assert told["learning_rate"]["reason"] == "as you say now"
    assert told["batch size"]["new"] is None
    assert moved["equivalence"]["answer"] == "equivalent", moved
    assert moved["result"]["tuned"]["score"] >= 0.85
    assert moved["result"]["base"]["score"] < 0.1


def test_a_run_on_this_machine_survives_its_trainers_death_and_says_deploy(project: Path) -> None:
    command = [sys.executable, "-m", "orchestrator.cli", "run", *PAIRS, "--to", "local:tiny", *LEARNING, "--json"]
    command += ["--prices", "rate.toml", "--max-tokens", "8", "--yes", "--max-usd", "2", "--home", ".tunewright"]
    environ = {**os.environ, **ONE_CORE}
    jobs, deadline = project / ".tunewright" / "local" / "jobs", time.monotonic() + WAIT_S
    with subprocess.Popen(command, cwd=project, env=environ, stdout=subprocess.PIPE, text=True) as run:
        while not list(jobs.glob("*/checkpoints/step-*")):
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (process,) = jobs.glob("*/process.json")
        os.kill(json.loads(process.read_text(encoding="utf-8"))["pid"], signal.SIGKILL)
        said = run.communicate(timeout=WAIT_S)[0]
    told = json.loads(said)
    assert told["verdict"] == "deploy", said
    assert told["base"]["score"] < 0.1
    assert told["tuned"]["score"] >= 0.85
    (log,) = jobs.glob("*/log.txt")
    assert "going on from step-" in log.read_text(encoding="utf-8")
    assert Path(told["report"]).exists()
