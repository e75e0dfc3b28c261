"""One region of one Google Cloud project: Cloud Storage for files, Vertex AI for jobs and for Gemini's answers.

Everything of Vertex AI goes over the Gen AI SDK's own client, see `wire`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter

from .. import classify, facts
from ..account import Account
from ..contract import Connection, Platform, Progress
from ..errors import Auth, InvalidData, NotFound, ProviderError
from ..parts import PartsBook
from ..records import (
    Checkpoint,
    Completion,
    JobEvent,
    JsonObject,
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
from ..tags import same_tag
from . import answers
from .bodies import check, create_body, label_filter
from .places import BASE_LOCATION, Home, bucket_of, endpoint_location, last, object_of
from .questions import GatheredAnswer, request_of, thinking_of
from .storage import Storage
from .tokens import Tokens
from .wire import Wire, wire

__all__ = ["VertexAccount", "opened"]

_JOBS = "tuningJobs"
_GEMINI_3_REGIONS = ("us-central1", "europe-west4")


@asynccontextmanager
async def opened(platform: Platform, connection: Connection) -> AsyncIterator[VertexAccount]:
    """The account, its HTTP clients closed at the end."""
    tokens = Tokens(connection)
    async with wire(connection, tokens) as found:
        yield VertexAccount(platform, connection, found, tokens)


class VertexAccount(Account):
    """Vertex AI in one region, or a server that speaks its wire and Cloud Storage's."""

    notes: Mapping[str, str] = {
        "SERVICE_DISABLED": "the API is not enabled in this project",
        "BILLING_DISABLED": "billing is not enabled in this project",
        "ACCESS_TOKEN_EXPIRED": "the access token is no longer valid; get a new one, or use credentials that renew it",
    }

    def __init__(self, platform: Platform, connection: Connection, found: Wire, tokens: Tokens) -> None:
        super().__init__(platform, connection)
        options = connection.options
        self._home = Home(options["project"], options["location"])
        self._wire, self._tokens = found, tokens
        self._storage = Storage(connection, found.control, tokens)
        self._base_location = options.get("base_location", BASE_LOCATION)
        self._thinking = options.get("thinking", "")

    # ── before anything is sent ─────────────────────────────────────────────────────────────────────────────────────

    async def preflight(self, plan: Plan) -> Preflight:
        """Whether the base is there, whether jobs may be seen in this region, and whether the bucket can be used."""
        check(plan.hyperparameters, self.platform.name)
        with self._asking("preflight"):
            bucket = bucket_of(self.connection.options)
            await self._wire.get(self._home.location, self._home.jobs, pageSize=1)
        problems = [*self._ended(plan.model)]
        if not problems:
            problems += await self._unknown(plan.model)
        try:
            with self._asking("preflight"):
                await self._storage.reachable(bucket)
        except (Auth, NotFound) as error:
            problems.append(f"the bucket cannot be used: {error.message}")
        return Preflight(problems=tuple(problems), warnings=self._warnings(plan.model))

    def _ended(self, model: str) -> list[str]:
        """Why no job can be made of it today; our dated facts count at Google itself."""
        if not self.connection.is_own_host:
            return []
        try:
            known = facts.model(self.platform.name, model)
        except NotFound as error:
            return [error.message]
        close, today = known.jobs_close or known.shutdown, datetime.now(UTC).date()
        if close is not None and close <= today:
            return [f"{model} can no longer be tuned: {known.tunable.reason}"]
        return [f"{model} cannot be tuned: {known.tunable.reason}"] if known.tunable.answer == "no" else []

    async def _unknown(self, model: str) -> list[str]:
        try:
            with self._asking("preflight"):
                # Without a project, for a publisher's model is everybody's.
                await self._wire.get(self._base_location, f"publishers/google/models/{model}")
        except (InvalidData, NotFound) as error:
            return [f"{model!r} cannot be tuned here: {error.message}"]
        return []

    def _warnings(self, model: str) -> tuple[str, ...]:
        if not self.connection.is_own_host or self._home.location in _GEMINI_3_REGIONS or "gemini-3" not in model:
            return ()
        where = " and ".join(_GEMINI_3_REGIONS)
        return (f"Google's page of 2026-09-25 lists {where} for tuning Gemini 3, and not {self._home.location}",)

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def find_file(self, file: ProviderFile) -> RemoteFile | None:
        """The same bytes, if an object of their hash lies in the bucket."""
        with self._asking("find_file"):
            return await self._storage.find(bucket_of(self.connection.options).file(file), file)

    async def upload(
        self, file: ProviderFile, progress: Progress | None = None, book: PartsBook | None = None
    ) -> RemoteFile:
        """Put it into the bucket, unless it is there; its rows are looked at when a job reads them."""
        known = await self.find_file(file)
        if known is not None:
            if progress is not None:
                progress(file.size, file.size)
            return known
        with self._asking("upload"):
            return await self._storage.send(bucket_of(self.connection.options).file(file), file, progress)

    async def file(self, file_id: str) -> RemoteFile:
        """An object by its gs:// address."""
        with self._asking("file"):
            found = await self._storage.stored(object_of(file_id))
        if found is None:
            raise NotFound(f"nothing lies at {file_id}", provider=self.platform.name, operation="file")
        return found

    # ── buying ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        """Buy the job: one POST with our tag as a label, no retry, no redirect followed."""
        with self._asking("create"):
            body = create_body(plan, files, tag)
            try:
                await self._tokens.credentials()
            except ProviderError as error:
                error.nothing_created = True
                raise
            return answers.job(await self._wire.post(self._home.location, self._home.jobs, body))

    async def find(self, tag: str, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The jobs with our label, by the list's filter; and since no source promises that this list can be filtered by
        labels, an empty answer, or a refusal of the filter, is believed only after every job was looked at."""
        try:
            with self._asking("find"):
                hits = _tagged([raw async for raw in self._listed(filter=label_filter(tag))], tag)
        except InvalidData:
            hits = ()
        if hits:
            return hits
        with self._asking("find"):
            return _tagged([raw async for raw in self._listed()], tag)

    async def job(self, job_id: str) -> RemoteJob:
        """A pure read."""
        with self._asking("job"):
            return answers.job(await self._read(job_id))

    async def jobs(self, limit: int = 100, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The newest `limit` jobs of this region; `since`: none created before."""
        epoch = datetime.min.replace(tzinfo=UTC)
        with self._asking("jobs"):
            found = [answers.job(raw) async for raw in self._listed()]
        fresh = [one for one in found if since is None or (one.created_at or since) >= since]
        return tuple(sorted(fresh, key=lambda one: one.created_at or epoch, reverse=True)[:limit])

    async def events(self, job_id: str, after: str | None = None) -> Page[JobEvent]:
        """What the job's record says now that it did not say at the last look; see `answers.events`."""
        with self._asking("events"):
            found = answers.events(await self._read(job_id), after)
        return Page(found, found[-1].id if found else after)

    async def metrics(self, job_id: str) -> tuple[MetricPoint, ...]:
        """None: the console shows curves, and the form of the file at `gcsMetricsUri` is documented nowhere."""
        return ()

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """What the tuned model keeps of its epochs, each with an endpoint of its own."""
        with self._asking("checkpoints"):
            return answers.checkpoints(await self._read(job_id))

    async def cancel(self, job_id: str) -> RemoteJob:
        """Ask for the job to be cancelled."""
        with self._asking("cancel"):
            await self._wire.post(self._home.location, f"{self._home.job(job_id)}:cancel", {})
            return answers.job(await self._read(job_id))

    # ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def models(self) -> tuple[RemoteModel, ...]:
        """The endpoints of this region's tuning jobs."""
        with self._asking("models"):
            return tuple([model async for raw in self._listed() for model in answers.models(raw)])

    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One answer, of a base model or of a tuned one by its endpoint's name, where that name says it lives."""
        with self._asking("complete"):
            tuned = endpoint_location(model)
            location = tuned or self._base_location
            path = model if tuned else f"{self._home.at(location)}/publishers/google/models/{last(model)}"
            body = request_of(messages, sampling, tools, thinking_of("" if tuned else last(model), self._thinking))
            gathered, started, headers = GatheredAnswer(), perf_counter(), dict[str, str]()
            if sampling.stream:
                async for piece in self._wire.stream(location, f"{path}:streamGenerateContent?alt=sse", body):
                    gathered.add(piece, perf_counter() - started)
            else:
                answer, told = await self._wire.ask(location, f"{path}:generateContent", body)
                gathered.add(answer)
                headers = {name.lower(): value for name, value in told.items()}
            return gathered.completion(perf_counter() - started, headers)

    # ── the wire ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _asked(self, operation: str) -> classify.Asked:
        asked = super()._asked(operation)
        return replace(asked, secrets=(*asked.secrets, *self._tokens.secrets()))

    def _listed(self, **query: str) -> AsyncIterator[JsonObject]:
        return self._wire.every(self._home.location, self._home.jobs, _JOBS, **query)

    async def _read(self, job_id: str) -> JsonObject:
        return await self._wire.get(self._home.location, self._home.job(job_id))


def _tagged(rows: Sequence[JsonObject], tag: str) -> tuple[RemoteJob, ...]:
    return tuple(job for job in map(answers.job, rows) if same_tag(job.tag, tag))
