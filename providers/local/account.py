"""One state directory in which this machine trains and serves, through programs of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from ..errors import InvalidData, NotFound, PlatformFault, Unsupported
from ..plans import training_files
from ..processes.account import ProcessAccount, ServedModel, TrainingWish
from ..processes.folder import Launch
from ..records import Plan, Preflight, RemoteEstimate
from ..settings import given_settings
from .bases import look_at, root_name
from .machine import INSTALL, gpu_memory_bytes, is_installed, missing_packages, shortages
from .settings import recipe_for

__all__ = ["LocalAccount"]

_ROOT = Path(__file__).resolve().parents[2]
_BEGIN = "import sys; sys.path.insert(0, sys.argv[1]); from providers.local.{name} import main; sys.exit(main())"
_PROBE_WITHIN_S = 900.0
_HUB_S = 10.0


def program(name: str) -> list[str]:
    """The command of one of our programs, whatever the working directory holds."""
    return [sys.executable, "-I", "-c", _BEGIN.format(name=name), str(_ROOT)]


class LocalAccount(ProcessAccount):
    """Bases by their path or hub id."""

    grace_s = 120.0
    """A step in progress ends first, then a checkpoint is written."""

    def base(self, name: str) -> ServedModel:
        """A base by its folder, however it was named. Raises `NotFound`."""
        self.platform.model(name)
        found = look_at(name)
        return ServedModel(name=name, base=str(found.folder) if found and Path(name).expanduser().exists() else name)

    def problems(self, plan: Plan) -> Preflight:
        """Packages, the base, its template, 4 bits without a GPU, memory, and the room on the disk."""
        recipe_for(plan.method, plan.hyperparameters, 0, 0)
        settings = given_settings(plan.hyperparameters)
        missing = missing_packages()
        if missing:
            return Preflight(problems=(f"{', '.join(missing)} {_is(missing)} not installed: {INSTALL}",))
        try:
            self._model(plan.model)
        except NotFound as error:
            return Preflight(problems=(error.message,))
        problems = [*_four_bit_problems(settings)]
        base = look_at(root_name(plan.model))
        if base is None:
            problems += _on_the_hub(root_name(plan.model))
            return Preflight(problems=tuple(problems))
        if not base.has_template:
            problems.append(f"{plan.model} has no chat template; choose its instruction-tuned sibling")
        problems += shortages(base, settings, self._home)
        return Preflight(problems=tuple(problems), limits={"context_tokens": base.context_tokens})

    async def estimate(self, plan: Plan, files: Mapping[str, str]) -> RemoteEstimate | None:
        """The rows counted by the model's own tokenizer, and the time of a few real steps. Nobody bills it.

        Raises `InvalidData` for rows that are too long, or that the model's template does not take.
        """
        return await self._doing("estimate", self._probed, plan, files)

    def _probed(self, plan: Plan, files: Mapping[str, str]) -> RemoteEstimate:
        ids = training_files(plan, files)
        model = self._model(plan.model)
        order = {
            "model": model.base,
            "continues": str(model.folder) if model.folder else None,
            "method": plan.method.value,
            "train_file": str(self._files.path(ids.train)),
            "validation_file": str(self._files.path(ids.validation)) if ids.validation else None,
            "hyperparameters": given_settings(plan.hyperparameters),
            "seed": plan.hyperparameters.seed,
            "resume_from": None,
        }
        self._home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._home, prefix=".probe-") as folder:
            places = {name: str(Path(folder) / name) for name in ("checkpoints", "artefact", "metrics")}
            path = Path(folder) / "job.json"
            path.write_text(json.dumps({**order, **places}), encoding="utf-8")
            told = _run_probe(path)
        if "problem" in told:
            raise InvalidData(told["problem"], nothing_created=True, fix=told.get("fix"))
        return RemoteEstimate(usd=None, train_tokens=told["tokens"], detail=told["text"])

    def training(self, wish: TrainingWish) -> Launch:
        """Our training program."""
        _refuse_without(missing_packages())
        return Launch(
            command=program("train"),
            needs=("artefact/tunewright.json",),
            checkpoint_needs=("trainer_state.json", "tunewright.json"),
        )

    def answering(self, model: ServedModel, folder: Path) -> Launch:
        """Base and tuned model side by side: vLLM where it is installed, else our own small server."""
        _refuse_without(missing_packages(to_serve=True))
        root = root_name(model.name)
        if look_at(root) is None and (problems := _on_the_hub(root)):
            raise NotFound(problems[0], nothing_created=True)
        told = {"base": model.base, "base_name": root}
        if model.folder is not None:
            told |= {"tuned": str(model.folder), "tuned_name": model.name}
        # vLLM takes its key from this variable too, so that no command line holds it.
        env = {"TUNEWRIGHT_PORT": "{port}", "TUNEWRIGHT_KEY": "{key}", "VLLM_API_KEY": "{key}"}
        return Launch(command=program("serve"), env=env, files={"serve.json": json.dumps(told)})


def _refuse_without(missing: list[str]) -> None:
    if missing:
        raise Unsupported(f"{', '.join(missing)} {_is(missing)} not installed", nothing_created=True, fix=INSTALL)


def _four_bit_problems(settings: Mapping[str, Any]) -> list[str]:
    if not settings.get("qlora"):
        return []
    if not gpu_memory_bytes():
        return ["qlora: 4 bits need a CUDA GPU, and this machine shows none; leave qlora out, or train elsewhere"]
    return [] if is_installed("bitsandbytes") else ["qlora: bitsandbytes is not installed: pip install bitsandbytes"]


def _on_the_hub(name: str) -> list[str]:
    """Whether the hub knows a model that is not on this machine."""
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    not_here = f"{name} is neither a folder nor among the models that were downloaded here"
    try:
        answer = httpx.head(f"{hub}/{name}/resolve/main/config.json", timeout=_HUB_S)
    except httpx.HTTPError as error:
        return [f"{not_here}, and {hub} cannot be asked ({type(error).__name__}); download it first"]
    if answer.status_code in (401, 403):
        return [f"{not_here}, and {hub} gives it only to those who may have it: download it first"]
    return [] if answer.status_code < 400 else [f"{not_here}, and {hub} does not know it"]


def _run_probe(order: Path) -> dict[str, Any]:
    env = {**os.environ, "TUNEWRIGHT_JOB": str(order)}
    try:
        done = subprocess.run(
            program("probe"), env=env, capture_output=True, text=True, timeout=_PROBE_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PlatformFault(f"a few steps take longer than {_PROBE_WITHIN_S:g} s on this machine") from error
    try:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError) as error:
        words = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise PlatformFault(f"the probe failed: {words[0]}") from error


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
