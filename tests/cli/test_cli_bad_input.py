"""Input that cannot be used: what, where and how to fix it, with the documented exit code, and nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")


def _left(work: Path) -> set[str]:
    return {path.name for path in work.iterdir()}


def _write(work: Path, name: str, content: bytes) -> str:
    (work / name).write_bytes(content)
    return name


FILES = {
    "missing": (None, 2, "no such file", "did you mean pairs.csv?"),
    "empty": (b"", 3, "is empty", "give a file with pairs"),
    "binary": (bytes(range(256)) * 40, 2, "is a binary file", "give a CSV"),
    "three rows": (b"text,label\na b,x\nc d,y\ne f,x\n", 3, "3 usable row(s)", "add rows"),
    "only a header": (b"text,label\n", 3, "has a header and no rows", ""),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("verb", ["run", "estimate"])
def test_a_file_that_cannot_be_used(tunewright: Any, work: Path, pairs: Path, kind: str, verb: str) -> None:
    content, code, what, fix = FILES[kind]
    name = "pears.csv" if content is None else _write(work, "pears.csv", content)
    before = _left(work)
    answer = tunewright(verb, name, *TO, *(SPEND if verb == "run" else ()), "--json")
    assert answer.code == code, answer
    assert what in answer.error["what"]
    assert "pears.csv" in answer.error["where"]
    assert fix in answer.error["fix"]
    assert _left(work) == before


def test_a_directory_is_no_file(tunewright: Any, work: Path) -> None:
    answer = tunewright("check", work, "--json")
    assert (answer.code, answer.error["what"]) == (2, "holds no data files")


def test_a_wrong_column_name_suggests_the_nearest(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("check", pairs, "--input", "txet", "--output", "label")
    assert answer.code == 2
    assert "no column 'txet'" in answer.err
    assert "did you mean 'text'?" in answer.err


def test_a_refused_row_is_named_before_the_refusal(tunewright: Any, work: Path, pairs: Path) -> None:
    rows = pairs.read_text(encoding="utf-8") + "my key is sk-proj-" + "a1B2" * 12 + ",login\n"
    broken = _write(work, "key.csv", rows.encode())
    answer = tunewright("run", broken, *TO, *SPEND)
    assert answer.code == 3
    assert "key.csv, row 61" in answer.err
    assert "a1B2" not in answer.err


NAMES = {
    "a typo in the platform": ("opnai:gpt-4.1", "unknown platform 'opnai'", "did you mean 'openai'?"),
    "a platform that is not here": ("anthropic:claude-3-haiku", "no, because Anthropic tunes no model", "use one of"),
    "an unknown model": ("openai:gpt-4.1-mini", "no base model 'gpt-4.1-mini'", "gpt-4.1-mini-2025-04-14"),
    "no model": ("openai", "'openai' is not PLATFORM:MODEL", "models ls"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_a_wrong_name_says_which_is_right(tunewright: Any, work: Path, pairs: Path, kind: str) -> None:
    to, what, fix = NAMES[kind]
    answer = tunewright("run", pairs, "--to", to, *SPEND, "--json")
    assert answer.code == 2
    assert what in answer.error["what"]
    assert fix in answer.error["fix"]
    assert _left(work) == {"pairs.csv"}


def test_without_a_key_the_variable_is_named(tunewright: Any, work: Path, pairs: Path) -> None:
    answer = tunewright("run", pairs, *TO, *SPEND)
    assert answer.code == 2
    assert "OPENAI_API_KEY is not set" in answer.err
    assert "export OPENAI_API_KEY=" in answer.err
    assert _left(work) == {"pairs.csv"}


def test_a_wrong_key_is_said_and_never_shown(tunewright: Any, server: Any, pairs: Path) -> None:
    key = "sk-proj-" + "wrong" * 8
    answer = tunewright("run", pairs, *TO, *SPEND, "--json", env={**server.environ, "OPENAI_API_KEY": key})
    assert answer.code == 1
    assert answer.error["code"] == "auth"
    assert "OPENAI_API_KEY" in answer.error["fix"]
    assert key not in answer.out + answer.err
    assert server.asked("POST", "/files") == 0


CONFIGS = {
    "an unknown section": ("bugdet = 3\n", "unknown setting 'bugdet'", "did you mean 'budget'?"),
    "an unknown key": ("[training]\nepoch = 3\n", "unknown setting 'epoch'", "did you mean 'epochs'?"),
    "a wrong value": ('[training]\nepochs = "three"\n', "epochs", "config-schema"),
    "no TOML": ("[training\n", "not valid TOML", "tunewright init"),
    "a wrong grader": ('[evaluation]\ngrader = "exakt"\n', "unknown grader 'exakt'", "did you mean 'exact'?"),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_configuration_that_cannot_be_used(tunewright: Any, work: Path, pairs: Path, kind: str) -> None:
    content, what, fix = CONFIGS[kind]
    _write(work, "tunewright.toml", content.encode())
    answer = tunewright("run", pairs, *TO, *SPEND, "--json")
    assert answer.code == 2
    assert what in answer.error["what"]
    assert fix in answer.error["fix"]


@pytest.mark.parametrize("kind", ["binary", "directory", "unreadable", "missing"])
def test_a_configuration_that_cannot_be_read(tunewright: Any, work: Path, pairs: Path, kind: str) -> None:
    path = work / "mine.toml"
    if kind == "directory":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes(b"\xff\xfe\x00")
        path.chmod(0o600 if kind == "binary" else 0)
    if kind == "unreadable" and os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    answer = tunewright("check", pairs, "--config", path, "--json")
    assert answer.code == 2
    assert str(path) in answer.error["where"]
    assert answer.error["fix"]


VALUES = {
    "--epochs": "0",
    "--concurrency": "0",
    "--learning-rate": "-1",
    "--max-usd": "plenty",
    "--grader": "nomal",
    "--set": "nonsense",
}


@pytest.mark.parametrize("option", VALUES)
def test_a_wrong_value_is_refused_before_a_file_is_sent(tunewright: Any, pairs: Path, server: Any, option: str) -> None:
    answer = tunewright("run", pairs, *TO, *SPEND, option, VALUES[option], "--json", env=server.environ)
    assert answer.code == 2
    assert answer.error["fix"]
    assert server.asked("POST", "/files") == 0


def test_a_mistyped_option_is_one_json_document_too(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("run", pairs, "--epoch", 3, "--json")
    assert answer.code == 2
    assert "--epochs" in answer.error["what"]
    assert answer.error["fix"] == "tunewright run --help"


def test_a_mistyped_command_suggests_the_nearest(tunewright: Any) -> None:
    answer = tunewright("estimat")
    assert (answer.code, answer.out) == (2, "")
    assert "Did you mean 'estimate'?" in answer.err


@pytest.mark.parametrize("verb", [("report", "zzz"), ("jobs", "show", "zzz"), ("watch",), ("leases", "stop", "zzz")])
def test_a_run_or_job_that_nobody_knows(tunewright: Any, verb: tuple[str, ...]) -> None:
    answer = tunewright(*verb, "--json")
    assert answer.code == 2
    assert answer.error["fix"].startswith("tunewright ")


def test_a_file_where_a_run_is_asked_for(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("evaluate", pairs, "--json")
    assert answer.code == 2
    assert "--base P:MODEL --tuned P:MODEL" in answer.error["fix"]


def test_a_ledger_that_is_no_database(tunewright: Any, work: Path, pairs: Path, server: Any) -> None:
    (work / ".tunewright").mkdir()
    _write(work, ".tunewright/ledger.sqlite3", b"not a database, but long enough to look like a file" * 100)
    answer = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ)
    assert answer.code == 2
    assert "not a database" in answer.error["what"]
