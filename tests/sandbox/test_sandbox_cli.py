"""Together's own command line, unchanged, uploads, trains and reads events at the sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from providers.sandbox import RunningSandbox, Sandbox

TG = Path(sys.executable).with_name("tg")
Tg = Callable[..., str]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not TG.exists(), reason="together's command line is not installed")]


@pytest.fixture
def tg(served: RunningSandbox, tmp_path: Path) -> Tg:
    quiet = {"TOGETHER_TELEMETRY_DISABLED": "1", "TOGETHER_DISABLE_VERSION_CHECK": "1", "CI": "1", "NO_COLOR": "1"}
    environ = {**served.environ, **quiet, "HOME": str(tmp_path), "PATH": ""}

    def call(*arguments: str) -> str:
        done = subprocess.run([TG, *arguments], env=environ, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_the_stock_command_line_runs_a_whole_job(tg: Tg, sandbox: Sandbox, train_file: Path) -> None:
    tg("files", "upload", str(train_file))
    file = sandbox.files.list("together")[0].id
    tg("ft", "create", "--training-file", file, "--model", "Qwen/Qwen3-8B", "--n-epochs", "3", "--lora", "--confirm")
    (job,) = sandbox.book.views("together")
    sandbox.advance(1000)
    shown = tg("ft", "retrieve", job.job.id)
    assert "completed" in shown
    assert "train/loss" in shown
    events: Any = json.loads(tg("ft", "list-events", job.job.id, "--json"))
    assert [event["type"] for event in events].count("epoch_complete") == 3
