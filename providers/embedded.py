"""The sandbox started inside this process: a platform that needs no account, driven through the OpenAI adapter.

Its files, jobs and models live in the connection's `state_dir`, so a later start goes on with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from .contract import Connection, Platform, Provider, Secret
from .errors import Unsupported
from .openai.bodies import planned_requests
from .openai.platform import OpenAIPlatform
from .records import Plan, PlannedRequest, ProviderFile

if TYPE_CHECKING:
    from .sandbox import RunningSandbox

__all__ = ["PLATFORM", "EmbeddedPlatform"]

_LOOPBACK = "http://127.0.0.1"
"""The port is chosen when the sandbox starts; at a loopback address nothing that is spent is money."""


class EmbeddedPlatform(OpenAIPlatform):
    """`sandbox:small`: real HTTP on loopback, a small learner that really learns, and no bill."""

    name = "sandbox"
    title = "Sandbox (on this machine, not a platform)"
    key_variable: str | None = None

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """No key and no URL: both are made when it starts. The account is the state directory's, whatever the port."""
        return Connection(
            api_key=Secret("sandbox"),
            base_url=_LOOPBACK,
            account=account or "sandbox",
            state_dir=state_dir / "sandbox",
        )

    def requests(
        self,
        plan: Plan,
        files: Sequence[ProviderFile],
        tag: str,
        base_url: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Sequence[PlannedRequest]:
        """Every request of a submission, in order; the port is chosen when the sandbox starts."""
        return planned_requests(plan, files, tag, (base_url or f"{_LOOPBACK}:<port>/openai/v1").rstrip("/"), ids)

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """Start it, talk to it, stop it. Raises `Unsupported` when the extra is not installed."""
        return _running(self, connection)


@asynccontextmanager
async def _running(platform: Platform, connection: Connection) -> AsyncIterator[Provider]:
    from .openai.account import opened

    serving = _serving(connection)
    running = await asyncio.to_thread(serving.__enter__)
    try:
        bound = replace(connection, base_url=running.openai_base_url, api_key=Secret(running.api_key))
        async with opened(platform, bound) as account:
            yield account
    finally:
        with anyio.CancelScope(shield=True):
            await asyncio.to_thread(serving.__exit__, None, None, None)


@contextmanager
def _serving(connection: Connection) -> Iterator[RunningSandbox]:
    try:
        from .sandbox import Sandbox, serve
    except ImportError as error:
        raise Unsupported(
            f"the sandbox is not installed ({error.name or error} is missing)",
            provider="sandbox",
            operation="open",
            nothing_created=True,
            fix="pip install 'tunewright[sandbox]'",
        ) from None
    pace = connection.options.get("pace_s")
    sandbox = Sandbox(connection.state_dir, pace_s=float(pace)) if pace else Sandbox(connection.state_dir)
    try:
        with serve(sandbox) as running:
            yield running
    finally:
        sandbox.close()


PLATFORM: Platform = EmbeddedPlatform()
