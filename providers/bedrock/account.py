"""One region of one AWS account through boto3: S3 for files, Bedrock for jobs, its runtime for questions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Any

from .. import facts
from ..account import Account
from ..contract import Connection, Platform, Progress
from ..errors import CannotTell, InvalidData, NotFound, PlatformFault, ProviderError
from ..parts import PartsBook
from ..records import (
    Checkpoint,
    Completion,
    JobEvent,
    JsonObject,
    Lease,
    LeaseState,
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
from ..wire import MAX_PAGES, iso_time
from . import answers
from .bodies import create_body, object_of, place_of
from .clients import Clients, Refused, plain_answer, secrets_of
from .converse import completion_of, request_of, streamed
from .files import SIZES, Files
from .serving import Serving
from .settings import check, family_of

__all__ = ["BedrockAccount", "opened"]

_TAKEN = frozenset({"ConflictException", "ResourceInUseException"})
"""The name, which is our tag's, is taken already (the latter by moto)."""

_ABSENT = frozenset({"ResourceNotFoundException", "ValidationException"})
"""A name that no job has is not found, or no valid one."""

_TRAINING = "training_artifacts/"
_VALIDATION = "validation_artifacts/"


@asynccontextmanager
async def opened(platform: Platform, connection: Connection) -> AsyncIterator[BedrockAccount]:
    """The account, its connections closed at the end."""
    clients = Clients(connection)
    try:
        yield BedrockAccount(platform, connection, clients)
    finally:
        clients.close()


class BedrockAccount(Account):
    """Bedrock in one region, or a server that speaks its wire and S3's."""

    notes: Mapping[str, str] = {
        "ModelNotReadyException": "the deployment is still starting",
        "UnrecognizedClientException": "AWS does not know this access key",
    }

    def __init__(self, platform: Platform, connection: Connection, clients: Clients) -> None:
        super().__init__(platform, connection)
        self._secrets = secrets_of(connection)
        self._clients = clients
        self._files = Files(clients)
        options = connection.options
        self._serving = Serving(clients, options.get("serving", "on-demand"), int(options.get("model_units", "1")))

    async def preflight(self, plan: Plan) -> Preflight:
        """Whether this region tunes the base, until when it lives, and whether the bucket can be used."""
        if family_of(plan.model) is None:
            return Preflight(problems=(f"{plan.model!r} is none of the models that Bedrock is known to tune",))
        check(plan.model, plan.method, plan.hyperparameters, self.platform.name)
        place = place_of(self.connection.options)
        try:
            with self._asking("preflight"):
                asked = await self._clients.call("bedrock", "get_foundation_model", modelIdentifier=plan.model)
        except (NotFound, InvalidData) as error:
            return Preflight(problems=(f"{plan.model!r} cannot be tuned here: {error.message}",))
        told = plain_answer(asked).get("modelDetails") or {}
        problems = list(self._ended(plan.model, told))
        try:
            with self._asking("preflight"):
                await self._files.reachable(place.bucket)
        except NotFound as error:
            problems.append(error.message)
        ends = iso_time((told.get("modelLifecycle") or {}).get("endOfLifeTime"))
        warnings = (f"{plan.model} reaches its end of life on {ends:%Y-%m-%d}",) if ends and not problems else ()
        return Preflight(
            problems=tuple(problems), warnings=warnings, shutdown=ends.date() if ends else None, limits=told
        )

    def _ended(self, model: str, told: JsonObject) -> list[str]:
        """Why no job can be made of it today; our dated facts count at AWS itself."""
        today, found = datetime.now(UTC).date(), []
        ends = iso_time((told.get("modelLifecycle") or {}).get("endOfLifeTime"))
        if ends and ends.date() <= today:
            found.append(f"{model} reached its end of life on {ends:%Y-%m-%d}")
        elif self.connection.is_own_host:
            found += _ended_by_facts(self.platform.name, model)
        if "FINE_TUNING" not in (told.get("customizationsSupported") or ()):
            found.append(f"{model!r} cannot be tuned in this region: it is not among what it lists for fine-tuning")
        return found

    async def find_file(self, file: ProviderFile) -> RemoteFile | None:
        """The same bytes if the bucket holds them."""
        place = place_of(self.connection.options)
        with self._asking("find_file"):
            return await self._files.find(place.file(file), file)

    async def upload(
        self, file: ProviderFile, progress: Progress | None = None, book: PartsBook | None = None
    ) -> RemoteFile:
        """Put it into the bucket, in parts above 64 MiB. The rows are read when the job starts."""
        place, chosen = place_of(self.connection.options), sizes(self.connection, SIZES)
        with self._asking("upload"):
            return await self._files.send(place.file(file), file, progress, book, chosen)

    async def file(self, file_id: str) -> RemoteFile:
        """What lies at an s3:// address."""
        with self._asking("file"):
            found = await self._files.stored(object_of(file_id))
            if found is None:
                raise NotFound(f"nothing lies at {file_id}")
            return found

    async def create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        """Buy the job: one POST, no retry. Its token and its name are the tag, so that it makes one job and no second.

        Where the name is taken, an earlier request has made the job already: then that one is read.
        """
        body = create_body(plan, files, tag, place_of(self.connection.options))
        with self._asking("create"):
            try:
                answer = await self._clients.call("bedrock", "create_model_customization_job", **body)
            except Refused as refused:
                if refused.code not in _TAKEN:
                    raise
                return await self._made_before(tag)
            return answers.created(plain_answer(answer), body)

    async def _made_before(self, tag: str) -> RemoteJob:
        try:
            return await self._job(tag)
        except (Refused, ProviderError) as error:
            raise CannotTell(f"the name {tag} is taken, and its job cannot be read: {error}") from None

    async def find(self, tag: str, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The job of that name: listed by it, and where the list does not know it (yet) asked for by it."""
        with self._asking("find"):
            listed = await self._listed(nameContains=tag)
            found = tuple(job for job in listed if same_tag(job.tag, tag))
            if found:
                return found
            try:
                return (await self._job(tag),)
            except Refused as refused:
                if refused.status_code == 404 or refused.code in _ABSENT:
                    return ()
                raise

    async def job(self, job_id: str) -> RemoteJob:
        """A pure read, by name or ARN."""
        with self._asking("job"):
            return await self._job(job_id)

    async def _job(self, job_id: str) -> RemoteJob:
        asked = await self._clients.call("bedrock", "get_model_customization_job", jobIdentifier=job_id)
        return answers.job(plain_answer(asked))

    async def jobs(self, limit: int = 100, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The newest `limit` jobs of the account in this region; `since`: none that was created before."""
        asked: dict[str, Any] = {"creationTimeAfter": since} if since else {}
        with self._asking("jobs"):
            return tuple(await self._listed(most=limit, **asked))

    async def events(self, job_id: str, after: str | None = None) -> Page[JobEvent]:
        """The phases of the job, oldest first; there is no log."""
        found = answers.events((await self.job(job_id)).raw)
        known = [event.id for event in found]
        fresh = found[known.index(after) + 1 :] if after in known else found
        return Page(fresh, known[-1] if known else after)

    async def metrics(self, job_id: str) -> tuple[MetricPoint, ...]:
        """The curve from the CSV files in the output bucket; empty until the job has written them."""
        raw = (await self.job(job_id)).raw
        output, number = raw.get("outputDataConfig"), str(raw.get("jobArn", "")).rsplit("/", 1)[-1]
        if not isinstance(output, Mapping) or not number:
            return ()
        root = object_of(f"{str(output.get('s3Uri')).rstrip('/')}/model-customization-job-{number}/")
        with self._asking("metrics"):
            told = await self._files.texts(root.bucket, f"{root.key}{_TRAINING}", "training_metrics.csv")
            held_out = await self._files.texts(root.bucket, f"{root.key}{_VALIDATION}", "validation_metrics.csv")
        return answers.curve(told, held_out)

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """None: a job leaves one model."""
        return ()

    async def cancel(self, job_id: str) -> RemoteJob:
        """Ask for the job to be stopped; whether the work done is billed is not documented."""
        with self._asking("cancel"):
            await self._clients.call("bedrock", "stop_model_customization_job", jobIdentifier=job_id)
            return await self._job(job_id)

    async def models(self) -> tuple[RemoteModel, ...]:
        """The account's own custom models in this region."""
        with self._asking("models"):
            rows = [row async for row in self._rows("list_custom_models", "modelSummaries", {})]
        return tuple(answers.model(row) for row in rows)

    async def serve(self, model: str, tag: str, idle_timeout_s: int) -> Lease:
        """A deployment or throughput for the model: one paid POST, its name and its token our tag.

        Bedrock knows no idle time-out: the lease says so, and it runs until it is deleted. Where one under this tag
        starts or runs already, that one is given and nothing is bought.
        """
        try:
            running = await self.find_leases(tag)
        except ProviderError as error:
            error.nothing_created = True  # only looked
            raise
        for lease in running:
            if lease.state in (LeaseState.STARTING, LeaseState.READY):
                return lease
        with self._asking("serve"):
            return await self._serving.start(model, tag)

    async def lease(self, lease_id: str) -> Lease:
        """The lease as it stands."""
        with self._asking("lease"):
            return await self._serving.lease(lease_id)

    async def find_leases(self, tag_prefix: str) -> tuple[Lease, ...]:
        """Every deployment and every throughput of ours."""
        with self._asking("find_leases"):
            return await self._serving.ours(tag_prefix)

    async def teardown(self, lease_id: str) -> None:
        """Stop the billing; an absent lease is success."""
        with self._asking("teardown"):
            await self._serving.stop(lease_id)

    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One answer of a base model, or of a deployment or throughput by its ARN."""
        with self._asking("complete"):
            body = request_of(model, messages, sampling, tools)
            ask = _streamed if sampling.stream else _whole
            return await self._clients.run("bedrock-runtime", partial(ask, model=model, body=body))

    async def _listed(self, most: int | None = None, **asked: Any) -> list[RemoteJob]:
        found: list[RemoteJob] = []
        order = {"sortBy": "CreationTime", "sortOrder": "Descending", **asked}
        rows = self._rows("list_model_customization_jobs", "modelCustomizationJobSummaries", order)
        async for row in rows:
            if most is not None and len(found) >= most:
                break
            found.append(answers.job(row))
        return found

    async def _rows(self, operation: str, field: str, asked: Mapping[str, Any]) -> AsyncIterator[JsonObject]:
        more = {"maxResults": 100, **asked}
        for _ in range(MAX_PAGES):
            page = plain_answer(await self._clients.call("bedrock", operation, **more))
            if field not in page:
                raise PlatformFault("the answer is not a listing", body=str(page)[:65_536])
            for row in page[field]:
                yield row
            if not page.get("nextToken"):
                return
            more["nextToken"] = page["nextToken"]
        raise CannotTell(f"the listing does not end within {MAX_PAGES} pages")


def _whole(client: Any, model: str, body: Mapping[str, Any]) -> Completion:
    started = perf_counter()
    answer = client.converse(**body)
    return completion_of(answer, model, perf_counter() - started)


def _streamed(client: Any, model: str, body: Mapping[str, Any]) -> Completion:
    started = perf_counter()
    return streamed(client.converse_stream(**body), model, started)


def _ended_by_facts(platform: str, model: str) -> list[str]:
    try:
        known = facts.model(platform, model)
    except NotFound:
        return []
    return [known.tunable.reason] if known.tunable.answer == "no" else []
