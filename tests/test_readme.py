"""The README keeps its word: its Python runs, its commands run, its exit codes are the code's own."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def _commands() -> list[str]:
    lines = [line.split(" # ")[0].strip() for block in _blocks("console") for line in block.splitlines()]
    return [line for line in lines if line.startswith("tunewright ")]


def _run(command: str, tmp_path: Path, keys: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command.replace("PAIRS", "samples/support_tickets.csv --input message --output queue"))
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    program = [sys.executable, "-m", "orchestrator.cli", *words[1:]]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **keys}
    return subprocess.run(program, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("command", [c for c in _commands() if " run PAIRS" not in c])
def test_every_command_of_the_readme_runs(command: str, tmp_path: Path) -> None:
    done = _run(command, tmp_path, {})
    assert done.returncode == 0, done.stderr
    if "--json" in command:
        assert json.loads(done.stdout)["schema_version"] == 1


def test_the_command_that_buys_refuses_without_a_person(tmp_path: Path) -> None:
    (command,) = [c for c in _commands() if " run PAIRS" in c]
    done = _run(command, tmp_path, {"TOGETHER_API_KEY": "not-used"})
    assert done.returncode == ExitCode.BUDGET_REFUSED, done.stderr


def test_the_ten_lines_of_library_run(tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (code,) = _blocks("python")
    assert len(code.splitlines()) <= 10
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    program = [sys.executable, "-c", code]
    done = subprocess.run(program, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "deploy" in done.stdout


def test_the_result_shown_first_is_what_the_demo_says(tmp_path: Path) -> None:
    done = _run("tunewright demo --json", tmp_path, {})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["reason"] in " ".join(README.split())


def test_the_table_of_exit_codes_is_the_codes() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert told == {int(code) for code in ExitCode}


def test_what_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
