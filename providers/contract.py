"""The seam: what the orchestrator may ask of any platform.

`Platform` is what can be said with no key and no network: facts, prices, formats, the exact requests.
`Provider` is one account on it, opened with a `Connection`: async only, one request a method unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from .batches import BatchAnswer, BatchLimits, RemoteBatch
from .parts import PartsBook
from .records import (
    Capability,
    Checkpoint,
    Completion,
    Decision,
    Example,
    Hyperparameters,
    JobEvent,
    JsonObject,
    Lease,
    Message,
    Method,
    MetricPoint,
    ModelFacts,
    Page,
    Plan,
    PlannedRequest,
    Preflight,
    Price,
    ProviderFile,
    Recipe,
    RemoteEstimate,
    RemoteFile,
    RemoteJob,
    RemoteModel,
    Sampling,
    Settling,
    Support,
    TokenRules,
    WebhookNews,
)
from .weights import WeightsKind, WeightsStream

__all__ = ["Connection", "Dialect", "PartsBook", "Platform", "Progress", "Provider", "Secret"]

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all)."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Secret:
    """A key that does not print itself, and refuses to be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the one place that builds the client."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a Secret is never pickled: pass the name of its environment variable instead")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach one account. `base_url` None means the platform's own host.

    `account` is the organisation or project id, or a name the user gave; never derived from the key.
    `state_dir`: where an embedded platform keeps its state. `http`: an injected `httpx.AsyncClient` (tests).
    """

    api_key: Secret | None
    base_url: str | None = None
    account: str = "default"
    organization: str | None = None
    project: str | None = None
    state_dir: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    http: Any = None

    @property
    def ref(self) -> str:
        """The account as a ledger knows it: its id or name, and the server where it is not the platform's own."""
        if self.base_url is None:
            return self.account
        # Without an id of its own, an adapter puts the server before the name already.
        return f"{self.account.removeprefix(f'{self.base_url}#')}@{self.base_url}"

    @property
    def is_sandbox(self) -> bool:
        """True at a loopback address: what is spent there is not money."""
        return self.base_url is not None and (urlsplit(self.base_url).hostname or "") in _LOOPBACK

    @property
    def is_own_host(self) -> bool:
        """True at the platform's own hosts, where our dated facts apply."""
        return self.base_url is None


@runtime_checkable
class Dialect(Protocol):
    """One platform's way to write an example as one JSON object a line. Pure; `decode(encode(x)) == x`."""

    name: str

    def encode(self, example: Example) -> JsonObject:
        """The line's JSON object. Raises `Unsupported` naming what this dialect cannot express."""
        ...

    def decode(self, line: JsonObject) -> Example:
        """The example back. Raises `InvalidData` naming the field."""
        ...


class Platform(Protocol):
    """What can be said of a platform without a key and without the network."""

    name: str
    title: str
    key_variable: str | None

    @property
    def webhook_variable(self) -> str | None:
        """The environment variable of the webhooks' signing secrets; None where the platform sends none."""
        ...

    def capabilities(self, on: date) -> Mapping[Capability, Support]: ...

    def dialect(self, method: Method) -> Dialect: ...

    def dialect_for(self, model: str, method: Method) -> Dialect:
        """The lines that this base model is trained on: `dialect(method)` where a platform's models all take the same.

        Raises `Unsupported` for a method that the model is not trained by.
        """
        ...

    def models(self) -> Sequence[ModelFacts]:
        """The base models known by our dated facts."""
        ...

    def model(self, name: str) -> ModelFacts:
        """Facts of one base model. Raises `NotFound` with the nearest names; never guesses a price."""
        ...

    def prices(self, model: str, method: Method, hyperparameters: Hyperparameters) -> Sequence[Price]:
        """Dated price rows for this model and method (training, base and tuned inference, hosting)."""
        ...

    def token_rules(self, model: str, method: Method, hyperparameters: Hyperparameters) -> TokenRules: ...

    def recipe(self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
        """`given` completed by presets. Raises `Unsupported` naming any value this platform cannot take."""
        ...

    def settling(self) -> Settling: ...

    def batch_limits(self) -> BatchLimits | None:
        """The most that one batch of questions may hold; None where the platform has no batches."""
        ...

    def batch_line(self, custom_id: str, model: str, example: Example, sampling: Sampling) -> bytes:
        """One question as one line of a batch's input file. Raises `Unsupported` where there are no batches."""
        ...

    def suffix_limit(self) -> int:
        """Most characters of the user's own suffix, beside our tag."""
        ...

    def requests(
        self,
        plan: Plan,
        files: Sequence[ProviderFile],
        tag: str,
        base_url: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Sequence[PlannedRequest]:
        """Every request a submission of this plan would send, in order, with the exact bodies.

        `ids` maps a file's role to its remote id, once it has one; until then a word in brackets stands for it.
        """
        ...

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """Keys and URLs from the environment. Raises `Auth` naming the variable that is missing."""
        ...

    def webhook(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], now: datetime
    ) -> WebhookNews | None:
        """What a delivery says, its signature and its time held first; None where it is about no job.

        Raises `InvalidData` for what is no webhook, `Auth` for one that is not the platform's or not of now, and
        `Unsupported` where the platform sends none.
        """
        ...

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]: ...


class Provider(Protocol):
    """One account on a platform. Every method raises `ProviderError` and nothing else for what the platform does."""

    platform: Platform
    connection: Connection

    async def preflight(self, plan: Plan) -> Preflight:
        """Read-only: key, eligibility, base model's shutdown date, live limits. Called before any upload."""
        ...

    async def find_file(self, file: ProviderFile) -> RemoteFile | None:
        """The same bytes if the account already holds them."""
        ...

    async def upload(
        self, file: ProviderFile, progress: Progress | None = None, book: PartsBook | None = None
    ) -> RemoteFile:
        """Send the bytes. May answer "processing"; then poll `file`.

        A large file goes in parts; called again with the same `book`, only what is missing is sent. Raises
        `InvalidData` where the file no longer holds the bytes that were prepared.
        """
        ...

    async def file(self, file_id: str) -> RemoteFile: ...

    async def estimate(self, plan: Plan, files: Mapping[str, str]) -> RemoteEstimate | None:
        """The platform's own estimate for uploaded `files` (role → id); None where it has none."""
        ...

    async def create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        """Buy the job: exactly one POST, no retry. `files` maps role ("train", "validation") to remote id.

        A `ProviderError` with `nothing_created=True` proves that nothing was bought; any other is in doubt.
        """
        ...

    async def find(self, tag: str, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """Jobs carrying our tag. Raises `CannotTell` where the platform has no way to look."""
        ...

    async def job(self, job_id: str) -> RemoteJob:
        """A pure read."""
        ...

    async def jobs(self, limit: int = 100, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """The newest `limit` jobs of the account; `since`: none that was created before. A job may be missing."""
        ...

    async def events(self, job_id: str, after: str | None = None) -> Page[JobEvent]:
        """Events newer than the cursor, oldest first."""
        ...

    async def metrics(self, job_id: str) -> tuple[MetricPoint, ...]:
        """Points by rising step, from whatever source the platform has (events, metrics, result file)."""
        ...

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]: ...

    def weights(
        self,
        job_id: str,
        *,
        kind: WeightsKind | None = None,
        step: int | None = None,
        start: int = 0,
        mark: str | None = None,
    ) -> AbstractAsyncContextManager[WeightsStream]:
        """The archive of what the job has made, or of its checkpoint at `step`, from byte `start` on.

        `mark`: of which archive the first `start` bytes are known; a platform that holds another one sends all of its
        own. Raises `Unsupported` where weights are never given.
        """
        ...

    async def cancel(self, job_id: str) -> RemoteJob: ...

    async def pause(self, job_id: str) -> RemoteJob: ...

    async def resume(self, job_id: str) -> RemoteJob: ...

    async def models(self) -> tuple[RemoteModel, ...]: ...

    async def serve(self, model: str, tag: str, idle_timeout_s: int) -> Lease:
        """Start hourly-billed serving of `model`: one paid POST, an idle timeout always set."""
        ...

    async def lease(self, lease_id: str) -> Lease: ...

    async def find_leases(self, tag_prefix: str) -> tuple[Lease, ...]: ...

    async def teardown(self, lease_id: str) -> Lease | None:
        """Stop the billing. Idempotent: an already absent lease is success.

        Answers the lease as it stood until then where its machine comes later than its name: between the caller's look
        and this one it may have come. None elsewhere, and where nothing was found.
        """
        ...

    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion: ...

    async def create_batch(self, file_id: str, tag: str) -> RemoteBatch:
        """Buy the answers to every line of an uploaded input file: exactly one POST, no retry; see `create`."""
        ...

    async def find_batches(self, tag: str, file_id: str | None) -> tuple[RemoteBatch, ...]:
        """Batches of that tag; where a platform keeps no mark of ours, those of that input file, which is one tag's
        alone. Raises `CannotTell` where it has no way to look, or no file to look by."""
        ...

    async def batch(self, batch_id: str) -> RemoteBatch:
        """A pure read."""
        ...

    def batch_output(self, batch: RemoteBatch) -> AsyncGenerator[BatchAnswer, None]:
        """Every line of its output and error files, in no order; a request without an answer may have no line."""
        ...

    async def cancel_batch(self, batch_id: str) -> RemoteBatch:
        """Ask for it to be cancelled; what is answered by then is billed and can be fetched."""
        ...

    def decide(self, error: Exception) -> Decision:
        """Whether an idempotent call that failed so is worth repeating, and after how long."""
        ...
