"""The training and serving programs of this machine, as real processes over a tiny model of random weights.

Minutes of CPU, and PyTorch: `make test-local`.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import anyio
import httpx
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'tunewright[local]'")
pytest.importorskip("trl", reason="trl is not installed: pip install 'tunewright[local]'")
from tiny_llama import make_tiny_llama

import providers
from providers.contract import Provider
from providers.errors import InvalidData
from providers.local.order import card_of
from providers.processes.folder import RunFolder
from providers.processes.identity import is_alive
from providers.records import TERMINAL_STATES, Hyperparameters, JobState, Method, Plan, RemoteJob, Sampling
from providers.testing.making import ASK, ROWS, SAMPLE_TAG, sample_file, sample_plan

pytestmark = [pytest.mark.local, pytest.mark.anyio]

LOCAL = providers.platform("local")
WAIT_S = 600.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_llama(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
async def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    async with LOCAL.open(LOCAL.connection({}, None, tmp_path / "state")) as provider:
        yield provider
        for job in await provider.jobs():
            if job.state not in TERMINAL_STATES:
                await provider.cancel(job.id)
        for lease in await provider.find_leases(""):
            await provider.teardown(lease.id)


class Training:
    """One job over the suite's 24 rows."""

    def __init__(self, provider: Provider, folder: Path, model: str) -> None:
        self.provider, self.folder, self.model = provider, folder, model

    def plan(self, method: Method = Method.SFT, **given: Any) -> Plan:
        core = {key: given.pop(key) for key in ("epochs", "learning_rate", "lora") if key in given}
        recipe = LOCAL.recipe(self.model, method, Hyperparameters(**core, extra=given), ROWS, 0)
        return sample_plan("local", self.model, method=method, hyperparameters=recipe.hyperparameters)

    async def files(self, method: Method = Method.SFT) -> dict[str, str]:
        return {"train": (await self.provider.upload(sample_file(self.folder, LOCAL, method=method))).id}

    async def begin(self, method: Method = Method.SFT, **given: Any) -> RemoteJob:
        return await self.provider.create(self.plan(method, **given), await self.files(method), SAMPLE_TAG)

    async def over(self, job: RemoteJob) -> RemoteJob:
        until = monotonic() + WAIT_S
        while job.state not in TERMINAL_STATES:
            assert monotonic() < until, job.label
            await anyio.sleep(0.1)
            job = await self.provider.job(job.id)
        return job

    async def saved(self, job: RemoteJob, number: int = 1) -> None:
        until = monotonic() + WAIT_S
        while len(await self.provider.checkpoints(job.id)) < number:
            assert monotonic() < until, "no checkpoint comes"
            await anyio.sleep(0.02)


@pytest.fixture
def training(provider: Provider, tmp_path: Path, tiny: str) -> Training:
    return Training(provider, tmp_path, tiny)


def run_of(job: RemoteJob) -> RunFolder:
    return RunFolder(Path(job.raw["folder"]))


async def test_a_trainer_killed_in_the_middle_goes_on_from_its_checkpoint(training: Training) -> None:
    job = await training.begin(epochs=60, n_checkpoints=30)
    await training.saved(job, 2)
    trainer = run_of(job).process("process")
    assert trainer is not None
    os.kill(trainer.pid, signal.SIGKILL)
    job = await training.over(job)
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert not is_alive(trainer)
    said = [event.message for event in (await training.provider.events(job.id)).items]
    assert any(line.startswith("going on from step-") for line in said)
    steps = [point.step for point in await training.provider.metrics(job.id)]
    assert steps == list(range(1, 181))


async def test_a_paused_training_saves_stops_and_goes_on_where_it_stopped(training: Training) -> None:
    job = await training.begin(epochs=60, n_checkpoints=2)
    until = monotonic() + WAIT_S
    while not await training.provider.metrics(job.id):
        assert monotonic() < until
        await anyio.sleep(0.02)
    job = await training.provider.pause(job.id)
    while job.state is not JobState.PAUSED:
        assert monotonic() < until, job.label
        await anyio.sleep(0.1)
        job = await training.provider.job(job.id)
    (stopped,) = [point.step for point in await training.provider.checkpoints(job.id)][-1:]
    assert [point.step for point in await training.provider.metrics(job.id)][-1] == stopped
    await training.provider.resume(job.id)
    assert (await training.over(job)).state is JobState.SUCCEEDED
    assert [point.step for point in await training.provider.metrics(job.id)] == list(range(1, 181))


async def test_a_whole_model_is_trained_and_answers(training: Training) -> None:
    job = await training.over(await training.begin(epochs=15, learning_rate=3e-3, lora=False))
    card = card_of(run_of(job).artefact)
    assert card is not None
    assert card.base is None
    assert (run_of(job).artefact / "model.safetensors").exists()
    answer = await training.provider.complete(str(job.tuned_model), ASK, Sampling(max_tokens=8))
    assert answer.text == "lost_card"


async def test_hours_that_are_used_up_end_a_training_with_its_checkpoint(training: Training) -> None:
    job = await training.over(await training.begin(epochs=60, max_hours=1e-6))
    assert job.state is JobState.FAILED
    assert "max_hours are over: saved at step 1 of 180" in str(job.error)
    assert [one.step for one in await training.provider.checkpoints(job.id)] == [1]


async def test_rows_that_are_too_long_are_counted_and_refused_before_anything_is_started(training: Training) -> None:
    with pytest.raises(InvalidData, match=r"24 rows are longer than 16 tokens.*would not be learned") as refused:
        await training.provider.estimate(training.plan(max_length=16), await training.files())
    assert refused.value.nothing_created
    assert await training.provider.jobs() == ()


async def test_the_time_of_real_steps_is_told_before_anything_is_started(training: Training) -> None:
    told = await training.provider.estimate(training.plan(epochs=60), await training.files())
    assert told is not None
    assert (told.usd, told.allowed_to_proceed) == (None, True)
    assert "of 180 steps were measured on this machine: training takes about" in str(told.detail)
    assert told.train_tokens is not None
    assert told.train_tokens > 60 * ROWS


async def test_preferences_move_the_rewards_apart_from_nothing(training: Training) -> None:
    job = await training.over(await training.begin(Method.DPO, epochs=6, learning_rate=5e-3, beta=0.3))
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    points = await training.provider.metrics(job.id)
    assert points[0].reward_margin == pytest.approx(0, abs=1e-6)
    assert points[-1].reward_margin is not None
    assert points[-1].reward_margin > 0.1
    assert points[-1].reward_accuracy == 1


async def test_one_server_answers_for_base_and_tuned_and_only_to_whoever_knows_the_key(training: Training) -> None:
    job = await training.over(await training.begin(epochs=20, learning_rate=1e-2))
    provider, tuned = training.provider, str(job.tuned_model)
    lease = await provider.serve(tuned, SAMPLE_TAG, 600)
    answers = [await provider.complete(name, ASK, Sampling(max_tokens=8)) for name in (tuned, training.model, tuned)]
    assert [answer.text for answer in answers[::2]] == ["lost_card", "lost_card"]
    assert answers[1].text != "lost_card"
    servers = [path for path in Path(lease.raw["folder"]).parent.iterdir() if not path.name.startswith(".")]
    assert [path.name for path in servers] == [SAMPLE_TAG]
    port = json.loads((servers[0] / "server.json").read_text(encoding="utf-8"))["port"]
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        nobody = await http.get(f"http://127.0.0.1:{port}/v1/models", headers={"Authorization": "Bearer wrong"})
    assert nobody.status_code == 401


async def test_questions_asked_at_once_are_each_answered_for_themselves(training: Training) -> None:
    alone = await training.provider.complete(training.model, ASK, Sampling(max_tokens=4))
    found: list[str] = []

    async def one() -> None:
        found.append((await training.provider.complete(training.model, ASK, Sampling(max_tokens=4))).text)

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(one)
    assert found == [alone.text] * 6


@pytest.mark.gpu
async def test_four_bits_are_trained_on_a_gpu(training: Training) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    job = await training.over(await training.begin(epochs=20, learning_rate=1e-2, qlora=True))
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    points = await training.provider.metrics(job.id)
    losses = [point.train_loss for point in points if point.train_loss is not None]
    assert losses[-1] < losses[0]
