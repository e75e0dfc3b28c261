"""What can be said, before anything is started, of every platform whose jobs are processes of this machine.

Nothing is billed by anybody: what it costs is hours times the user's own rate, which only their price file can tell.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from pathlib import Path

from ..batches import BatchLimits
from ..contract import Connection, Dialect, Provider, Secret
from ..errors import Unsupported
from ..plans import training_files
from ..records import (
    Capability,
    Example,
    Hyperparameters,
    Method,
    ModelFacts,
    Plan,
    PlannedRequest,
    Price,
    PriceItem,
    ProviderFile,
    Recipe,
    Sampling,
    Settling,
    Support,
    TokenRules,
    WebhookNews,
)
from ..settings import given_settings

__all__ = ["HERE", "ProcessPlatform"]

HERE = "this machine"
_AS_OF = date(2026, 11, 26)
_OURS = "tunewright's own processes"
_SETTLING = Settling(
    window_s=180.0,
    reason="a job is claimed by the name of a folder, there at once or not at all; as long as a process may be held up",
    source=_OURS,
)
_CAN: Mapping[Capability, str] = {
    Capability.SFT: "by the program that is named",
    Capability.VALIDATION_FILE: "the program gets it, and writes what it measures on it",
    Capability.FIND_BY_TAG: "a job's folder has its tag for a name",
    Capability.SERVER_SIDE_KEY: "of two that claim the same tag, one makes the job and both find it",
    Capability.EVENTS: "what happened, and the program's log",
    Capability.METRICS: "as the program writes them, step by step",
    Capability.CHECKPOINTS: "those that the program keeps; each can be asked",
    Capability.CANCEL: "SIGTERM to the whole process group, SIGKILL after a grace",
    Capability.PAUSE: "stopped as by cancel, and started again from the last checkpoint",
    Capability.DEDICATED_SERVING: "a server on this machine at 127.0.0.1, ended when it is idle",
    Capability.DOWNLOAD: "the artefact's folder as a tar archive",
}
_CANNOT: Mapping[Capability, str] = {
    Capability.REMOTE_ESTIMATE: "nobody bills it: hours times your own rate",
    Capability.SERVERLESS_TUNED: "it answers from a server of this machine",
    Capability.WEBHOOKS: "nobody calls: the folder is looked at",
    Capability.BATCH: "questions are asked one by one",
}


class ProcessPlatform:
    """An adapter adds its name, its models, its settings and `open`, and what its `can` and `cannot` say otherwise."""

    name: str
    title: str
    key_variable: str | None = None
    webhook_variable: str | None = None
    can: Mapping[Capability, str] = {}
    cannot: Mapping[Capability, str] = {}

    @abstractmethod
    def model(self, name: str) -> ModelFacts:
        """Facts of a base, or of the base of a tuned model. Raises `NotFound`."""

    @abstractmethod
    def recipe(self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
        """`given` completed by presets. Raises `Unsupported` naming any value that cannot be taken."""

    @abstractmethod
    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """The account."""

    def models(self) -> Sequence[ModelFacts]:
        """None is known before it is named: any path may be one."""
        return ()

    def capabilities(self, on: date) -> Mapping[Capability, Support]:
        """The same on every day: it depends on nobody."""
        yes = {key: reason for key, reason in {**_CAN, **self.can}.items() if key not in self.cannot}
        no = {**_CANNOT, **self.cannot}
        return {
            key: Support(answer="yes", reason=yes[key], source=_OURS, as_of=_AS_OF)
            if key in yes
            else Support(answer="no", reason=no.get(key, "not offered here"), source=_OURS, as_of=_AS_OF)
            for key in Capability
        }

    def dialect_for(self, model: str, method: Method) -> Dialect:
        """The same lines for every model."""
        return self.dialect(method)

    def dialect(self, method: Method) -> Dialect:
        """OpenAI's chat lines, or its preference lines: what most trainers read."""
        from ..dialects import OPENAI_CHAT, OPENAI_PREFERENCE

        return OPENAI_PREFERENCE if method is Method.DPO else OPENAI_CHAT

    def prices(self, model: str, method: Method, hyperparameters: Hyperparameters) -> Sequence[Price]:
        """An hour of the user's own machine, which only the user can price. Raises `NotFound`."""
        self.model(model)
        note = f'what an hour of this machine costs you: provider = "{self.name}", per = "hour" in your price file'
        return [
            Price(item=item, model=model, usd=None, per="hour", as_of=_AS_OF, source=HERE, note=note)
            for item in (PriceItem.TRAIN, PriceItem.HOSTING)
        ]

    def token_rules(self, model: str, method: Method, hyperparameters: Hyperparameters) -> TokenRules:
        """Tokens are counted to see how much there is to learn; nothing is billed by them."""
        return TokenRules(validation_billed=False, source=HERE)

    def settling(self) -> Settling:
        """A folder is there or not; a process may be held up on its way to it."""
        return _SETTLING

    def batch_limits(self) -> BatchLimits | None:
        """None: there are no batches."""
        return None

    def batch_line(self, custom_id: str, model: str, example: Example, sampling: Sampling) -> bytes:
        """Raises `Unsupported`."""
        raise Unsupported(_CANNOT[Capability.BATCH], provider=self.name, operation="batch_line")

    def webhook(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], now: datetime
    ) -> WebhookNews | None:
        """Raises `Unsupported`."""
        raise Unsupported(_CANNOT[Capability.WEBHOOKS], provider=self.name, operation="webhook")

    def suffix_limit(self) -> int:
        """None: a job is named by our tag alone."""
        return 0

    def requests(
        self,
        plan: Plan,
        files: Sequence[ProviderFile],
        tag: str,
        base_url: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Sequence[PlannedRequest]:
        """What would be done here: a copy of each file, and the start of one program, which costs machine hours."""
        copies = [PlannedRequest("COPY", f"files/{file.sha256[:24]}.jsonl", f"{file.size:,} bytes") for file in files]
        known: dict[str, str] = {file.role: (ids or {}).get(file.role, f"<{file.role} file>") for file in files}
        told = training_files(plan, known)
        body = {
            "model": plan.model,
            "method": plan.method.value,
            "train": told.train,
            "validation": told.validation,
            "hyperparameters": given_settings(plan.hyperparameters),
        }
        return [*copies, PlannedRequest("START", f"jobs/{tag}", body, paid=True)]

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """No key and no URL: the account is the state directory's."""
        return Connection(api_key=None, account=account or "default", state_dir=state_dir / self.name)
