"""What every account has in common: translated failures, retry advice, and "no" to what its platform does not do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING

from . import classify
from .contract import Connection, Platform
from .errors import Auth, Billing, CannotTell, NotFound, ProviderError, Unsupported

if TYPE_CHECKING:
    from .batches import BatchAnswer, RemoteBatch
    from .records import Decision, Lease, Plan, RemoteEstimate, RemoteJob
    from .weights import WeightsKind, WeightsStream

__all__ = ["Account"]

_NO_BATCHES = "this platform answers no batches of questions"


class Account:
    """The ground an adapter's account stands on. Every capability starts at "not supported"; the adapter opts in."""

    notes: Mapping[str, str] = {}
    """A sentence of ours for a platform's error code, put before its own words."""

    def __init__(self, platform: Platform, connection: Connection) -> None:
        self.platform = platform
        self.connection = connection
        self._secrets: tuple[str, ...] = (connection.api_key.reveal(),) if connection.api_key else ()

    def decide(self, error: Exception) -> Decision:
        """Whether an idempotent call that failed so is worth repeating, and after how long."""
        return classify.decide(error)

    async def estimate(self, plan: Plan, files: Mapping[str, str]) -> RemoteEstimate | None:
        """None: the platform has no estimate of its own."""
        return None

    async def pause(self, job_id: str) -> RemoteJob:
        """Raises `Unsupported`."""
        raise self._unsupported("pause", "jobs cannot be paused here")

    async def resume(self, job_id: str) -> RemoteJob:
        """Raises `Unsupported`."""
        raise self._unsupported("resume", "jobs cannot be paused here")

    def weights(
        self,
        job_id: str,
        *,
        kind: WeightsKind | None = None,
        step: int | None = None,
        start: int = 0,
        mark: str | None = None,
    ) -> AbstractAsyncContextManager[WeightsStream]:
        """Raises `Unsupported`."""
        raise self._unsupported("weights", "weights never leave the platform")

    async def serve(self, model: str, tag: str, idle_timeout_s: int) -> Lease:
        """Raises `Unsupported`."""
        raise self._unsupported("serve", "tuned models answer without a machine of their own; there is nothing to rent")

    async def lease(self, lease_id: str) -> Lease:
        """Raises `NotFound`."""
        raise NotFound(f"no lease {lease_id!r}: nothing is rented here", provider=self.platform.name, operation="lease")

    async def find_leases(self, tag_prefix: str) -> tuple[Lease, ...]:
        """Always empty."""
        return ()

    async def teardown(self, lease_id: str) -> Lease | None:
        """Nothing is ever rented here, so nothing is left to stop."""
        return None

    async def create_batch(self, file_id: str, tag: str) -> RemoteBatch:
        """Raises `Unsupported`."""
        raise self._unsupported("create_batch", _NO_BATCHES)

    async def find_batches(self, tag: str, file_id: str | None) -> tuple[RemoteBatch, ...]:
        """Raises `CannotTell`."""
        raise CannotTell(_NO_BATCHES, provider=self.platform.name, operation="find_batches")

    async def batch(self, batch_id: str) -> RemoteBatch:
        """Raises `NotFound`."""
        raise NotFound(f"no batch {batch_id!r}: {_NO_BATCHES}", provider=self.platform.name, operation="batch")

    def batch_output(self, batch: RemoteBatch) -> AsyncGenerator[BatchAnswer, None]:
        """Raises `Unsupported`."""
        raise self._unsupported("batch_output", _NO_BATCHES)

    async def cancel_batch(self, batch_id: str) -> RemoteBatch:
        """Raises `Unsupported`."""
        raise self._unsupported("cancel_batch", _NO_BATCHES)

    @contextmanager
    def _asking(self, operation: str) -> Iterator[None]:
        # The SDK's own exception is not chained: it may repeat a key that the server echoed.
        try:
            yield
        except Exception as error:  # noqa: BLE001  whatever an SDK throws must come out as one of our errors
            raise classify.translate(error, self._asked(operation)) from None

    def _asked(self, operation: str) -> classify.Asked:
        fixes: dict[type[ProviderError], str] = {
            Auth: f"check {self.platform.key_variable or 'the key'} and the project it belongs to",
            Billing: f"add credit or raise the limit in the {self.platform.title} billing settings",
        }
        return classify.Asked(self.platform.name, operation, self._secrets, self.notes, fixes)

    def _unsupported(self, operation: str, reason: str) -> Unsupported:
        return Unsupported(reason, provider=self.platform.name, operation=operation, nothing_created=True)
