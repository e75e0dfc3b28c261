"""What a place that only answers questions says to all else: "no", with its reason. Its adapter adds `complete`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NoReturn

from .account import Account
from .batches import BatchLimits
from .contract import Dialect, Progress, Secret
from .errors import Unsupported
from .parts import PartsBook
from .records import (
    Capability,
    Checkpoint,
    Example,
    Hyperparameters,
    JobEvent,
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
    RemoteFile,
    RemoteJob,
    RemoteModel,
    Sampling,
    Settling,
    Support,
    TokenRules,
    WebhookNews,
)

__all__ = ["EvaluationOnlyAccount", "EvaluationOnlyPlatform"]

_MARGIN = Decimal("0.30")
"""Nothing is known of the tokenizer: o200k was up to 21.5 % off on 6,599 English rows of ten other vocabularies."""


class EvaluationOnlyPlatform:
    """No job, no file, no price of its own. `reason` says why nothing is trained here."""

    name: str
    title: str
    key_variable: str | None = None
    webhook_variable: str | None = None
    reason = "only answers can be had here; nothing is trained"

    def capabilities(self, on: date) -> Mapping[Capability, Support]:
        """No to every one."""
        return dict.fromkeys(Capability, Support(answer="no", reason=self.reason))

    def models(self) -> Sequence[ModelFacts]:
        """None is known by facts."""
        return ()

    def model(self, name: str) -> ModelFacts:
        """Whatever the name: not tunable, asked as it is, its tokens counted within a wide margin."""
        no = Support(answer="no", reason=self.reason)
        return ModelFacts(name=name, tunable=no, methods=(), token_margin=_MARGIN, tuned_serving="serverless")

    def prices(self, model: str, method: Method, hyperparameters: Hyperparameters) -> Sequence[Price]:
        """None: only the user's own price file can know."""
        return ()

    def token_rules(self, model: str, method: Method, hyperparameters: Hyperparameters) -> TokenRules:
        """The common chat framing; nobody says how this server counts."""
        return TokenRules(source="openai-cookbook, as an estimate")

    def dialect(self, method: Method) -> Dialect:
        """Raises `Unsupported`."""
        self._refuse("dialect")

    def dialect_for(self, model: str, method: Method) -> Dialect:
        """Raises `Unsupported`, unless `dialect` is there."""
        return self.dialect(method)

    def recipe(self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
        """Raises `Unsupported`."""
        self._refuse("recipe")

    def settling(self) -> Settling:
        """Raises `Unsupported`."""
        self._refuse("settling")

    def suffix_limit(self) -> int:
        """Raises `Unsupported`."""
        self._refuse("suffix_limit")

    def requests(
        self,
        plan: Plan,
        files: Sequence[ProviderFile],
        tag: str,
        base_url: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Sequence[PlannedRequest]:
        """Raises `Unsupported`."""
        self._refuse("requests")

    def batch_limits(self) -> BatchLimits | None:
        """None: it answers no batches."""
        return None

    def batch_line(self, custom_id: str, model: str, example: Example, sampling: Sampling) -> bytes:
        """Raises `Unsupported`."""
        self._refuse("batch_line")

    def webhook(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], now: datetime
    ) -> WebhookNews | None:
        """Raises `Unsupported`."""
        self._refuse("webhook")

    def _refuse(self, operation: str) -> NoReturn:
        raise Unsupported(self.reason, provider=self.name, operation=operation, nothing_created=True)


class EvaluationOnlyAccount(Account):
    """Holds no file, no job and no model of its own; what would make one raises `Unsupported`."""

    async def preflight(self, plan: Plan) -> Preflight:
        """Nothing can be started here."""
        return Preflight(problems=(self._why,))

    async def find_file(self, file: ProviderFile) -> RemoteFile | None:
        """Never."""
        return None

    async def upload(
        self, file: ProviderFile, progress: Progress | None = None, book: PartsBook | None = None
    ) -> RemoteFile:
        """Raises `Unsupported`."""
        raise self._unsupported("upload", self._why)

    async def file(self, file_id: str) -> RemoteFile:
        """Raises `Unsupported`."""
        raise self._unsupported("file", self._why)

    async def create(self, plan: Plan, files: Mapping[str, str], tag: str) -> RemoteJob:
        """Raises `Unsupported`: nothing was sent."""
        raise self._unsupported("create", self._why)

    async def find(self, tag: str, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """Always empty."""
        return ()

    async def job(self, job_id: str) -> RemoteJob:
        """Raises `Unsupported`."""
        raise self._unsupported("job", self._why)

    async def jobs(self, limit: int = 100, since: datetime | None = None) -> tuple[RemoteJob, ...]:
        """Always empty."""
        return ()

    async def events(self, job_id: str, after: str | None = None) -> Page[JobEvent]:
        """Raises `Unsupported`."""
        raise self._unsupported("events", self._why)

    async def metrics(self, job_id: str) -> tuple[MetricPoint, ...]:
        """Raises `Unsupported`."""
        raise self._unsupported("metrics", self._why)

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """Always empty."""
        return ()

    async def cancel(self, job_id: str) -> RemoteJob:
        """Raises `Unsupported`."""
        raise self._unsupported("cancel", self._why)

    async def models(self) -> tuple[RemoteModel, ...]:
        """None that could be tuned."""
        return ()

    @property
    def _why(self) -> str:
        return str(getattr(self.platform, "reason", EvaluationOnlyPlatform.reason))
