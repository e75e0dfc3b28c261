"""One OpenAI account through the official SDK. Job state, events and metrics are read, never guessed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx2
import openai
from openai.types.fine_tuning import FineTuningJob

from ..batch_account import BatchAccount
from ..contract import Connection, Platform, Progress
from ..errors import NotFound
from ..http import http_clients, timeout
from ..parts import PartsBook
from ..questions import Questions
from ..records import (
    TERMINAL_STATES,
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
from ..sending import sizes
from ..tags import same_tag
from ..wire import every, items, plain
from . import answers, uploads
from .batches import Batches
from .bodies import OWN_HOST, TAG_KEY, check, create_body, divided

__all__ = ["OpenAIAccount", "opened"]

_CLOSED = (
    "OpenAI no longer trains for this account: closed since 2026-05-07 to organisations that never fine-tuned, since "
    "2026-07-02 to those without tuned inference in 60 days, and from 2027-01-06 to everybody "
    "(developers.openai.com/api/docs/deprecations, as of 2026-11-22)"
)


@asynccontextmanager
async def opened(platform: Platform, connection: Connection) -> AsyncIterator[OpenAIAccount]:
    """The account, its HTTP clients closed at the end."""
    async with http_clients(connection, openai, httpx2) as http:
        evaluation = _client(connection, http.evaluation)
        yield OpenAIAccount(platform, connection, _client(connection, http.control), evaluation, http.evaluation)


def _client(connection: Connection, http: Any) -> openai.AsyncOpenAI:
    key = connection.api_key.reveal() if connection.api_key else ""
    url, query = divided(connection.base_url or OWN_HOST)
    client = openai.AsyncOpenAI(
        api_key=key,
        base_url=url,
        max_retries=0,
        timeout=timeout(openai, connection),
        http_client=http,
        default_query=query,
        # Azure's mark is the version in the query; there the key goes into a header of its own (and beside, as usual).
        default_headers={"api-key": key} if "api-version" in query else None,
    )
    # The SDK would take these from the environment; the connection alone says which account is meant.
    client.organization, client.project = connection.organization, connection.project
    return client


class OpenAIAccount(BatchAccount):
    """One organisation or project at OpenAI, or at a server that speaks its wire."""

    notes: Mapping[str, str] = {"training_not_available": _CLOSED}

    def __init__(
        self,
        platform: Platform,
        connection: Connection,
        control: openai.AsyncOpenAI,
        evaluation: openai.AsyncOpenAI,
        evaluation_http: Any,
    ) -> None:
        super().__init__(platform, connection)
        self._control = control
        self._batches = Batches(control)
        self._questions = Questions(
            client=evaluation,
            http=evaluation_http,
            path="/chat/completions",
            length_field="max_completion_tokens",
            response=httpx2.Response,
            stream=openai.AsyncStream[object],
            refused=openai.APIStatusError,
        )

    async def preflight(self, plan: Plan) -> Preflight:
        """Whether the account sees the base model, until when, and ever tuned; raises for a bad key or setting."""
        check(plan.method, plan.hyperparameters, self.platform.name)
        try:
            with self._asking("preflight"):
                model = answers.model(plain(await self._control.models.retrieve(plan.model)))
        except NotFound as error:
            return Preflight(problems=(f"this account has no model {plan.model!r}: {error.message}",))
        shutdown = model.shutdown or self._shutdown_by_facts(plan.model)
        ends = (f"{plan.model} and every model tuned on it stop answering on {shutdown}",) if shutdown else ()
        return Preflight(warnings=(*ends, *await self._eligibility()), shutdown=shutdown)

    async def find_file(self, file: ProviderFile) -> RemoteFile | None:
        """The same bytes if the account holds them, by content-derived name and size."""
        with self._asking("find_file"):
            found = await uploads.find(self._control, file)
            return answers.stored_file(found, reused=True) if found else None

    async def upload(
        self, file: ProviderFile, progress: Progress | None = None, book: PartsBook | None = None
    ) -> RemoteFile:
        """Send the bytes, in parts above 512 MB. Validation happens when the job starts."""
        chosen = sizes(self.connection, uploads.SIZES)
        with self._asking("upload"):
            return answers.stored_file(await uploads.send(self._control, file, progress, book, chosen))

    async def file(self, file_id: str) -> RemoteFile:
        """The platform's record of a file."""
        with self._asking("file"):
            return answers.stored_file(plain(await self._control.files.retrieve(file_id)))

    async def create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        """Buy the job: one POST, no retry, no redirect followed."""
        with self._asking("create"):
            body = create_body(plan, files, tag)
            job = await self._control.post(
                "/fine_tuning/jobs",
                cast_to=FineTuningJob,
                body=body,
                options={"max_retries": 0, "follow_redirects": False},
            )
            return answers.job(plain(job))

    async def find(self, tag: str, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """Jobs with our tag in their metadata. A server that ignores or refuses the filter is read through whole.

        `since` is not needed: nothing here relies on the order of the list. Raises `CannotTell` for an endless list.
        """
        with self._asking("find"):
            try:
                found = [raw async for raw in self._listing(metadata={TAG_KEY: tag})]
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                found = [raw async for raw in self._listing()]
            jobs = (answers.job(raw) for raw in found)
            return tuple(job for job in jobs if same_tag(job.tag, tag))

    async def job(self, job_id: str) -> RemoteJob:
        """A pure read."""
        with self._asking("job"):
            return answers.job(plain(await self._control.fine_tuning.jobs.retrieve(job_id)))

    async def jobs(self, limit: int = 100, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The newest `limit` jobs of the account, listed newest first; `since`: none that was created before."""
        found: list[RemoteJob] = []
        with self._asking("jobs"):
            async for raw in self._listing():
                job = answers.job(raw)
                if since is not None and job.created_at is not None and job.created_at < since:
                    break
                found.append(job)
                if len(found) >= limit:
                    break
        return tuple(found)

    async def events(self, job_id: str, after: str | None = None) -> Page[JobEvent]:
        """Events newer than the cursor, oldest first; the platform lists them newest first."""
        newest_first: list[JobEvent] = []
        with self._asking("events"):
            async for raw in self._events(job_id):
                if after and raw.get("id") == after:
                    break
                newest_first.append(answers.event(raw))
        found = tuple(reversed(newest_first))
        return Page(found, found[-1].id if found else after)

    async def metrics(self, job_id: str) -> tuple[MetricPoint, ...]:
        """The curve: from the metric events, joined by the checkpoints and, once the job is over, the result files."""
        with self._asking("metrics"):
            job = answers.job(plain(await self._control.fine_tuning.jobs.retrieve(job_id)))
            newest_first = [raw async for raw in self._events(job_id)]
            sources = answers.measured(reversed(newest_first))
            async for raw in self._checkpoints(job_id):
                metrics = raw.get("metrics") or {}
                sources.append({**metrics, "step": raw.get("step_number")})
            if job.state in TERMINAL_STATES:
                sources += await self._result_rows(job)
            return answers.merged(sources, job.hyperparameters.get("n_epochs"))

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """Saved states by rising step."""
        with self._asking("checkpoints"):
            found = [answers.checkpoint(raw) async for raw in self._checkpoints(job_id)]
        return tuple(sorted(found, key=lambda checkpoint: checkpoint.step))

    async def cancel(self, job_id: str) -> RemoteJob:
        """Ask for the job to be cancelled."""
        with self._asking("cancel"):
            return answers.job(plain(await self._control.fine_tuning.jobs.cancel(job_id)))

    async def pause(self, job_id: str) -> RemoteJob:
        """Ask for the job to be paused."""
        with self._asking("pause"):
            return answers.job(plain(await self._control.fine_tuning.jobs.pause(job_id)))

    async def resume(self, job_id: str) -> RemoteJob:
        """Ask for a paused job to go on."""
        with self._asking("resume"):
            return answers.job(plain(await self._control.fine_tuning.jobs.resume(job_id)))

    async def models(self) -> tuple[RemoteModel, ...]:
        """Every model the account sees, with its shutdown date where the platform tells one."""
        with self._asking("models"):
            listed = await self._control.models.list()
            return tuple(answers.model(plain(model)) for model in listed.data or ())

    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One answer, over the aiohttp transport."""
        with self._asking("complete"):
            return await self._questions.ask(model, messages, sampling, tools)

    def _listing(self, **narrowed: Any) -> AsyncIterator[JsonObject]:
        return every(
            lambda after: self._control.fine_tuning.jobs.list(limit=100, after=after or openai.omit, **narrowed)
        )

    def _events(self, job_id: str) -> AsyncIterator[JsonObject]:
        return every(
            lambda after: self._control.fine_tuning.jobs.list_events(job_id, limit=100, after=after or openai.omit),
            as_it_came=True,
        )

    def _checkpoints(self, job_id: str) -> AsyncIterator[JsonObject]:
        return every(
            lambda after: self._control.fine_tuning.jobs.checkpoints.list(
                job_id, limit=100, after=after or openai.omit
            ),
            as_it_came=True,
        )

    async def _result_rows(self, job: RemoteJob) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        for file_id in job.raw.get("result_files") or ():
            try:
                content = await self._control.files.content(str(file_id))
            except openai.NotFoundError:
                continue  # result files may be deleted by their owner; the events still hold the curve
            rows += answers.result_points(content.content)
        return rows

    async def _eligibility(self) -> tuple[str, ...]:
        # The platform tells it only by refusing the job; that it was never used for tuning can be seen before.
        if not self.connection.is_own_host:
            return ()
        with self._asking("preflight"):
            tuned = items(await self._control.fine_tuning.jobs.list(limit=1))
        return () if tuned else (f"no job was ever created in this account, so it will most likely refuse: {_CLOSED}",)

    def _shutdown_by_facts(self, model: str) -> Any:
        if not self.connection.is_own_host:
            return None
        try:
            return self.platform.model(model).shutdown
        except NotFound:
            return None
