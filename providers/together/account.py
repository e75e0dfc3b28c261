"""One Together account through the official SDK, without its helper that posts a job after two requests of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import together
from together.lib.resources.files import FileAlreadyExistsError
from together.types.finetune_response import FinetuneResponse

from ..batch_account import BatchAccount
from ..contract import Connection, Platform, Progress
from ..errors import InvalidData, NotFound, ProviderError
from ..http import http_clients, timeout
from ..parts import PartsBook
from ..questions import Questions
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
    RemoteEstimate,
    RemoteFile,
    RemoteJob,
    RemoteModel,
    Sampling,
)
from ..sending import sizes
from ..tags import same_tag
from ..weights import WeightsKind, WeightsStream
from ..wire import integer, items, plain
from . import answers
from .batches import Batches
from .bodies import OWN_HOST, check, create_body, estimate_body
from .leases import current, lease_of
from .limits import breaches
from .serving import Serving
from .uploads import SIZES, Uploads
from .weights import as_stream, checkpoint_of, request

__all__ = ["TogetherAccount", "opened"]

_INFERENCE_HOST = "https://api-inference.together.ai"
"""Where the SDK itself sends questions, unless another base URL is given (together 3.1.1)."""


@asynccontextmanager
async def opened(platform: Platform, connection: Connection) -> AsyncIterator[TogetherAccount]:
    """The account, its HTTP clients closed at the end."""
    async with http_clients(connection, together, httpx) as http:
        control = _client(connection, OWN_HOST, http.control)
        evaluation = _client(connection, _INFERENCE_HOST, http.evaluation)
        yield TogetherAccount(platform, connection, control, evaluation, http.evaluation)


def _client(connection: Connection, own_host: str, http: Any) -> together.AsyncTogether:
    client = together.AsyncTogether(
        api_key=connection.api_key.reveal() if connection.api_key else "",
        base_url=connection.base_url or own_host,
        max_retries=0,
        timeout=timeout(together, connection),
        http_client=http,
    )
    # The SDK would take it from the environment; the connection alone says which project is meant.
    client.project_id = connection.project
    return client


class TogetherAccount(BatchAccount):
    """One project at Together, or at a server that speaks its wire."""

    notes: Mapping[str, str] = {
        "model_not_available": "this model answers only on a machine of its own: serve it first"
    }

    def __init__(
        self,
        platform: Platform,
        connection: Connection,
        control: together.AsyncTogether,
        evaluation: together.AsyncTogether,
        evaluation_http: Any,
    ) -> None:
        super().__init__(platform, connection)
        self._control = control
        self._questions = Questions(
            client=evaluation,
            http=evaluation_http,
            path="/v1/chat/completions",
            length_field="max_tokens",
            response=httpx.Response,
            stream=together.AsyncStream[object],
            refused=together.APIStatusError,
        )
        self._serving = Serving(control, connection.project)
        self._batches = Batches(control)

    async def preflight(self, plan: Plan) -> Preflight:
        """The base model's live limits, each setting that breaks one of them, and a checkpoint that does not fit."""
        check(plan.method, plan.hyperparameters, self.platform.name)
        try:
            with self._asking("preflight"):
                limits = plain(await self._control.fine_tuning.model_limits(model_name=plan.model))
        except (NotFound, InvalidData) as error:
            return Preflight(problems=(f"{plan.model!r} cannot be tuned here: {error.message}",))
        return Preflight(problems=(*breaches(plan, limits), *await self._checkpoint_problems(plan)), limits=limits)

    async def _checkpoint_problems(self, plan: Plan) -> tuple[str, ...]:
        """A checkpoint is named by its job, or by a model's name, which only the paid request can judge."""
        job_id = str(plan.hyperparameters.extra.get("from_checkpoint") or "").partition(":")[0]
        if not job_id.startswith("ft-"):
            return ()
        try:
            with self._asking("preflight"):
                job = plain(await self._control.fine_tuning.retrieve(job_id))
        except NotFound:
            return (f"from_checkpoint: this account has no job {job_id!r}",)
        if job.get("model") == plan.model:
            return ()
        return (f"from_checkpoint: job {job_id} trained {job.get('model')}, and this plan is for {plan.model}",)

    async def find_file(self, file: ProviderFile) -> RemoteFile | None:
        """The same bytes if the account holds them and has read them, by the hash in their name and their size.

        One that is still "processing" may be an upload that never arrived; asked to take the bytes, the platform itself
        tells the two apart.
        """
        with self._asking("find_file"):
            for raw in items(await self._control.files.list()):
                same = file.sha256[:24] in str(raw.get("filename")) and integer(raw.get("bytes")) == file.size
                if same and (found := answers.stored_file(raw, reused=True)).state == "ready":
                    return found
        return None

    async def upload(
        self, file: ProviderFile, progress: Progress | None = None, book: PartsBook | None = None
    ) -> RemoteFile:
        """Announce with checksum, send (in parts above 5 GB), have it read. 409 for bytes that it holds already."""
        chosen = sizes(self.connection, SIZES)
        with self._asking("upload"):
            try:
                sent = await Uploads(self._control).send(file, progress, book, chosen)
            except FileAlreadyExistsError as known:
                return answers.stored_file(plain(await self._control.files.retrieve(known.file_id)), reused=True)
            return answers.stored_file(sent)

    async def file(self, file_id: str) -> RemoteFile:
        """How far the platform has read it; a refused file carries the validation report's words."""
        with self._asking("file"):
            return answers.stored_file(plain(await self._control.files.retrieve(file_id)))

    async def estimate(self, plan: Plan, files: Mapping[str, str]) -> RemoteEstimate | None:
        """The platform's own price estimate, and whether it would let the account go on."""
        body: Any = estimate_body(plan, files)
        with self._asking("estimate"):
            return answers.estimate(plain(await self._control.fine_tuning.estimate_price(**body)))

    async def create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        """Buy the job: one POST, no retry, no redirect followed."""
        with self._asking("create"):
            body = create_body(plan, files, tag)
            job = await self._control.post(
                "/v1/fine-tunes",
                cast_to=FinetuneResponse,
                body=body,
                options={"max_retries": 0, "follow_redirects": False},
            )
            return answers.job(plain(job), datetime.now(UTC))

    async def find(self, tag: str, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """Jobs with our tag in their suffix or output name; the platform has no filter and lists all at once."""
        with self._asking("find"):
            return tuple(job for job in await self._listed() if same_tag(job.tag, tag))

    async def job(self, job_id: str) -> RemoteJob:
        """A pure read."""
        with self._asking("job"):
            return answers.job(plain(await self._control.fine_tuning.retrieve(job_id)), datetime.now(UTC))

    async def jobs(self, limit: int = 100, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The newest `limit` jobs of the account; `since`: none that was created before."""
        with self._asking("jobs"):
            listed = await self._listed()
        epoch = datetime.min.replace(tzinfo=UTC)
        dated = [
            (job.created_at or epoch, job) for job in listed if since is None or (job.created_at or since) >= since
        ]
        return tuple(job for _, job in sorted(dated, key=lambda pair: pair[0], reverse=True)[:limit])

    async def events(self, job_id: str, after: str | None = None) -> Page[JobEvent]:
        """Events newer than the cursor, oldest first; the platform gives all of them each time."""
        with self._asking("events"):
            found = answers.events(items(await self._control.fine_tuning.list_events(job_id)))
        known = [event.id for event in found]
        fresh = found[known.index(after) + 1 :] if after in known else found
        return Page(fresh, known[-1] if known else after)

    async def metrics(self, job_id: str) -> tuple[MetricPoint, ...]:
        """The curve as the platform logged it."""
        with self._asking("metrics"):
            rows = plain(await self._control.fine_tuning.list_metrics(job_id)).get("metrics")
            return answers.metrics(rows if isinstance(rows, list) else ())

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """Saved states by rising step."""
        with self._asking("checkpoints"):
            rows = items(await self._control.fine_tuning.list_checkpoints(job_id))
        return tuple(sorted((answers.checkpoint(raw, job_id) for raw in rows), key=lambda found: found.step))

    async def cancel(self, job_id: str) -> RemoteJob:
        """Ask for the job to be cancelled; steps already done are billed."""
        with self._asking("cancel"):
            return answers.job(plain(await self._control.fine_tuning.cancel(job_id)), datetime.now(UTC))

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
        """The job's archive from byte `start` on, of the final model or of the checkpoint at `step`."""
        async with AsyncExitStack() as stack:
            with self._asking("weights"):
                checkpoint = checkpoint_of(plain(await self._control.fine_tuning.retrieve(job_id)), kind)
                asked = request(self._control, job_id, checkpoint, step, start, mark)
                response = await stack.enter_async_context(asked)
                found = as_stream(response, self._chunks(response))
            yield found

    async def _chunks(self, response: Any) -> AsyncIterator[bytes]:
        with self._asking("weights"):
            async for chunk in response.iter_bytes():
                yield chunk

    async def models(self) -> tuple[RemoteModel, ...]:
        """The project's own models. What the platform offers to everybody is in its public catalogue."""
        with self._asking("models"):
            own = await self._serving.project_models()
        return tuple(answers.model(raw) for raw in own)

    async def serve(self, model: str, tag: str, idle_timeout_s: int) -> Lease:
        """Rent a machine for the model: one paid POST after what costs nothing, the idle time-out always set.

        The time-out is the shortest that Together takes and that is not shorter than asked: 30 minutes to a day. Where
        a machine under this tag starts or runs already, that one is given and nothing is bought.
        """
        try:
            with self._asking("serve"):
                rental = await self._serving.prepare(model, tag, self.connection.options.get("config"))
        except ProviderError as error:
            error.nothing_created = True  # an endpoint without a deployment bills nothing, and bears our tag
            raise
        running = await self._lease_of(rental.endpoint)
        if running.state in (LeaseState.STARTING, LeaseState.READY):
            return running
        with self._asking("serve"):
            deployment = await self._serving.deploy(rental, idle_timeout_s)
            return lease_of(rental.endpoint, deployment, self._serving.known_hourly_usd(deployment.get("hardware")))

    async def lease(self, lease_id: str) -> Lease:
        """The lease as it stands."""
        with self._asking("lease"):
            return await self._lease_of(await self._serving.endpoint(lease_id))

    async def find_leases(self, tag_prefix: str) -> tuple[Lease, ...]:
        """Every endpoint of ours, whether it still bills or not."""
        with self._asking("find_leases"):
            return tuple([await self._lease_of(raw) for raw in await self._serving.ours(tag_prefix)])

    async def teardown(self, lease_id: str) -> Lease | None:
        """Stop the billing and clear away; an absent lease is success."""
        with self._asking("teardown"):
            endpoint = await self._serving.stop(lease_id)
        if endpoint is None:
            return None
        deployment = current(endpoint)
        price = self._serving.known_hourly_usd(deployment.get("hardware")) if deployment else None
        return lease_of(endpoint, deployment, price)

    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One answer, over the aiohttp transport."""
        with self._asking("complete"):
            return await self._questions.ask(model, messages, sampling, tools)

    async def _listed(self) -> list[RemoteJob]:
        now = datetime.now(UTC)
        return [answers.job(raw, now) for raw in items(await self._control.fine_tuning.list())]

    async def _lease_of(self, endpoint: JsonObject) -> Lease:
        deployment = current(endpoint)
        with self._asking("lease"):
            hourly_usd = await self._serving.hourly_usd(deployment.get("hardware")) if deployment else None
        return lease_of(endpoint, deployment, hourly_usd)
