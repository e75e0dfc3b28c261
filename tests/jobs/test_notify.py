"""The user's command at a job's end: once, with the facts and without keys, by no shell; its failure stops nothing."""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from orchestrator.errors import UsageError
from orchestrator.jobs.notify import notify, without_keys, words_of
from orchestrator.jobs.submit import Order, submit
from providers.records import JobState, RemoteJob

pytestmark = pytest.mark.anyio

TAKE_DOWN = """
import json, os, sys
with open(sys.argv[1], "a") as file:
    print(json.dumps([dict(os.environ), json.load(sys.stdin), sys.argv[2:]]), file=file)
"""


@pytest.fixture
async def ended(bench: Any, world: Any, make_order: Callable[..., Order]) -> Any:
    async with world.open("openai") as account:
        await submit(bench.desk, account, make_order("openai"))
    intent = bench.intent
    job = RemoteJob(
        id=intent.job_id,
        state=JobState.SUCCEEDED,
        raw_status="succeeded",
        model=intent.plan.model,
        tuned_model="ft:mine\x1b[31m\x00\nX",
    )
    bench.ledger.intents.observe(intent.id, job, bench.desk.clock.now())
    return bench


@pytest.fixture
def took(tmp_path: Path) -> Path:
    return tmp_path / "took.jsonl"


@pytest.fixture
def command(tmp_path: Path, took: Path) -> str:
    script = tmp_path / "take down.py"
    script.write_text(TAKE_DOWN)
    return shlex.join([sys.executable, "-S", "-E", str(script), str(took), "$HOME; echo *"])


def told(took: Path) -> list[Any]:
    return [json.loads(line) for line in took.read_text().splitlines()] if took.exists() else []


def kinds(bench: Any) -> list[str]:
    return [entry.kind for entry in bench.ledger.intents.history(bench.intent.id)]


async def test_it_gets_the_facts_as_variables_and_as_json(ended: Any, command: str, took: Path) -> None:
    assert await notify(ended.desk, words_of(command), ended.intent, "run-1", {})
    ((environ, facts, _),) = told(took)
    assert {key: environ[f"TUNEWRIGHT_{key}"] for key in ("RUN", "JOB", "STATE", "MODEL")} == {
        "RUN": "run-1",
        "JOB": ended.intent.job_id,
        "STATE": "succeeded",
        "MODEL": ended.intent.plan.model,
    }
    assert (facts["schema_version"], facts["run"], facts["tuned_model"]) == (1, "run-1", "ft:mine\x1b[31m\x00\nX")
    assert kinds(ended)[-2:] == ["notifying", "notified"]


async def test_what_a_platform_said_is_one_plain_line_in_a_variable(ended: Any, command: str, took: Path) -> None:
    await notify(ended.desk, words_of(command), ended.intent, None, {})
    assert [environ["TUNEWRIGHT_TUNED_MODEL"] for environ, _, _ in told(took)] == ["ft:mine?[31m??X"]


async def test_no_shell_sees_its_words(ended: Any, command: str, took: Path) -> None:
    await notify(ended.desk, words_of(command), ended.intent, None, {})
    assert [words for _, _, words in told(took)] == [["$HOME; echo *"]]


async def test_it_runs_once_a_job_however_many_tell(ended: Any, command: str, took: Path) -> None:
    words = words_of(command)
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(notify, ended.desk, words, ended.intent, None, {})
    assert not await notify(ended.desk, words, ended.intent, None, {})
    assert len(told(took)) == 1


async def test_a_job_that_goes_on_is_not_told_of(
    bench: Any, world: Any, make_order: Callable[..., Order], command: str, took: Path
) -> None:
    async with world.open("openai") as account:
        await submit(bench.desk, account, make_order("openai"))
    assert not await notify(bench.desk, words_of(command), bench.intent, None, {})
    assert told(took) == []


async def test_it_gets_no_key_of_a_platform_and_keeps_its_own(
    ended: Any, command: str, took: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "sk-canary-0123456789"
    for name in ("OPENAI_API_KEY", "TOGETHER_API_KEY", "OPENAI_WEBHOOK_SECRET", "OTHER_API_KEY", "COPY_OF_IT"):
        monkeypatch.setenv(name, canary)
    monkeypatch.setenv("TUNEWRIGHT_DATABASE_URL", "postgresql://me:word@here/db")
    monkeypatch.setenv("CHAT_TOKEN", "the command's own")
    await notify(ended.desk, words_of(command), ended.intent, None, os.environ)
    ((environ, _, _),) = told(took)
    assert canary not in json.dumps(environ)
    assert "TUNEWRIGHT_DATABASE_URL" not in environ
    assert environ["CHAT_TOKEN"] == "the command's own"


def test_a_key_known_from_a_file_is_taken_out_of_every_variable_that_repeats_it() -> None:
    left = without_keys({"PATH": "/bin", "HEADER": "Bearer from-a-file-123"}, {"OPENAI_API_KEY": "from-a-file-123"})
    assert left == {"PATH": "/bin"}


def test_a_key_as_short_as_a_word_takes_nothing_else_with_it() -> None:
    assert without_keys({"PATH": "/bin", "OPENAI_API_KEY": "bin"}, {}) == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"{shlex.quote(sys.executable)} -S -c 'raise SystemExit(3)'", "exit code 3"),
        ("/no/such/program", "/no/such/program cannot be run: No such file or directory"),
        ("/", "/ cannot be run: Permission denied"),
    ],
)
async def test_a_command_that_fails_is_told_and_stops_nothing(ended: Any, command: str, said: str) -> None:
    assert await notify(ended.desk, words_of(command), ended.intent, None, {})
    last = ended.ledger.intents.history(ended.intent.id)[-1]
    assert (last.kind, last.data["error"]) == ("notify_failed", said)
    assert [notice.text for notice in ended.told if notice.kind == "warning"] == [
        f"the notify command did not tell of job {ended.intent.job_id}: {said}"
    ]


async def test_a_command_that_reads_nothing_is_no_failure(ended: Any) -> None:
    await notify(ended.desk, words_of(f"{shlex.quote(sys.executable)} -S -c pass"), ended.intent, None, {})
    assert kinds(ended)[-1] == "notified"


async def test_a_command_that_hangs_is_stopped_with_what_it_started(ended: Any, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        f"import os, time\nchild = os.fork()\nopen({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')\ntime.sleep(600)\n"
    )
    words = (sys.executable, "-S", "-c", code)
    await notify(ended.desk, words, ended.intent, None, {}, limit_s=1.5)
    assert ended.ledger.intents.history(ended.intent.id)[-1].data["error"] == "it was stopped after 1.5 s"
    started = [int(pid) for pid in pids.read_text().split()]
    assert (len(started), [pid for pid in started if _runs(pid)]) == (2, [])


def _runs(pid: int) -> bool:
    """Whether it is still there after a moment; a child of a killed parent is reaped by another."""
    deadline, tick = time.monotonic() + 10, threading.Event()
    while time.monotonic() < deadline:
        stat = Path(f"/proc/{pid}/stat")
        try:
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        tick.wait(0.01)
    return True


@pytest.mark.parametrize("command", ["", "   ", "say 'it"])
def test_what_is_no_command_is_refused_before_anything_starts(command: str) -> None:
    with pytest.raises(UsageError, match="command"):
        words_of(command)


async def test_beside_other_work_nobody_waits_for_the_command(ended: Any, command: str, took: Path) -> None:
    async with anyio.create_task_group() as beside:
        assert await notify(ended.desk, words_of(command), ended.intent, "run-1", {}, beside=beside)
        assert not told(took)
    assert len(told(took)) == 1
    assert not await notify(ended.desk, words_of(command), ended.intent, "run-1", {})
