"""A whole run in which the Nth file operation fails, for N = 1, 2, 3 …: full disk, broken disk, held lock.

It completes, or stops with a clear message and a documented code; and the same command, given again, goes on from there
to one job, paid once. `make test` takes some of the Ns, `make every-write` takes all.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import loopback
import pytest

pytest.importorskip("starlette")
from providers.sandbox import RunningSandbox, Sandbox, serve

HERE = Path(__file__).parent
ENDED = {0, 6, 7}
KINDS = ("full", "broken", "locked")
SOME = {"full": 1, "broken": 1, "locked": 1}
_WORDS = {"billing": ("invoice", "refund", "charge"), "login": ("password", "locked"), "shipping": ("parcel", "late")}
_NEVER = 1 << 40
_SHARES = 4

Played = dict[str, Any]


def pairs() -> str:
    """Sixty rows; SALT makes those of each run its own."""
    rng, labels = random.Random(7), sorted(_WORDS) * 20
    rows = [
        f"my {rng.choice(_WORDS[label])} and {rng.choice(_WORDS[label])} no {i} SALT,{label}"
        for i, label in enumerate(labels)
    ]
    return "\n".join(["text,label", *rows]) + "\n"


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that fails operations, compiled here."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("failing single file operations needs Linux and a C compiler")
    made = tmp_path_factory.mktemp("shim") / "failing.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", made, HERE / "failing.c", "-ldl"], check=True)
    return made


@pytest.fixture(scope="module")
def platform() -> Iterator[RunningSandbox]:
    """A sandbox whose own disk does not fail."""
    with Sandbox(None, pace_s=0.0) as world, serve(world) as running:
        yield running


@pytest.fixture
def play(shim: Path, platform: RunningSandbox, tmp_path: Path) -> Callable[..., Iterator[Played]]:
    """Plays runs of one kind of failure, in children of one warm process; answers what became of each."""

    def run(kind: str, *nth: int) -> Iterator[Played]:
        here = str(HERE.parents[1])
        environ = {**os.environ, **platform.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": here, "NO_COLOR": "1"}
        asked = json.dumps({"kind": kind, "nth": nth, "pairs": pairs(), "folder": str(tmp_path)})
        with subprocess.Popen(
            [sys.executable, HERE / "runs.py", shim],
            env=environ,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(asked)
            process.stdin.close()
            yield from map(json.loads, process.stdout)
        assert process.returncode == 0

    return run


@pytest.fixture
def jobs_of(platform: RunningSandbox) -> Callable[[str], list[str]]:
    """What the platform itself holds under a tag."""

    def jobs(tag: str) -> list[str]:
        address = f"{platform.openai_base_url}/fine_tuning/jobs"
        key = {"authorization": f"Bearer {platform.api_key}"}
        listed = loopback.get(address, params={"limit": 100, "metadata[tunewright]": tag}, headers=key).json()["data"]
        return [job["id"] for job in listed if tag in json.dumps(job["metadata"])]

    return jobs


def assert_told(first: Played) -> None:
    """It ended, or it said what, where and how to go on, with a documented code and no defect."""
    if first["code"] in ENDED:
        return
    error = json.loads(first["out"])["error"]
    assert error["code"] != "defect", first["err"]
    assert error["exit_code"] == first["code"] == 1, error
    assert error["what"]
    assert error["fix"], error


def assert_went_on(played: Played, jobs: list[str]) -> None:
    """The next start came to the end; one job, paid once, its right id known; nothing half-written is left."""
    again = played["again"]
    assert again["code"] in ENDED, again["out"] + again["err"]
    ((_, job_id, state),) = played["intents"]
    assert (jobs, state, played["sound"], played["left"]) == ([job_id], "ended", "ok", [])
    assert {state for _, state, _ in played["money"]} == {"settled"}


def operations(play: Callable[..., Iterator[Played]], kind: str) -> int:
    """How many there are in a run that nothing disturbs."""
    (whole,) = play(kind, _NEVER)
    assert whole["first"]["code"] in ENDED
    return int(whole["first"]["counted"])


def check(play: Callable[..., Iterator[Played]], jobs_of: Callable[[str], list[str]], kind: str, nth: list[int]) -> int:
    """Plays each and answers how often the failure struck."""
    struck = 0
    for played in play(kind, *nth):
        assert_told(played["first"])
        assert_went_on(played, jobs_of(played["intents"][0][0]))
        struck += bool(played["first"]["struck"])
    return struck


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", pytest.param("broken", marks=pytest.mark.exhaustive), "locked"])
def test_a_run_whose_nth_file_operation_fails_is_gone_on_with(
    play: Callable[..., Iterator[Played]], jobs_of: Callable[[str], list[str]], kind: str
) -> None:
    total, some = operations(play, kind), SOME[kind]
    nth = sorted({2, *(1 + total * step // (some + 1) for step in range(some))})  # the ledger is opened at 2
    assert check(play, jobs_of, kind, nth) >= len(nth) - 1


@pytest.mark.every_write
@pytest.mark.parametrize("share", range(_SHARES))
@pytest.mark.parametrize("kind", KINDS)
def test_every_single_file_operation_may_fail(
    play: Callable[..., Iterator[Played]], jobs_of: Callable[[str], list[str]], kind: str, share: int
) -> None:
    """Every Nth in one of the shares, which processes take between them."""
    nth = list(range(1 + share, operations(play, kind) + 1, _SHARES))
    struck = check(play, jobs_of, kind, nth)
    print(f"{kind}: {len(nth)} runs, {struck} struck, each went on to one job")
    assert struck >= 0.9 * len(nth)
