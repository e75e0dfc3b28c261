"""What every account has in common whose jobs and servers are processes of this machine.

An adapter says which program trains (`training`), which one answers (`answering`), and what stands in the way
(`problems`); where its program writes a curve of its own, it reads that too (`curve`). Everything happens under
`connection.state_dir`: `files/`, `jobs/TAG/`, `servers/TAG/`. A job is bought by claiming its folder.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from ..account import Account
from ..contract import Connection, Platform, Progress
from ..errors import NotFound, PlatformFault, ProviderError
from ..parts import PartsBook
from ..plans import training_files
from ..records import (
    Checkpoint,
    Completion,
    JobEvent,
    JsonObject,
    Lease,
    Message,
    MetricPoint,
    Page,
    Plan,
    Preflight,
    ProviderFile,
    RemoteFile,
    RemoteJob,
    RemoteModel,
    Sampling,
)
from ..settings import given_settings
from ..weights import WeightsKind, WeightsStream
from .archive import FolderArchive
from .asking import Servers
from .files import FileStore
from .folder import Launch, Order, RunFolder, Wish, claim
from .history import OVER, standing
from .reading import checkpoints_of, events_of, is_watched, job_of, metrics_of, model_name
from .spawning import start_supervisor

__all__ = ["ProcessAccount", "ServedModel", "TrainingWish"]

T = TypeVar("T")

_STOPPED_WITHIN_S = 10.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingWish:
    """One training to be started. `folder`: where it will run. `hyperparameters`: everything that was given, by name.

    `continues`: the folder of the model that it goes on from; None for a base as it is.
    """

    plan: Plan
    tag: str
    folder: Path
    base: str
    train_file: Path
    validation_file: Path | None
    hyperparameters: Mapping[str, Any]
    continues: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model that can answer. `folder`: its artefact or checkpoint; None for the base itself."""

    name: str
    base: str
    folder: Path | None = None


class ProcessAccount(Account):
    """This machine, as far as one state directory goes."""

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

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def preflight(self, plan: Plan) -> Preflight:
        """The adapter's problems, and a folder that cannot be written."""
        return await self._doing("preflight", self.problems, plan)

    async def find_file(self, file: ProviderFile) -> RemoteFile | None:
        """The same bytes, where they were copied before."""
        return await self._doing("find_file", self._files.find, file)

    async def upload(
        self, file: ProviderFile, progress: Progress | None = None, book: PartsBook | None = None
    ) -> RemoteFile:
        """A copy under its hash. Raises `InvalidData` where it is no longer what was prepared."""
        return await self._doing("upload", self._files.keep, file, progress)

    async def file(self, file_id: str) -> RemoteFile:
        """Raises `NotFound`."""
        return await self._doing("file", self._files.get, file_id)

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        """Claim the tag's folder and start; a tag that was claimed before answers the job it already is."""
        return await self._doing("create", self._create, plan, files, tag)

    def _create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        parent = self._home / "jobs"
        try:
            run, _ = claim(parent, self._order(plan, files, tag))
        except OSError as error:
            absent = not (parent / tag).exists()
            raise PlatformFault(f"the run's folder cannot be made: {error}", nothing_created=absent) from error
        return self._looked(run)

    def _order(self, plan: Plan, files: Mapping[str, str], tag: str) -> Order:
        ids = training_files(plan, files)
        model = self._model(plan.model)
        given = given_settings(plan.hyperparameters)
        wish = TrainingWish(
            plan=plan,
            tag=tag,
            folder=self._home / "jobs" / tag,
            base=model.base,
            train_file=self._files.path(ids.train),
            validation_file=self._files.path(ids.validation) if ids.validation else None,
            hyperparameters=given,
            continues=model.folder,
        )
        job = {
            "model": model.base,
            "continues": str(model.folder) if model.folder else None,
            "method": plan.method.value,
            "train_file": str(wish.train_file),
            "validation_file": str(wish.validation_file) if wish.validation_file else None,
            "hyperparameters": given,
            "seed": plan.hyperparameters.seed,
        }
        about = {
            "model": plan.model,
            "method": plan.method.value,
            "files": dict(files),
            "hyperparameters": asdict(plan.hyperparameters),
        }
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        launch = self.training(wish)
        return Order(tag=tag, launch=launch, job=job, about=about, created_at=now, grace_s=self.grace_s)

    async def find(self, tag: str, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The folder of that tag; nothing is started."""
        return await self._doing("find", self._find, tag)

    def _find(self, tag: str) -> tuple[RemoteJob, ...]:
        try:
            run = self._run(tag)
        except NotFound:
            return ()
        return (job_of(run, run.order()),)

    async def job(self, job_id: str) -> RemoteJob:
        """The job as it stands. One whose processes are gone before it has ended is started again from its last
        checkpoint, a bounded number of times: a look is what finds it after the machine was started anew."""
        return await self._doing("job", lambda: self._looked(self._run(job_id)))

    async def jobs(self, limit: int = 100, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """Every job of this state directory, newest first."""
        return await self._doing("jobs", self._listed, limit, since)

    def _listed(self, limit: int, since: datetime | None) -> tuple[RemoteJob, ...]:
        found = [job for run in self._runs() if (job := _readable(run)) is not None]
        epoch = datetime.min.replace(tzinfo=UTC)
        fresh = [job for job in found if since is None or (job.created_at or epoch) >= since]
        return tuple(sorted(fresh, key=lambda job: job.created_at or epoch, reverse=True)[:limit])

    async def events(self, job_id: str, after: str | None = None) -> Page[JobEvent]:
        """What happened, and the program's log."""
        return await self._doing("events", lambda: events_of(self._run(job_id), after))

    async def metrics(self, job_id: str) -> tuple[MetricPoint, ...]:
        """The curve."""
        return await self._doing("metrics", lambda: self._curve_of(self._run(job_id)))

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """Whole checkpoints by rising step; each can be asked by its name."""
        return await self._doing("checkpoints", lambda: self._checkpoints_of(self._run(job_id)))

    def _curve_of(self, run: RunFolder) -> tuple[MetricPoint, ...]:
        return self.curve(run, run.order())

    def _checkpoints_of(self, run: RunFolder) -> tuple[Checkpoint, ...]:
        return checkpoints_of(run, run.order(), self._curve_of(run))

    async def cancel(self, job_id: str) -> RemoteJob:
        """SIGTERM to the whole process group, SIGKILL after the grace. What was used by then is billed."""
        return await self._wished(job_id, "cancel", "cancel")

    async def pause(self, job_id: str) -> RemoteJob:
        """Stop it as `cancel` does, to go on later from its last checkpoint."""
        return await self._wished(job_id, "pause", "pause")

    async def resume(self, job_id: str) -> RemoteJob:
        """Start it again from its last checkpoint: one that was paused, has failed, or was cancelled."""
        return await self._doing("resume", lambda: self._resumed(self._run(job_id)))

    def _resumed(self, run: RunFolder) -> RemoteJob:
        now = standing(run.journal())
        if now == "succeeded":
            raise self._unsupported("resume", "this job has already made its model")
        if now in OVER or now in ("died", "paused"):
            run.note("resumed")
        run.wish_for("run")
        return self._looked(run)

    async def _wished(self, job_id: str, operation: str, wish: Wish) -> RemoteJob:
        def say() -> RemoteJob:
            run = self._run(job_id)
            if standing(run.journal()) not in OVER:
                run.wish_for(wish)
            return self._looked(run)

        job = await self._doing(operation, say)
        with anyio.move_on_after(_STOPPED_WITHIN_S):
            while job.raw_status in ("running", "stopping"):
                await anyio.sleep(_LOOK_S)
                job = await self.job(job_id)
        return job

    # ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def models(self) -> tuple[RemoteModel, ...]:
        """What finished jobs have made."""
        jobs = await self.jobs(limit=10_000)
        return tuple(RemoteModel(id=job.tuned_model, tuned=True, base=job.model) for job in jobs if job.tuned_model)

    @asynccontextmanager
    async def weights(
        self,
        job_id: str,
        *,
        kind: WeightsKind | None = None,
        step: int | None = None,
        start: int = 0,
        mark: str | None = None,
    ) -> AsyncIterator[WeightsStream]:
        """The artefact's folder, or a checkpoint's, as a tar archive. Raises `Unsupported` for a form of it."""
        if kind is not None:
            raise self._unsupported("weights", f"the artefact has one form: leave {kind!r} out")
        archive = await self._doing("weights", self._archive, job_id, step)
        told = await self._doing("weights", lambda: (archive.size, archive.mark))
        begin = start if start and mark == told[1] else 0
        yield WeightsStream(start=begin, size=told[0], mark=told[1], chunks=self._chunks(archive, begin))

    def _archive(self, job_id: str, step: int | None) -> FolderArchive:
        run = self._run(job_id)
        model = self._model(model_name(str(run.order().about["model"]), job_id, step))
        assert model.folder is not None
        return FolderArchive(model.folder)

    async def _chunks(self, archive: FolderArchive, start: int) -> AsyncIterator[bytes]:
        chunks = archive.chunks(start)
        while (chunk := await self._doing("weights", next, chunks, None)) is not None:
            yield chunk

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

    # ── serving and questions ───────────────────────────────────────────────────────────────────────────────────────

    async def serve(self, model: str, tag: str, idle_timeout_s: int) -> Lease:
        """Start a server of the model on this machine; its supervisor ends it when it was not asked for so long."""
        return await self._doing("serve", self._servers.start, model, tag, float(idle_timeout_s))

    async def lease(self, lease_id: str) -> Lease:
        """Raises `NotFound`."""
        return await self._doing("lease", self._servers.lease, lease_id)

    async def find_leases(self, tag_prefix: str) -> tuple[Lease, ...]:
        """Those that still run, or start."""
        return await self._doing("find_leases", self._servers.find, tag_prefix)

    async def teardown(self, lease_id: str) -> None:
        """Stop the server; one that is not there is stopped."""
        with self._telling("teardown"):
            await self._servers.stop(lease_id)

    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One answer from a server of that model; where none runs, one is started, and ended with this account."""
        with self._telling("complete"):
            return await self._servers.ask(model, messages, sampling, tools)

    async def aclose(self) -> None:
        """End the servers that were started only to be asked by this account."""
        await self._servers.aclose()

    # ── common ──────────────────────────────────────────────────────────────────────────────────────────────────────

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


def _readable(run: RunFolder) -> RemoteJob | None:
    """None for a damaged folder: asked for by its name, it says what is wrong with it."""
    try:
        return job_of(run, run.order())
    except (ValueError, KeyError, TypeError):
        return None
