"""What every account has in common whose jobs and servers are processes of this machine.

An adapter says which program trains (`training`), which one answers (`answering`), and what stands in the way
(`problems`); where its program writes a curve of its own, it reads that too (`curve`). Everything happens under
`connection.state_dir`: `files/`, `jobs/TAG/`, `servers/TAG/`. A job is bought by claiming its folder.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime

import anyio

from ..contract import Progress
from ..errors import NotFound, PlatformFault
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
from .folder import Order, RunFolder, Wish, claim
from .ground import Ground, readable
from .history import OVER, standing
from .reading import checkpoints_of, events_of, job_of
from .wishes import ServedModel, TrainingWish

__all__ = ["ProcessAccount", "ServedModel", "TrainingWish"]

_STOPPED_WITHIN_S = 10.0
_LOOK_S = 0.1


class ProcessAccount(Ground):
    """This machine, as far as one state directory goes."""

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
        found = [job for run in self._runs() if (job := readable(run)) is not None]
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

    async def _chunks(self, archive: FolderArchive, start: int) -> AsyncIterator[bytes]:
        chunks = archive.chunks(start)
        while (chunk := await self._doing("weights", next, chunks, None)) is not None:
            yield chunk

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
