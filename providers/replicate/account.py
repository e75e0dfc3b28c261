"""One Replicate account through the official SDK's client: one POST a purchase, and no way to find a lost one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ..account import Account
from ..contract import Connection, Platform, Progress
from ..errors import CannotTell, NotFound, ProviderError, Unsupported
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
    RemoteEstimate,
    RemoteFile,
    RemoteJob,
    RemoteModel,
    Sampling,
)
from ..sending import cut
from ..wire import iso_time
from . import answers
from .bodies import RATE, Known, check, create_body, create_path, destination_of, file_ids
from .client import Wire, wire
from .names import Reference, reference
from .places import problems
from .predictions import Predictions
from .trainer import Inputs, read_trainer

__all__ = ["ReplicateAccount", "opened"]

_PATIENCE_S = 900.0
"""How long one answer may take: a model that nobody asked lately is started first, which takes minutes."""

_LIVES_ON = timedelta(hours=1)
"""A stored file is used again only where it lives on for so long: the trainer fetches it when the job begins."""

_WHERE = "https://replicate.com/trainings"


@asynccontextmanager
async def opened(platform: Platform, connection: Connection, known: Known) -> AsyncIterator[ReplicateAccount]:
    """The account, its HTTP client closed at the end. `known`: what it learns, and `platform` tells its requests by."""
    async with wire(connection) as found:
        yield ReplicateAccount(platform, connection, known, found)


class ReplicateAccount(Account):
    """One account at Replicate, or at a server that speaks its wire."""

    notes: Mapping[str, str] = {}

    def __init__(self, platform: Platform, connection: Connection, known: Known, found: Wire) -> None:
        super().__init__(platform, connection)
        options = connection.options
        self._known, self._wire = known, found
        self._predictions = Predictions(found, float(options.get("prediction_timeout_s", _PATIENCE_S)))
        rate = options.get(RATE)
        self._usd_per_second = Decimal(rate) if rate else None

    # ── before buying ───────────────────────────────────────────────────────────────────────────────────────────────

    async def preflight(self, plan: Plan) -> Preflight:
        """The trainer's version, its inputs held against the plan, and whether the destination is there."""
        name = self.platform.name
        try:
            trainer = check(plan.model, plan.hyperparameters, name)
        except Unsupported as error:
            return Preflight(problems=(f"{error.message}; {error.fix}" if error.fix else error.message,))
        with self._asking("preflight"):
            try:
                inputs = await self._inputs(plan, trainer)
            except (NotFound, Unsupported) as error:
                return Preflight(problems=(error.message,))
            wrong = problems(plan, inputs)
            absent = await self._destination_problems(plan)
        return Preflight(problems=(*wrong, *absent), warnings=self._warnings())

    def _warnings(self) -> tuple[str, ...]:
        unpriced = (
            "what this training costs is not known beforehand, and its bill only where REPLICATE_USD_PER_SECOND says "
            "what the trainer's hardware costs (the trainer's page tells)"
        )
        return (unpriced,) if self._usd_per_second is None else ()

    async def _inputs(self, plan: Plan, trainer: Reference) -> Inputs:
        """What the trainer takes; a version never changes, so it is read once."""
        found = self._known.inputs.get(plan.model)
        if found is not None:
            return found
        version = await self._wire.find(trainer.version_path)
        if version is None:
            raise NotFound(f"there is no {trainer}, or this token may not use it")
        inputs = read_trainer(version).train
        if inputs is None:
            raise Unsupported(f"{trainer} cannot be trained: its schema names no inputs of a training")
        self._known.inputs[plan.model] = inputs
        return inputs

    async def _destination_problems(self, plan: Plan) -> tuple[str, ...]:
        try:
            told = destination_of(plan, self._known.destination)
        except Unsupported as error:
            return (f"{error.message}; {error.fix}",)
        place = reference(told)
        if place is None:
            return (
                "destination: it is not said which model takes the result; --set destination=OWNER/NAME, or export "
                "REPLICATE_DESTINATION=OWNER/NAME",
            )
        if await self._wire.find(place.model_path) is None:
            return (
                f"destination: this account has no model {place}; make it first, private, at "
                "https://replicate.com/create or with replicate.models.create(owner=…, name=…, visibility='private', "
                "hardware=…)",
            )
        return ()

    async def estimate(self, plan: Plan, files: Mapping[str, str]) -> RemoteEstimate | None:
        """None: Replicate has no estimate. The trainer and the files are read here, so that the paid request is known
        to the letter before it is written down."""
        with self._asking("estimate"):
            await self._inputs(plan, check(plan.model, plan.hyperparameters, plan.provider))
            await self._urls(plan, files)
        return None

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def find_file(self, file: ProviderFile) -> RemoteFile | None:
        """The same bytes by their checksum, where they do not expire soon."""
        soon = datetime.now(UTC) + _LIVES_ON
        with self._asking("find_file"):
            async for raw in self._wire.every("/v1/files"):
                sums, expires = raw.get("checksums"), iso_time(raw.get("expires_at"))
                same = isinstance(sums, Mapping) and sums.get("sha256") == file.sha256
                if same and (expires is None or expires > soon):
                    return self._noted(raw, reused=True)
        return None

    async def upload(
        self, file: ProviderFile, progress: Progress | None = None, book: PartsBook | None = None
    ) -> RemoteFile:
        """One request with all the bytes; the Files API has no parts."""
        await cut(file, max(file.size, 1))  # refuses a file that has changed since it was prepared
        with self._asking("upload"):
            with file.path.open("rb") as content:
                raw = await self._wire.send_file(file.remote_name, content, {"sha256": file.sha256})
            sent = self._noted(raw)
        if progress is not None:
            progress(file.size, file.size)
        return sent

    async def file(self, file_id: str) -> RemoteFile:
        """A pure read."""
        with self._asking("file"):
            return self._noted(await self._wire.get(f"/v1/files/{file_id}"))

    def _noted(self, raw: JsonObject, *, reused: bool = False) -> RemoteFile:
        found, urls = answers.stored_file(raw, reused=reused), raw.get("urls")
        url = urls.get("get") if isinstance(urls, Mapping) else None
        if url:
            self._known.urls[found.id] = str(url)
        return found

    async def _urls(self, plan: Plan, files: Mapping[str, str]) -> dict[str, str]:
        """Role → URL. Raises `NotFound` for a file that has expired: the trainer could not fetch it."""
        urls = {}
        for role, id in file_ids(plan, files).items():
            self._noted(await self._wire.get(f"/v1/files/{id}"))
            if id not in self._known.urls:
                raise NotFound(f"file {id} has no URL")
            urls[role] = self._known.urls[id]
        return urls

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        """Buy the training: after two reads that cost nothing, one POST, no retry, no redirect followed."""
        try:
            with self._asking("create"):
                trainer = check(plan.model, plan.hyperparameters, plan.provider)
                inputs = await self._inputs(plan, trainer)
                body = create_body(plan, self._known, inputs, await self._urls(plan, files))
        except ProviderError as error:
            error.nothing_created = True
            raise
        with self._asking("create"):
            return self._job(await self._wire.post(create_path(trainer), body))

    async def find(self, tag: str, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """Raises `CannotTell`: a training has no place for a mark, and one file may be trained on more than once."""
        raise CannotTell(
            f"Replicate keeps no mark of ours on a training. Look at {_WHERE} for one that began at about the time of "
            "the request and has the very inputs that `tunewright jobs show` tells; it may appear some minutes late, "
            "so look again after a quarter of an hour before saying that there is none",
            provider=self.platform.name,
            operation="find",
        )

    async def job(self, job_id: str) -> RemoteJob:
        """A pure read."""
        with self._asking("job"):
            return self._job(await self._training(job_id))

    async def jobs(self, limit: int = 100, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The newest `limit` trainings of the account; `since`: none that was created before."""
        found = list[RemoteJob]()
        with self._asking("jobs"):
            async for raw in self._wire.every("/v1/trainings"):
                found.append(self._job(raw))
                if len(found) >= limit:
                    break
        return tuple(job for job in found if since is None or (job.created_at or since) >= since)

    async def events(self, job_id: str, after: str | None = None) -> Page[JobEvent]:
        """Events newer than the cursor, oldest first; the platform gives the whole log each time."""
        with self._asking("events"):
            found = answers.events(await self._training(job_id))
        known = [event.id for event in found]
        fresh = found[known.index(after) + 1 :] if after in known else found
        return Page(fresh, known[-1] if known else after)

    async def metrics(self, job_id: str) -> tuple[MetricPoint, ...]:
        """What whole lines of the log tell."""
        with self._asking("metrics"):
            return answers.metrics(await self._training(job_id))

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """None: a training makes one version, at its end."""
        with self._asking("checkpoints"):
            await self._training(job_id)
        return ()

    async def cancel(self, job_id: str) -> RemoteJob:
        """Ask for the training to be cancelled; the seconds until then are billed."""
        with self._asking("cancel"):
            return self._job(await self._wire.post(f"/v1/trainings/{job_id}/cancel"))

    async def _training(self, job_id: str) -> JsonObject:
        return await self._wire.get(f"/v1/trainings/{job_id}")

    def _job(self, raw: JsonObject) -> RemoteJob:
        return answers.job(raw, self._usd_per_second)

    # ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def models(self) -> tuple[RemoteModel, ...]:
        """What the account's trainings have made; the platform's list of models is that of everybody's public ones."""
        found = list[RemoteModel]()
        with self._asking("models"):
            async for raw in self._wire.every("/v1/trainings"):
                made = answers.model(raw)
                if made is not None:
                    found.append(made)
        return tuple(found)

    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One prediction, waited for. It is not streamed, so there is no time of the first words."""
        if tools:
            raise self._unsupported("complete", "predictions take no tools")
        with self._asking("complete"):
            return await self._predictions.ask(model, messages, replace(sampling, stream=False))
