"""Every command: its help, and one JSON document on stdout with everything else on stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from orchestrator.cli import cli

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


COMMANDS = dict(_commands(cli))
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}


def test_every_command_of_the_design_is_there() -> None:
    wanted = """init|advise|check|prepare|estimate|run|submit|watch|evaluate|decide|report|demo|doctor|config-schema
        jobs ls|jobs show|jobs events|jobs metrics|jobs cancel|jobs pause|jobs resume|jobs recover|jobs resolve
        jobs adopt|jobs audit|models ls|models sunset|models download|providers ls|providers show|budget show
        budget set|leases ls|leases stop|leases resolve|batches ls|batches cancel|batches resolve|sandbox serve"""
    names = {name.strip() for line in wanted.splitlines() for name in line.split("|")}
    assert names <= {" ".join(path) for path in COMMANDS}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_is_for(path: tuple[str, ...]) -> None:
    text = COMMANDS[path].get_help(click.Context(COMMANDS[path], info_name=" ".join(path)))
    assert text.splitlines()[2].strip()


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    options = [item for item in LEAVES[path].params if isinstance(item, click.Option)]
    assert [item.name for item in options if not item.help and not item.hidden] == []


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_can_answer_in_json(path: tuple[str, ...]) -> None:
    assert "as_json" in {item.name for item in LEAVES[path].params}


def test_help_of_the_whole_tool_names_the_exit_codes(process: Any) -> None:
    answer = process("--help")
    assert (answer.code, answer.err) == (0, "")
    assert all(f"{code} " in answer.out for code in (0, 1, 2, 3, 4, 5, 6, 7, 75, 130))


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory, _quick: Any) -> tuple[Path, dict[str, Any]]:
    """A folder with a finished run in its ledger, and the run's document."""
    folder = tmp_path_factory.mktemp("bought")
    rows = [(f"my {word} number {i}", word) for i in range(30) for word in ("invoice", "password")]
    text = "text,label\n" + "".join(f"{a},{b}\n" for a, b in rows)
    (folder / "pairs.csv").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "orchestrator.cli", "run", "pairs.csv", *TO, *SPEND, "--json"]
    done = subprocess.run(command, cwd=folder, env=_quick.whole_environ, capture_output=True, text=True, check=False)
    return folder, json.loads(done.stdout)


def test_the_document_of_a_run_holds_everything_that_was_asked_for(bought: tuple[Path, dict[str, Any]]) -> None:
    _, document = bought
    assert {"verdict", "base", "tuned", "difference", "quote", "billed", "job", "report", "run"} <= set(document)
    assert {"value", "low", "high", "confidence"} <= set(document["difference"])


QUESTIONS = (
    "advise", "check pairs.csv", "check --explain blank-answer", "prepare pairs.csv -o out", "estimate pairs.csv",
    "watch", "evaluate", "decide", "report", "runs ls", "runs show", "jobs ls", "jobs show JOB", "jobs events JOB",
    "jobs metrics JOB", "jobs checkpoints JOB", "jobs recover", "jobs audit openai", "models ls", "models sunset",
    "providers ls", "providers show openai", "budget show", "budget set month 100", "leases ls", "leases stop --all",
    "batches ls", "jobs audit --all", "doctor", "config-schema", "init",
)  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_one_json_document_and_nothing_else_on_stdout(
    tunewright: Any, server: Any, bought: tuple[Path, dict[str, Any]], question: str
) -> None:
    folder, document = bought
    words = [document["job"]["id"] if word == "JOB" else word for word in question.split()]
    more = TO if words[0] in ("prepare", "estimate") else ()
    answer = tunewright(*words, *more, "--json", env=server.environ, cwd=folder)
    assert answer.code in (0, 6, 7), answer
    assert answer.json


def test_progress_of_a_run_goes_to_stderr(bought: tuple[Path, dict[str, Any]], tunewright: Any, server: Any) -> None:
    folder, _ = bought
    answer = tunewright("run", "pairs.csv", *TO, *SPEND, "--json", env=server.environ, cwd=folder)
    assert answer.json["verdict"]
    assert "this plan already has its job" in answer.err


def test_a_pipe_that_closes_early_is_no_traceback(work: Path, environ: dict[str, str], pairs: Path) -> None:
    command = f"{sys.executable} -m orchestrator.cli models ls | head -1"
    done = subprocess.run(command, shell=True, cwd=work, env=environ, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
