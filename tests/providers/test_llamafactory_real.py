"""LLaMA-Factory itself, where it is installed: its parser, its templates, its help, and the whole suite of promises.

    LLAMAFACTORY_CLI=lf/bin/llamafactory-cli LLAMAFACTORY_BASE=/models/SmolLM2-135M-Instruct \\
        python -m pytest -m factory tests/providers/test_llamafactory_real.py

The base must be a small one, in float32 on a machine without a GPU. The suite trains and serves anew in most tests:
`-k journey` is the one that goes the whole way once.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import llamafactory_recorded
import pytest

from providers.contract import Connection, Platform, Provider
from providers.llamafactory import command
from providers.llamafactory.config import Base, serving, training, yaml_text
from providers.llamafactory.templates import template_of
from providers.records import TERMINAL_STATES, Hyperparameters, JobState, Method, Plan, ProviderFile
from providers.testing import ProviderContract
from providers.testing.making import ASK, ROWS

CLI, BASE = os.environ.get("LLAMAFACTORY_CLI", ""), os.environ.get("LLAMAFACTORY_BASE", "")
RECORDED = json.loads((Path(__file__).parents[1] / "support" / "llamafactory_arguments.json").read_text("utf-8"))
LEARNS = Hyperparameters(epochs=3, learning_rate=2e-3, batch_size=4)
"""Enough for two labels of twenty-four rows."""

pytestmark = [
    pytest.mark.factory,
    pytest.mark.skipif(not (CLI and BASE), reason="LLAMAFACTORY_CLI and LLAMAFACTORY_BASE name no real one"),
]

PARSED = """
import json, sys
from llamafactory.hparams import get_infer_args, get_train_args
_, kind, name, into = sys.argv
sys.argv = ["llamafactory-cli", name]
found = {}
for group in {"train": get_train_args, "infer": get_infer_args}[kind]():
    found.update({name: str(value) for name, value in vars(group).items()})
json.dump(found, open(into, "w"))
"""


def inside(tmp_path: Path, script: str, *arguments: str) -> str:
    """What a script says in LLaMA-Factory's own interpreter, which stands in the first line of its command."""
    python = Path(CLI).read_text(encoding="utf-8").splitlines()[0].removeprefix("#!")
    environ = {**os.environ, **command.training_environment(CLI, os.environ["PATH"])}
    said = subprocess.run(
        [python, "-c", script, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environ, check=False
    )
    assert said.returncode == 0, said.stderr[-2000:]
    return said.stdout


def test_what_was_recorded_is_what_it_knows(tmp_path: Path) -> None:
    found = json.loads(inside(tmp_path, Path(llamafactory_recorded.__file__).read_text(encoding="utf-8")))
    assert found == RECORDED


def test_every_template_that_we_name_is_the_one_it_has_for_that_model(tmp_path: Path) -> None:
    script = "import json; from llamafactory.extras.constants import DEFAULT_TEMPLATE as T, SUPPORTED_MODELS as M; "
    told = json.loads(
        inside(tmp_path, script + "print(json.dumps({m['hf']: T[n] for n, m in M.items() if n in T and 'hf' in m}))")
    )
    ours = {hub: template_of(hub) for hub in told}
    named = {hub: template for hub, template in ours.items() if template}
    assert len(named) > 40
    assert {hub: told[hub] for hub in named} == named


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("lora", [True, False])
def test_its_parser_reads_our_yaml_as_we_meant_it(tmp_path: Path, method: Method, lora: bool) -> None:
    given = Hyperparameters(
        epochs=2, learning_rate=1e-5, batch_size=8, lora=lora, extra={"gradient_accumulation_steps": 2}
    )
    config = training(Base(model=BASE, family=BASE), method, given, validated=True)
    read = _parsed(tmp_path, "train", {**config, "output_dir": str(tmp_path / "output")})
    wanted = {
        "num_train_epochs": "2",
        "learning_rate": "1e-05",
        "per_device_train_batch_size": "4",
        "gradient_accumulation_steps": "2",
        "stage": method.value,
        "finetuning_type": "lora" if lora else "full",
        "trust_remote_code": "False",
        "logging_nan_inf_filter": "False",
        "overwrite_output_dir": "False",
        "enable_thinking": "False",
        "include_num_input_tokens_seen": "non_padding",
        "report_to": "[]",
    }
    assert {name: read[name] for name in wanted} == wanted


def test_its_parser_reads_our_serving_yaml(tmp_path: Path) -> None:
    read = _parsed(tmp_path, "infer", serving(Base(model=BASE, family=BASE), Hyperparameters()))
    assert (read["model_name_or_path"], read["finetuning_type"], read["trust_remote_code"]) == (BASE, "lora", "False")


def _parsed(tmp_path: Path, kind: str, config: dict[str, Any]) -> dict[str, str]:
    """The YAML as its own reader and parser take it. Its libraries print what they like, so it answers in a file."""
    (tmp_path / "config.yaml").write_text(yaml_text(config), encoding="utf-8")
    inside(tmp_path, PARSED, kind, "config.yaml", "parsed.json")
    found: dict[str, str] = json.loads((tmp_path / "parsed.json").read_text(encoding="utf-8"))
    return found


def test_its_help_names_every_option_that_we_write(tmp_path: Path) -> None:
    environ = {**os.environ, "COLUMNS": "200"}
    said = subprocess.run([CLI, "train", "--help"], capture_output=True, text=True, env=environ, check=False).stdout
    config = training(Base(model=BASE, family=BASE), Method.DPO, Hyperparameters(extra={"qlora": True}), validated=True)
    assert [name for name in config if f"--{name}" not in said] == []


class TestRealCommand(ProviderContract):
    name = "llamafactory"
    model = BASE
    another = Hyperparameters(learning_rate=2e-4, lora=True, extra={"lora_r": 4})
    patience_s = 3600.0

    @pytest.fixture
    def connection(self, platform: Platform, tmp_path: Path) -> Connection:
        return platform.connection({"LLAMAFACTORY_CLI": CLI, "HF_HUB_OFFLINE": "1"}, None, tmp_path / "state")

    @pytest.fixture
    async def provider(self, platform: Platform, connection: Connection) -> AsyncIterator[Provider]:
        async with platform.open(connection) as provider:
            yield provider
            for job in await provider.jobs():
                if job.state not in TERMINAL_STATES:
                    await provider.cancel(job.id)
            for lease in await provider.find_leases(""):
                await provider.teardown(lease.id)

    @pytest.fixture
    def plan(self, platform: Platform, make_plan: Callable[..., Plan], train: ProviderFile) -> Plan:
        settings = platform.recipe(self.model, Method.SFT, LEARNS, ROWS, 0).hyperparameters
        return make_plan(self.name, self.model, hyperparameters=settings, train_sha256=train.sha256)

    async def test_a_streamed_answer_says_the_same_and_when_it_began(self, provider: Provider, base: str) -> None:
        whole = await provider.complete(base, ASK, self.sampling)
        streamed = await provider.complete(base, ASK, replace(self.sampling, stream=True))
        assert (streamed.text, streamed.output_tokens) == (whole.text, None)
        assert streamed.first_token_s is not None

    async def test_the_journey_trains_watches_and_asks(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        assert (await provider.preflight(plan)).problems == ()
        job = await provider.create(plan, {"train": (await self.ready(provider, train)).id}, tag)
        job = await self.over(provider, job)
        assert (job.state, job.error) == (JobState.SUCCEEDED, None)
        losses = [point.train_loss for point in await provider.metrics(job.id)]
        assert len(losses) == 18
        assert losses[-1] < losses[0]  # type: ignore[operator]
        assert [saved.step for saved in await provider.checkpoints(job.id)] == [6, 12, 18]
        answer = await provider.complete(str(job.tuned_model), ASK, self.sampling)
        assert answer.text == "lost_card"
        assert answer.input_tokens
