"""The sample trainers train for real, where their package is installed, and answer what they learned."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

import providers
from providers.processes.folder import RunFolder
from providers.records import TERMINAL_STATES, Hyperparameters, JobState, Message, RemoteJob, Sampling
from providers.testing import SAMPLE_TAG, sample_file, sample_plan

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TRAINERS = Path(__file__).parents[2] / "samples" / "trainers"
WAIT_S = 300.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["torch", "keras"])
def trainer(request: pytest.FixtureRequest) -> str:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed: pip install {request.param}")
    return str(TRAINERS / str(request.param))


@pytest.fixture
async def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    platform = providers.platform("script")
    async with platform.open(platform.connection({}, None, tmp_path / "state")) as opened:
        yield opened


async def bought(account: Any, trainer: str, tmp_path: Path, epochs: int) -> RemoteJob:
    platform = providers.platform("script")
    train, held_out = sample_file(tmp_path, platform), sample_file(tmp_path, platform, "validation", "once more ")
    given = Hyperparameters(epochs=epochs)
    plan = sample_plan(
        "script",
        trainer,
        hyperparameters=platform.recipe(trainer, sample_plan("script", trainer).method, given, 24, 24).hyperparameters,
        train_sha256=train.sha256,
        validation_sha256=held_out.sha256,
    )
    assert (await account.preflight(plan)).problems == ()
    files = {"train": (await account.upload(train)).id, "validation": (await account.upload(held_out)).id}
    job: RemoteJob = await account.create(plan, files, SAMPLE_TAG)
    return job


async def over(account: Any, job: RemoteJob) -> RemoteJob:
    with anyio.fail_after(WAIT_S):
        while job.state not in TERMINAL_STATES:
            await anyio.sleep(0.1)
            job = await account.job(job.id)
    return job


async def test_it_learns_and_is_killed_and_goes_on_and_answers(account: Any, trainer: str, tmp_path: Path) -> None:
    job = await bought(account, trainer, tmp_path, epochs=30)
    run = RunFolder(Path(job.raw["folder"]))
    with anyio.fail_after(WAIT_S):
        while len(run.checkpoints(run.order().launch)) < 2 and not run.artefact.exists():  # noqa: ASYNC110
            await anyio.sleep(0.01)
    process = run.process("process")
    assert process is not None
    with suppress(ProcessLookupError):  # so small a training may be over already
        os.kill(process.pid, signal.SIGKILL)
    job = await over(account, job)
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    points = await account.metrics(job.id)
    assert [point.step for point in points] == list(range(1, 31))
    assert points[-1].train_loss is not None
    assert points[0].train_loss is not None
    assert points[-1].train_loss < points[0].train_loss / 2
    assert points[-1].valid_loss is not None
    for words, label in (("my card is lost 3", "lost_card"), ("please refund my order 8", "refund")):
        answer = await account.complete(str(job.tuned_model), (Message("user", words),), Sampling())
        assert answer.text == label
    assert (await account.complete(trainer, (Message("user", "my card is lost"),), Sampling())).text == "unknown"
