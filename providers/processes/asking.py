"""Servers of this machine as leases, and questions to them. A server is a run folder that ends when it is idle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.to_thread

from ..contract import Connection, Secret
from ..errors import Capacity, NotFound, PlatformFault, Unreachable
from ..records import Completion, JsonObject, Lease, LeaseState, Message, Sampling
from .folder import Launch, Order, RunFolder, claim
from .history import OVER, Standing, standing, why_it_ended
from .reading import is_watched
from .spawning import start_supervisor

if TYPE_CHECKING:
    from ..contract import Provider

__all__ = ["ServerMaker", "Servers"]

_UNASKED_IDLE_S = 300.0
"""How long a server stays that was started only because somebody asked."""
_READY_WITHIN_S = 900.0
_STOPPED_WITHIN_S = 60.0
_LOOK_S = 0.1
_ON_DEMAND = "asked-"
_STATES: Mapping[Standing, LeaseState] = {
    "created": LeaseState.STARTING,
    "running": LeaseState.STARTING,
    "paused": LeaseState.STARTING,
    "died": LeaseState.FAILED,
    "failed": LeaseState.FAILED,
    "succeeded": LeaseState.STOPPED,
    "cancelled": LeaseState.STOPPED,
    "idle": LeaseState.STOPPED,
}
_UP = (LeaseState.STARTING, LeaseState.READY)


class ServerMaker(Protocol):
    """What `Servers` asks of its account."""

    grace_s: float

    def launch_of(self, model: str, folder: Path) -> Launch:
        """The program that serves that model. Raises `NotFound`."""
        ...


class Servers:
    """The servers under one folder."""

    def __init__(self, home: Path, maker: ServerMaker) -> None:
        self._home = home
        self._maker = maker
        self._clients = AsyncExitStack()
        self._open: dict[str, tuple[RunFolder, Provider, str]] = {}
        self._locks: dict[str, anyio.Lock] = {}
        self._own: set[str] = set()

    # ── leases ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, model: str, tag: str, idle_timeout_s: float) -> Lease:
        """Claim the tag's folder and start; one that runs under this tag is answered as it is, one that has ended is
        started again. Raises `NotFound` for a model that is not there."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        order = Order(
            tag=tag,
            launch=self._maker.launch_of(model, self._home / tag),
            job={"model": model},
            about={"model": model},
            created_at=now,
            grace_s=self._maker.grace_s,
            restarts=0,
            idle_timeout_s=idle_timeout_s,
        )
        run, _ = claim(self._home, order)
        if standing(run.journal()) in OVER:
            run.note("resumed")
        run.wish_for("run")
        start_supervisor(run)
        return self._lease(run)

    def lease(self, lease_id: str) -> Lease:
        """Raises `NotFound`."""
        return self._lease(self._run(lease_id))

    def find(self, tag_prefix: str) -> tuple[Lease, ...]:
        """Servers that run or start, whose tag begins so; not those that were started only to be asked."""
        found = [self._lease(run) for run in self._runs() if run.path.name.startswith(tag_prefix)]
        return tuple(lease for lease in found if lease.state not in (LeaseState.STOPPED, LeaseState.FAILED))

    async def stop(self, lease_id: str) -> None:
        """Returns when it has ended. Raises `PlatformFault` where it does not."""
        try:
            run = self._run(lease_id)
        except NotFound:
            return
        with anyio.fail_after(_STOPPED_WITHIN_S):
            while standing(run.journal()) not in OVER:
                if run.wish() != "cancel":
                    run.wish_for("cancel")
                if not is_watched(run):
                    await anyio.to_thread.run_sync(start_supervisor, run)
                await anyio.sleep(_LOOK_S)

    def _lease(self, run: RunFolder) -> Lease:
        order, now = run.order(), standing(run.journal())
        state = _STATES[now]
        if now == "running" and run.wish() == "cancel":
            state = LeaseState.STOPPING
        elif now == "running" and run.server().get("ready"):
            state = LeaseState.READY
        why = why_it_ended(run.journal())
        return Lease(
            id=order.tag,
            model=str(order.about["model"]),
            state=state,
            tag=order.tag,
            idle_timeout_s=int(order.idle_timeout_s or 0),
            raw={"folder": str(run.path), **({"error": why} if why else {})},
        )

    def _run(self, tag: str) -> RunFolder:
        run = RunFolder(self._home / tag)
        if run.path.parent != self._home or not (run.path / "order.json").exists():
            raise NotFound(f"no server {tag!r} here", operation="lease")
        return run

    def _runs(self) -> list[RunFolder]:
        return [RunFolder(path.parent) for path in sorted(self._home.glob("*/order.json"))]

    # ── questions ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def ask(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject]
    ) -> Completion:
        """One answer. A server that is gone meanwhile is looked for again with the next question."""
        run, client, name = await self._connected(model)
        run.asked.touch()
        try:
            answer = await client.complete(name, messages, sampling, tools)
        except Unreachable:
            self._open.pop(model, None)
            raise
        run.asked.touch()
        return answer

    async def _connected(self, model: str) -> tuple[RunFolder, Provider, str]:
        if model in self._open:
            return self._open[model]
        async with self._locks.setdefault(model, anyio.Lock()):
            if model not in self._open:
                run = await self._ready(model)
                self._open[model] = await self._client(run, model)
        return self._open[model]

    async def _ready(self, model: str) -> RunFolder:
        """A server of the model that answers; one is started where there is none."""
        run = await anyio.to_thread.run_sync(self._up, model)
        if run is None:
            tag = _ON_DEMAND + sha256(model.encode()).hexdigest()[:16]
            await anyio.to_thread.run_sync(self.start, model, tag, _UNASKED_IDLE_S)
            self._own.add(tag)
            run = self._run(tag)
        lease, deadline = self._lease(run), anyio.current_time() + _READY_WITHIN_S
        while lease.state is LeaseState.STARTING and anyio.current_time() < deadline:
            await anyio.sleep(_LOOK_S)
            lease = self._lease(run)
        if lease.state is not LeaseState.READY:
            raise Capacity(f"the server of {model} did not start: {lease.raw.get('error') or lease.state.value}")
        return run

    def _up(self, model: str) -> RunFolder | None:
        found = [(self._lease(run), run) for run in self._runs()]
        up = [
            (lease.state is LeaseState.READY, run)
            for lease, run in found
            if lease.state in _UP and (lease.model == model or model in run.server().get("models", ()))
        ]
        alive = [(ready, run) for ready, run in up if is_watched(run)]
        return max(alive, key=lambda pair: pair[0])[1] if alive else None

    async def _client(self, run: RunFolder, model: str) -> tuple[RunFolder, Provider, str]:
        from ..endpoint import endpoint
        from ..endpoint.account import opened

        told = run.server()
        url = f"http://127.0.0.1:{told['port']}/v1"
        connection = Connection(api_key=Secret(run.key_file.read_text(encoding="ascii")), base_url=url)
        client = await self._clients.enter_async_context(opened(endpoint(url), connection))
        names = [str(name) for name in told.get("models", ())]
        if not names:
            raise PlatformFault(f"the server of {model} lists no model")
        return run, client, model if model in names else names[0]

    async def aclose(self) -> None:
        """Close the connections, and end the servers that were started here because somebody asked."""
        with anyio.CancelScope(shield=True):
            await self._clients.aclose()
            for tag in self._own:
                await self.stop(tag)
