"""LLaMA-Factory on this machine: jobs and servers are its own command's processes, in folders of ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..errors import NotFound, Unsupported
from ..processes.account import ProcessAccount, ServedModel, TrainingWish
from ..processes.folder import Launch, Order, RunFolder
from ..records import Hyperparameters, JobState, MetricPoint, Plan, Preflight, RemoteJob
from ..settings import given_settings
from . import command, logs, outcome
from .config import DATA_DIR, OUTPUT_DIR, Base, dataset_json, serving, training, yaml_text
from .launch import BEGIN
from .models import absolute, look, why_absent
from .settings import NAME, check

__all__ = ["LlamaFactoryAccount"]

_ROOT = Path(__file__).resolve().parents[2]
_ADAPTERS, _GB = 500_000_000, 1e9
_SAYS_WITHIN_S = 300.0
"""`llamafactory-cli env` loads torch and transformers: seconds, minutes on a busy disk."""


class LlamaFactoryAccount(ProcessAccount):
    """One state directory, and one installation of LLaMA-Factory."""

    _about: command.About | None = None

    # ── before anything is started ──────────────────────────────────────────────────────────────────────────────────

    def problems(self, plan: Plan) -> Preflight:
        """Whether the command is there and fit for this plan, and the model's files are."""
        check(plan.method, plan.hyperparameters)
        try:
            base = self._model(plan.model).base
        except NotFound as absent:
            return Preflight(problems=(absent.message,))
        found = look(base, plan.hyperparameters.extra.get("template"), self.connection.options)
        try:
            about = self._say_about()
        except Unsupported as absent:
            return Preflight(
                problems=(*found.problems, f"{absent.message}: {absent.fix}" if absent.fix else absent.message)
            )
        unfit = command.problems_with(about, given_settings(plan.hyperparameters))
        return Preflight(
            problems=(*found.problems, *unfit, *self._room(plan, found.size)),
            warnings=(*found.warnings, *command.warnings_about(about, found.dtype)),
            limits=asdict(about),
        )

    def _room(self, plan: Plan, size: int | None) -> list[str]:
        """A disk that the checkpoints would fill: all weights and two moments of each, or an adapter's."""
        settings = plan.hyperparameters
        kept = settings.extra.get("save_total_limit", settings.epochs or 1)
        needed = 3 * (size or 0) * kept if settings.lora is False else _ADAPTERS
        existing = next(path for path in (self._home, *self._home.parents) if path.exists())
        free = shutil.disk_usage(existing).free
        return [] if free >= needed else [
            f"{free / _GB:.1f} GB are free at {existing}, and its checkpoints take about {needed / _GB:.1f} GB: "
            "make room, or keep fewer with --set save_total_limit=1"
        ]  # fmt: skip

    def _say_about(self) -> command.About:
        if self._about is None:
            cli = self._cli()
            try:
                answer = subprocess.run(
                    [cli, "env"],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=_SAYS_WITHIN_S,
                    check=False,
                    env={**os.environ, **command.training_environment(cli, _path())},
                )
            except subprocess.TimeoutExpired:
                raise Unsupported(f"{cli} env does not answer within {_SAYS_WITHIN_S:g} s", provider=NAME) from None
            self._about = command.about(answer.stdout if answer.returncode == 0 else answer.stderr)
        return self._about

    def _cli(self) -> str:
        return command.found(self.connection.options.get("cli"))

    # ── training ────────────────────────────────────────────────────────────────────────────────────────────────────

    def training(self, wish: TrainingWish) -> Launch:
        """Its YAML, its data, and the process that starts the command and believes its files."""
        cli, plan = self._cli(), wish.plan
        lora = plan.hyperparameters.lora is not False
        base = _base(wish.base, wish.continues)
        if base.adapter and not lora:
            raise self._unsupported("create", "lora: full training cannot go on from an adapter")
        config = training(base, plan.method, plan.hyperparameters, validated=wish.validation_file is not None)
        given = {"train": wish.train_file, "validation": wish.validation_file}
        files = {role: str(path) for role, path in given.items() if path is not None}
        early = "early_stopping_patience" in plan.hyperparameters.extra
        kept = [str(wish.folder), "lora" if lora else "full", "early" if early else "whole"]
        return Launch(
            command=[sys.executable, "-I", "-c", BEGIN, str(_ROOT), *kept, cli, "train", "train.yaml"],
            env={
                **command.training_environment(cli, _path()),
                # Else hundreds of lines of configuration are told as news of the job.
                "LLAMAFACTORY_VERBOSITY": os.environ.get("LLAMAFACTORY_VERBOSITY", "WARNING"),
                # Else copies of the rows stay in the user's own cache.
                "HF_DATASETS_CACHE": str(wish.folder / "datasets"),
            },
            checkpoints=f"{OUTPUT_DIR}/checkpoint-*",
            checkpoint_needs=("trainer_state.json",),
            files={
                "train.yaml": yaml_text(config),
                f"{DATA_DIR}/dataset_info.json": dataset_json(files, plan.method),
            },
        )

    def curve(self, run: RunFolder, order: Order) -> tuple[MetricPoint, ...]:
        """From its log, and from its state what the log does not tell."""
        output = run.path / OUTPUT_DIR
        return logs.metrics(outcome.log(output), outcome.history(output))

    async def job(self, job_id: str) -> RemoteJob:
        """The job, and while it runs, when it will have ended by its present pace."""
        job = await super().job(job_id)
        if job.state is not JobState.RUNNING:
            return job
        output = Path(str(job.raw["folder"])) / OUTPUT_DIR
        told = await self._doing("job", lambda: logs.progress(outcome.log(output)))
        if told is None or told.seconds_left is None:
            return job
        return replace(job, estimated_finish=datetime.now(UTC) + timedelta(seconds=told.seconds_left))

    # ── serving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def answering(self, model: ServedModel, folder: Path) -> Launch:
        """Its `api` command on loopback, with the template and in the bits that the model was trained with."""
        cli, base = self._cli(), _base(model.base, model.folder)
        absent = why_absent(base.model, self.connection.options)
        if absent is not None:
            raise self._absent(absent, "serve")
        config = serving(base, self._trained(model))
        return Launch(
            command=[cli, "api", "serve.yaml"],
            env=command.serving_environment(cli, _path(), model.name),
            needs=(),
            files={"serve.yaml": yaml_text(config)},
        )

    def _trained(self, model: ServedModel) -> Hyperparameters:
        if model.folder is None:
            return Hyperparameters()
        tag = model.name.rpartition("@")[2].partition("/step-")[0]
        return Hyperparameters(**self._run(tag).order().about["hyperparameters"])


def _base(name: str, folder: Path | None) -> Base:
    """A base as it is, a whole model of an earlier job, or its adapter on the base that it was trained on."""
    if folder is None:
        return Base(model=absolute(name), family=name)
    try:
        told: Any = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Base(model=str(folder), family=name)
    return Base(model=str(told["base_model_name_or_path"]), family=name, adapter=str(folder))


def _path() -> str:
    return os.environ.get("PATH", os.defpath)
