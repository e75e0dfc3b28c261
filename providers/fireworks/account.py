"""One Fireworks account through the official SDK's client, with its retries off and its typed calls for what is read.

Whatever is paid is one POST of a body that `bodies` made, so that a later SDK cannot change what is bought. The SDK
(fireworks-ai 1.2.30) sends no telemetry and loads nothing heavy unless its extra `training` is asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import fireworks
import httpx

from ..account import Account
from ..contract import Connection, Platform, Progress
from ..errors import NotFound, PlatformFault, ProviderError
from ..http import http_clients, timeout
from ..parts import PartsBook
from ..questions import Questions
from ..records import (
    Checkpoint,
    Completion,
    JobEvent,
    JsonObject,
    Lease,
    Message,
    Method,
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
from ..wire import plain
from . import answers
from .bodies import OWN_HOST, check, create_body, id_parameter
from .jobs import Jobs
from .limits import breaches, warnings
from .listing import every
from .metrics import points
from .names import DPO, SFT, JobName, collection_of, job_name, model_parts
from .serving import Serving
from .uploads import SIZES, Uploads

__all__ = ["FireworksAccount", "opened"]

_PAGE = 200


@asynccontextmanager
async def opened(platform: Platform, connection: Connection) -> AsyncIterator[FireworksAccount]:
    """The account, its HTTP clients closed at the end."""
    async with http_clients(connection, fireworks, httpx) as http:
        root = (connection.base_url or OWN_HOST).rstrip("/")
        control = _client(connection, root, http.control)
        # Told no other root, the SDK adds this by itself; told one, it does not.
        evaluation = _client(connection, f"{root}/inference", http.evaluation)
        yield FireworksAccount(platform, connection, control, evaluation, http)


def _client(connection: Connection, root: str, http: Any) -> fireworks.AsyncFireworks:
    client = fireworks.AsyncFireworks(
        api_key=connection.api_key.reveal() if connection.api_key else "",
        account_id=connection.project,
        base_url=root,
        max_retries=0,
        timeout=timeout(fireworks, connection),
        http_client=http,
    )
    # The SDK would take it from the environment; the connection alone says which account is meant.
    client.account_id = connection.project
    return client


class FireworksAccount(Account):
    """One account at Fireworks, or at a server that speaks its wire."""

    notes: Mapping[str, str] = {
        "NOT_FOUND": "a tuned model answers only on a machine of its own: serve it first",
        "DEPLOYMENT_SCALING_UP": "the machine had been stopped for being idle and starts again",
    }

    def __init__(
        self,
        platform: Platform,
        connection: Connection,
        control: fireworks.AsyncFireworks,
        evaluation: fireworks.AsyncFireworks,
        http: Any,
    ) -> None:
        super().__init__(platform, connection)
        self._client = control
        self._questions = Questions(
            client=evaluation,
            http=http.evaluation,
            path="/v1/chat/completions",
            length_field="max_tokens",
            response=httpx.Response,
            stream=fireworks.AsyncStream[object],
            refused=fireworks.APIStatusError,
            usage_on_request=False,
        )
        self._account = connection.project
        self._jobs = Jobs(control, http.control, loopback=connection.is_sandbox)
        self._serving = Serving(control, platform.name)
        self._uploads = Uploads(control, http.control, loopback=connection.is_sandbox)

    # ── before anything is sent ─────────────────────────────────────────────────────────────────────────────────────

    async def preflight(self, plan: Plan) -> Preflight:
        """Whether the base can be trained so, as the platform itself says, and what will not be used."""
        check(plan.method, plan.hyperparameters, self.platform.name)
        with self._asking("preflight"):
            await self._id()
        told: dict[str, JsonObject] = {}
        for name in _starts(plan):
            try:
                with self._asking("preflight"):
                    parts = model_parts(name)
                    told[name] = plain(await self._client.models.get(parts.id, account_id=parts.account))
            except NotFound as error:
                return Preflight(problems=(f"{name!r} cannot be tuned here: {error.message}",))
        base = told[plan.model]
        return Preflight(problems=breaches(plan, base), warnings=warnings(plan, base))

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def find_file(self, file: ProviderFile) -> RemoteFile | None:
        """The same bytes, if a data set of their hash is READY; one that still waits may never have got them."""
        with self._asking("find_file"):
            raw = await self._uploads.find(file, await self._id())
        found = answers.dataset(raw, reused=True) if raw else None
        return found if found is not None and found.state == "ready" else None

    async def upload(
        self, file: ProviderFile, progress: Progress | None = None, book: PartsBook | None = None
    ) -> RemoteFile:
        """Make the data set and fill it; one that is READY already is used again."""
        known = await self.find_file(file)
        if known is not None:
            return known
        with self._asking("upload"):
            whole_up_to = sizes(self.connection, SIZES).whole_up_to
            return answers.dataset(await self._uploads.send(file, await self._id(), progress, whole_up_to))

    async def file(self, file_id: str) -> RemoteFile:
        """How far the platform has read it."""
        with self._asking("file"):
            return answers.dataset(plain(await self._client.datasets.get(file_id, account_id=await self._id())))

    # ── buying ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def estimate(self, plan: Plan, files: Mapping[str, str]) -> RemoteEstimate | None:
        """What the platform estimates a supervised job to cost; None for a preference job, for which it cannot."""
        if plan.method is Method.DPO:
            return None
        with self._asking("estimate"):
            account = await self._id()
            told = await self._jobs.estimate(create_body(plan, files, "", account), account)
            usd = answers.usd_of(told.get("estimatedCost"))
        return RemoteEstimate(usd=usd, detail=None if usd is not None else "no estimate")

    async def create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        """Buy the job: one POST under our tag as its id, no retry, no redirect followed.

        Where the id is taken, an earlier request of this very plan arrived: that job is ours, and is given.
        """
        with self._asking("create"):
            account, collection = await self._id(), collection_of(plan.method)
            body = create_body(plan, files, tag, account)
            try:
                told = await self._jobs.buy(collection, id_parameter(plan.method), tag, body, account)
            except fireworks.ConflictError:
                told = await self._existing(JobName(collection, tag), account)
            return answers.job(told, account)

    async def _existing(self, name: JobName, account: str) -> JsonObject:
        """The job that was there already. That it cannot be read proves nothing about it."""
        try:
            return await self._jobs.get(name, account)
        except fireworks.APIError as error:
            raise PlatformFault(f"job {name.id} exists already, and cannot be read: {error}") from None

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def find(self, tag: str, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The jobs whose id is our tag, asked for by that id: no list can lag."""
        account, found = await self._named("find"), []
        for collection in (SFT, DPO):
            try:
                with self._asking("find"):
                    found.append(answers.job(await self._jobs.get(JobName(collection, tag.lower()), account), account))
            except NotFound:
                continue
        return tuple(found)

    async def job(self, job_id: str) -> RemoteJob:
        """A pure read."""
        with self._asking("job"):
            account = await self._id()
            return answers.job(await self._jobs.read(job_id, account), account)

    async def jobs(self, limit: int = 100, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The newest `limit` jobs of the account, supervised and by preference; `since`: none created before."""
        epoch = datetime.min.replace(tzinfo=UTC)
        with self._asking("jobs"):
            account = await self._id()
            raws = [raw for collection in (SFT, DPO) async for raw in self._jobs.every(collection, account)]
            found = [answers.job(raw, account) for raw in raws]
        fresh = [one for one in found if since is None or (one.created_at or since) >= since]
        return tuple(sorted(fresh, key=lambda one: one.created_at or epoch, reverse=True)[:limit])

    async def events(self, job_id: str, after: str | None = None) -> Page[JobEvent]:
        """What the job's record says now that it did not say at the last look; see `answers.events`."""
        with self._asking("events"):
            found = answers.events(await self._jobs.read(job_id, await self._id()), after)
        return Page(found, found[-1].id if found else after)

    async def metrics(self, job_id: str) -> tuple[MetricPoint, ...]:
        """The curve, from the file that the job's signed address gives; none until there is one."""
        with self._asking("metrics"):
            account = await self._id()
            raw = await self._jobs.read(job_id, account)
            preference = job_name(str(raw.get("name"))).collection == DPO
            return points(await self._jobs.metrics_file(raw, account), preference=preference)

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """None: no call lists them."""
        return ()

    async def cancel(self, job_id: str) -> RemoteJob:
        """Ask for the job to be cancelled."""
        with self._asking("cancel"):
            account = await self._id()
            return answers.job(await self._jobs.cancel(job_id, account), account)

    async def resume(self, job_id: str) -> RemoteJob:
        """Let a job go on that the platform has paused. Nothing pauses one on demand."""
        with self._asking("resume"):
            account = await self._id()
            return answers.job(await self._jobs.resume(job_id, account), account)

    # ── models and machines ─────────────────────────────────────────────────────────────────────────────────────────

    async def models(self) -> tuple[RemoteModel, ...]:
        """The account's own models. What Fireworks offers to everybody is in its public catalogue."""

        async def page(token: str | None) -> Any:
            options: dict[str, Any] = {"page_token": token} if token else {}
            return await self._client.models.list(account_id=account, page_size=_PAGE, **options)

        with self._asking("models"):
            account = await self._id()
            return tuple([answers.model(raw) async for raw in every(page, "models")])

    async def serve(self, model: str, tag: str, idle_timeout_s: int) -> Lease:
        """Rent a machine for the model: one paid POST after what costs nothing, scaled to zero when idle.

        The idle time is at least five minutes. Where one under this tag is there already, that is given (and woken).
        """
        try:
            with self._asking("serve"):
                account = await self._id()
                running = await self._serving.running(tag, account)
                if running is not None:
                    return running
                gpu = self.connection.options.get("accelerator")
                id, body = await self._serving.prepare(model, tag, idle_timeout_s, account, gpu)
        except ProviderError as error:
            error.nothing_created = True
            raise
        with self._asking("serve"):
            return await self._serving.deploy(id, body, account)

    async def lease(self, lease_id: str) -> Lease:
        """The lease as it stands."""
        with self._asking("lease"):
            return await self._serving.lease(lease_id, await self._id())

    async def find_leases(self, tag_prefix: str) -> tuple[Lease, ...]:
        """Every deployment of ours that is not gone, running or scaled to zero."""
        with self._asking("find_leases"):
            return tuple(await self._serving.ours(tag_prefix, await self._id()))

    async def teardown(self, lease_id: str) -> None:
        """Delete the deployment; an absent one is success."""
        with self._asking("teardown"):
            await self._serving.stop(lease_id, await self._id())

    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One answer, over the aiohttp transport."""
        with self._asking("complete"):
            return await self._questions.ask(model, messages, sampling, tools)

    # ── the wire ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _named(self, operation: str) -> str:
        with self._asking(operation):
            return await self._id()

    async def _id(self) -> str:
        """The account's id: the connection's, else the only one that the key opens."""
        if self._account is None:
            found = [raw async for raw in every(self._accounts, "accounts")]
            if len(found) != 1:
                raise NotFound(f"this key opens {len(found)} accounts", fix="set FIREWORKS_ACCOUNT_ID")
            self._account = str(found[0].get("name") or "").removeprefix("accounts/")
        return self._account

    async def _accounts(self, token: str | None) -> Any:
        options: dict[str, Any] = {"page_token": token} if token else {}
        return await self._client.accounts.list(page_size=_PAGE, **options)


def _starts(plan: Plan) -> tuple[str, ...]:
    """The models that a job would begin from."""
    warm = plan.hyperparameters.extra.get("warm_start_from")
    return (plan.model, str(warm)) if warm else (plan.model,)
