"""The ground of an account whose jobs are processes: what its adapter says, its folders, its models, its failures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread

from ..account import Account
from ..contract import Connection, Platform
from ..errors import NotFound, PlatformFault, ProviderError
from ..records import MetricPoint, Plan, Preflight, RemoteJob
from .archive import FolderArchive
from .asking import Servers
from .files import FileStore
from .folder import Launch, Order, RunFolder
from .history import OVER, standing
from .reading import is_watched, job_of, metrics_of, model_name
from .spawning import start_supervisor
from .wishes import ServedModel, TrainingWish

__all__ = ["Ground", "readable"]

T = TypeVar("T")


class Ground(Account):
    """One state directory. The methods of the seam are `ProcessAccount`'s."""

    grace_s = 30.0
    """Between SIGTERM and SIGKILL: as long as writing a checkpoint may take."""

    def __init__(self, platform: Platform, connection: Connection) -> None:
        super().__init__(platform, connection)
        if connection.state_dir is None:
            raise self._unsupported("open", "a platform of processes needs a state directory")
        self._home = connection.state_dir
        self._files = FileStore(self._home / "files")
        self._servers = Servers(self._home / "servers", self)

    # ── what an adapter says ────────────────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def problems(self, plan: Plan) -> Preflight:
        """What stands in the way of this plan on this machine; reads only."""

    @abstractmethod
    def training(self, wish: TrainingWish) -> Launch:
        """The program that trains. Raises `ProviderError` for what it cannot do."""

    @abstractmethod
    def answering(self, model: ServedModel, folder: Path) -> Launch:
        """The program that serves the model at 127.0.0.1 and port `{port}`, for whoever knows `{key}`."""

    def base(self, name: str) -> ServedModel:
        """A base model by its name. Raises `NotFound`."""
        self.platform.model(name)
        return ServedModel(name=name, base=name)

    def curve(self, run: RunFolder, order: Order) -> tuple[MetricPoint, ...]:
        """What was measured while it trained; by default from `metrics.jsonl`."""
        return metrics_of(run)

    def artefact(self, run: RunFolder) -> Path:
        """The folder that a finished job has made."""
        return run.artefact

    # ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def launch_of(self, model: str, folder: Path) -> Launch:
        """The program that serves a base, a finished job's model, or a checkpoint. Raises `NotFound`."""
        return self.answering(self._model(model), folder)

    def _model(self, name: str) -> ServedModel:
        base, at, rest = name.rpartition("@")
        tag, _, step = rest.partition("/step-")
        if not at or not (self._home / "jobs" / tag / "order.json").exists():
            return self.base(name)
        run = self._run(tag)
        order = run.order()
        if step:
            saved = {str(number): path for number, path in run.checkpoints(order.launch)}
            if step not in saved:
                raise self._absent(f"job {tag} has no checkpoint at step {step}", "model")
            return ServedModel(name=name, base=self._model(base).base, folder=saved[step])
        if standing(run.journal()) != "succeeded":
            raise self._absent(f"job {tag} has not made its model: it is {job_of(run, order).label}", "model")
        return ServedModel(name=name, base=self._model(base).base, folder=self.artefact(run))

    def _archive(self, job_id: str, step: int | None) -> FolderArchive:
        run = self._run(job_id)
        model = self._model(model_name(str(run.order().about["model"]), job_id, step))
        assert model.folder is not None
        return FolderArchive(model.folder)

    # ── folders ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self, tag: str) -> RunFolder:
        run = RunFolder(self._home / "jobs" / tag)
        if run.path.parent != self._home / "jobs" or not (run.path / "order.json").exists():
            raise self._absent(f"no job {tag!r} here", "job")
        return run

    def _runs(self) -> Iterator[RunFolder]:
        for path in sorted((self._home / "jobs").glob("*/order.json")):
            yield RunFolder(path.parent)

    def _looked(self, run: RunFolder) -> RemoteJob:
        """The job, after making sure that somebody watches over it, where that is wanted of this machine."""
        order = run.order()
        job = job_of(run, order)
        now, wish = standing(run.journal()), run.wish()
        at_rest = now in OVER or (now == "paused" and wish == "pause")
        if at_rest or is_watched(run) or job.raw_status.startswith("running on another machine"):
            return job
        start_supervisor(run)
        return job_of(run, order)

    def _absent(self, message: str, operation: str) -> NotFound:
        return NotFound(message, provider=self.platform.name, operation=operation, nothing_created=True)

    async def _doing(self, operation: str, work: Callable[..., T], *args: Any) -> T:
        """Work that may wait for the disk, on a thread."""
        with self._telling(operation):
            return await anyio.to_thread.run_sync(lambda: work(*args))

    @contextmanager
    def _telling(self, operation: str) -> Iterator[None]:
        """Our errors with their place; what the disk or a damaged folder does is a fault of the platform."""
        try:
            yield
        except ProviderError as error:
            error.provider, error.operation = self.platform.name, error.operation or operation
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PlatformFault(
                f"{type(error).__name__}: {error}", provider=self.platform.name, operation=operation
            ) from error


def readable(run: RunFolder) -> RemoteJob | None:
    """None for a damaged folder: asked for by its name, it says what is wrong with it."""
    try:
        return job_of(run, run.order())
    except (ValueError, KeyError, TypeError):
        return None
