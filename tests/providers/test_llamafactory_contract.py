"""The suite of promises for LLaMA-Factory, over real processes.

Where `LLAMAFACTORY_CLI` and `LLAMAFACTORY_BASE` (a small model's folder) name the real command, marker `factory` runs
all of it against that. Else a stand-in takes the command's place: tests/support/llamafactory_cli.py, which follows the
real one's files, log lines and wire, and learns words instead of a language model.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import llamafactory_cli
import pytest

from providers.contract import Connection, Platform, Provider
from providers.errors import Unsupported
from providers.processes.identity import marked
from providers.records import TERMINAL_STATES, Hyperparameters, JobState, Plan, ProviderFile, RemoteJob
from providers.testing import ProviderContract
from providers.testing.making import ASK

STAND_IN = Path(llamafactory_cli.__file__)
PATIENCE_S = 120.0


class _OnThisMachine(ProviderContract):
    name = "llamafactory"
    another = Hyperparameters(learning_rate=2e-4, lora=True, extra={"lora_r": 4})

    @pytest.fixture
    async def provider(self, platform: Platform, connection: Connection) -> AsyncIterator[Provider]:
        async with platform.open(connection) as provider:
            yield provider
            for job in await provider.jobs():
                if job.state not in TERMINAL_STATES:
                    await provider.cancel(job.id)
            for lease in await provider.find_leases(""):
                await provider.teardown(lease.id)

    async def test_a_streamed_answer_says_the_same_and_when_it_began(self, provider: Provider, base: str) -> None:
        """The same promise, but for the tokens: its streams tell no usage."""
        whole = await provider.complete(base, ASK, self.sampling)
        streamed = await provider.complete(base, ASK, replace(self.sampling, stream=True))
        assert (streamed.text, streamed.output_tokens) == (whole.text, None)
        assert streamed.first_token_s is not None
        assert 0 < streamed.first_token_s <= streamed.latency_s


class TestLlamaFactory(_OnThisMachine):
    @pytest.fixture(autouse=True)
    def its_model(self, tmp_path: Path) -> None:
        folder = tmp_path / "models" / "SmolLM2-135M-Instruct"
        folder.mkdir(parents=True)
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            (folder / name).write_text("{}", encoding="utf-8")
        self.model = str(folder)

    @pytest.fixture
    def cli(self, tmp_path: Path) -> Path:
        """The stand-in under the real command's name, in an environment of its own."""
        place = tmp_path / "lf" / "bin" / "llamafactory-cli"
        place.parent.mkdir(parents=True)
        place.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n', encoding="utf-8")
        place.chmod(0o755)
        return place

    @pytest.fixture
    def connection(self, platform: Platform, tmp_path: Path, cli: Path) -> Connection:
        environ = {"LLAMAFACTORY_CLI": str(cli), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
        return platform.connection(environ, None, tmp_path / "state")

    @pytest.fixture
    def queued(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STAND_IN_PACE_S", "600")

    # ── what is this platform's own ─────────────────────────────────────────────────────────────────────────────────

    @pytest.fixture
    def long(self, plan: Plan) -> Plan:
        """Twelve steps, a checkpoint at every second one."""
        settings = plan.hyperparameters
        extra = {**settings.extra, "save_steps": 2}
        return replace(plan, hyperparameters=replace(settings, epochs=4, extra=extra))

    @pytest.fixture
    async def started(self, provider: Provider, long: Plan, train: ProviderFile, tag: str) -> RemoteJob:
        """A run that has saved a checkpoint and has much before it."""
        job = await provider.create(long, {"train": (await self.ready(provider, train)).id}, tag)
        with anyio.fail_after(PATIENCE_S):
            while not await provider.checkpoints(job.id):  # noqa: ASYNC110  another process's files
                await anyio.sleep(0.05)
        return job

    @pytest.fixture
    def slowly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STAND_IN_PACE_S", "0.3")

    async def test_a_killed_trainer_goes_on_from_its_checkpoint(
        self, slowly: None, provider: Provider, started: RemoteJob
    ) -> None:
        folder = Path(started.raw["folder"])
        half = folder / "output" / "checkpoint-999"
        half.mkdir()
        for process in _of(folder, "train.yaml"):
            os.kill(process, signal.SIGKILL)
        job = await self.over(provider, started)
        assert job.state is JobState.SUCCEEDED
        assert [point.step for point in await provider.metrics(job.id)] == list(range(1, 13))
        said = (folder / "log.txt").read_text(encoding="utf-8")
        assert "Resuming training from" in said
        assert "checkpoint-999 was not finished and is removed" in said

    async def test_the_children_of_torchrun_are_stopped_too(
        self,
        slowly: None,
        monkeypatch: pytest.MonkeyPatch,
        provider: Provider,
        long: Plan,
        train: ProviderFile,
        tag: str,
    ) -> None:
        monkeypatch.setenv("FORCE_TORCHRUN", "1")
        job = await provider.create(long, {"train": (await self.ready(provider, train)).id}, tag)
        folder = Path(job.raw["folder"])
        with anyio.fail_after(PATIENCE_S):
            # The keeper, the launcher, and its child.
            while len(_of(folder, "train.yaml")) < 3:  # noqa: ASYNC110
                await anyio.sleep(0.05)
        assert (await provider.cancel(job.id)).state is JobState.CANCELLED
        assert _of(folder, "train.yaml") == []

    @pytest.mark.parametrize(("fault", "says"), [("files", "adapter_config.json"), ("steps", "steps 6 to 6")])
    async def test_an_exit_code_of_0_alone_is_a_failure(
        self,
        fault: str,
        says: str,
        monkeypatch: pytest.MonkeyPatch,
        provider: Provider,
        plan: Plan,
        train: ProviderFile,
        tag: str,
    ) -> None:
        monkeypatch.setenv("STAND_IN_FAULT", fault)
        files = {"train": (await self.ready(provider, train)).id}
        job = await self.over(provider, await provider.create(plan, files, tag))
        assert job.state is JobState.FAILED
        assert says in str(job.error)
        assert "without an error" in str(job.error)

    async def test_the_model_that_is_published_holds_no_checkpoint(self, finished: RemoteJob) -> None:
        folder = Path(finished.raw["folder"])
        assert (folder / "artefact" / "adapter_model.safetensors").is_file()
        assert [path.name for path in (folder / "artefact").iterdir() if path.is_dir()] == []
        assert list((folder / "output").glob("checkpoint-*"))

    async def test_while_it_runs_it_says_when_it_will_have_ended(
        self, slowly: None, provider: Provider, started: RemoteJob
    ) -> None:
        with anyio.fail_after(PATIENCE_S):
            while (job := await provider.job(started.id)).estimated_finish is None:
                assert job.state is JobState.RUNNING
                await anyio.sleep(0.05)

    async def test_its_server_asks_for_a_key_and_listens_on_loopback_alone(
        self, provider: Provider, finished: RemoteJob, tag: str
    ) -> None:
        lease = await self.up(provider, await provider.serve(str(finished.tuned_model), tag, 600))
        told = json.loads((Path(lease.raw["folder"]) / "server.json").read_text(encoding="utf-8"))
        assert told["models"] == [finished.tuned_model]
        async with httpx.AsyncClient(trust_env=False, verify=False) as http:
            answer = await http.get(f"http://127.0.0.1:{told['port']}/v1/models")
        assert answer.status_code == 401
        assert _listening(told["port"]) == {"127.0.0.1"}

    # ── before anything is started ──────────────────────────────────────────────────────────────────────────────────

    async def test_a_command_that_is_not_there_is_told_by_preflight(
        self, platform: Platform, connection: Connection, plan: Plan
    ) -> None:
        nowhere = replace(connection, options={**connection.options, "cli": "/nowhere/llamafactory-cli"})
        async with platform.open(nowhere) as provider:
            (problem,) = (await provider.preflight(plan)).problems
        assert "/nowhere/llamafactory-cli" in problem
        assert "pip install llamafactory" in problem

    async def test_four_bits_without_a_gpu_are_refused(self, provider: Provider, plan: Plan) -> None:
        settings = replace(plan.hyperparameters, extra={**plan.hyperparameters.extra, "qlora": True})
        problems = (await provider.preflight(replace(plan, hyperparameters=settings))).problems
        assert ["GPU" in problems[0], "bitsandbytes" in problems[1]] == [True, True]

    async def test_a_model_without_any_template_is_refused_until_one_is_named(
        self, provider: Provider, plan: Plan
    ) -> None:
        folder = Path(self.model).rename(Path(self.model).with_name("my-own"))
        (problem,) = (await provider.preflight(replace(plan, model=str(folder)))).problems
        assert "--set template=" in problem
        settings = replace(plan.hyperparameters, extra={**plan.hyperparameters.extra, "template": "chatml"})
        named = replace(plan, model=str(folder), hyperparameters=settings)
        assert (await provider.preflight(named)).problems == ()

    async def test_full_training_cannot_go_on_from_an_adapter(
        self, provider: Provider, plan: Plan, train: ProviderFile, finished: RemoteJob, tag: str
    ) -> None:
        full = Hyperparameters(epochs=1, lora=False)
        further = replace(plan, model=str(finished.tuned_model), hyperparameters=full)
        with pytest.raises(Unsupported, match="full training cannot go on from an adapter") as refused:
            await provider.create(further, {"train": (await self.ready(provider, train)).id}, tag.replace("a", "b"))
        assert refused.value.nothing_created

    def test_the_dry_run_shows_the_yaml(self, platform: Platform, plan: Plan, train: ProviderFile) -> None:
        *_, start = platform.requests(plan, [train], "tw-" + "a" * 16)
        assert isinstance(start.body, dict)
        assert (start.body["template"], start.body["stage"]) == ("smollm2", "sft")


def _of(folder: Path, word: str) -> list[int]:
    """Processes of a run whose command line holds the word."""
    mark = f"TUNEWRIGHT_JOB={folder / 'job.json'}"
    found = [(process.pid, _command_line(process.pid)) for process in marked(mark)]
    return [pid for pid, line in found if word in line]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return ""


def _listening(port: int) -> set[str]:
    """The addresses at which something listens on that port, as Linux tells them."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            address, number = fields[1].split(":")
            if fields[3] == "0A" and int(number, 16) == port:
                found.add("127.0.0.1" if address == "0100007F" else address)
    return found
