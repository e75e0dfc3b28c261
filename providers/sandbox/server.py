"""Runs the sandbox's app on loopback, in a daemon thread, on a free port."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from . import bedrock_shapes, fireworks_refusals, vertex_shapes
from .application import API_KEY, app
from .aws_signature import ACCESS_KEY, AWS, SECRET_KEY
from .replicate_trainer import DESTINATION
from .together_shapes import PROJECT
from .world import Sandbox

__all__ = ["RunningSandbox", "run", "serve"]


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """Where a running sandbox listens, and the key that opens it."""

    url: str
    api_key: str = field(repr=False)

    @property
    def openai_base_url(self) -> str:
        return f"{self.url}/openai/v1"

    @property
    def together_base_url(self) -> str:
        return f"{self.url}/together"

    @property
    def fireworks_base_url(self) -> str:
        return f"{self.url}/fireworks"

    @property
    def replicate_base_url(self) -> str:
        return f"{self.url}/replicate"

    @property
    def vertex_base_url(self) -> str:
        return f"{self.url}/vertex"

    @property
    def aws_base_url(self) -> str:
        return f"{self.url}{AWS}"

    @property
    def environ(self) -> dict[str, str]:
        """The environment that points stock clients here."""
        return {
            "OPENAI_BASE_URL": self.openai_base_url,
            "OPENAI_API_KEY": self.api_key,
            "TOGETHER_BASE_URL": self.together_base_url,
            "TOGETHER_API_KEY": self.api_key,
            "TOGETHER_PROJECT_ID": PROJECT,
            "FIREWORKS_BASE_URL": self.fireworks_base_url,
            "FIREWORKS_API_KEY": self.api_key,
            "FIREWORKS_ACCOUNT_ID": fireworks_refusals.ACCOUNT,
            "REPLICATE_BASE_URL": self.replicate_base_url,
            "REPLICATE_API_TOKEN": self.api_key,
            "REPLICATE_DESTINATION": DESTINATION,
            "GOOGLE_VERTEX_BASE_URL": self.vertex_base_url,
            "STORAGE_EMULATOR_HOST": self.vertex_base_url,
            "GOOGLE_CLOUD_PROJECT": vertex_shapes.PROJECT,
            "GOOGLE_CLOUD_LOCATION": vertex_shapes.LOCATION,
            "GOOGLE_OAUTH_ACCESS_TOKEN": self.api_key,
            "TUNEWRIGHT_VERTEX_BUCKET": "gs://tunewright-sandbox",
            "AWS_ENDPOINT_URL": self.aws_base_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": bedrock_shapes.REGION,
            "TUNEWRIGHT_BEDROCK_BUCKET": "tunewright-sandbox",
            "TUNEWRIGHT_BEDROCK_ROLE_ARN": f"arn:aws:iam::{bedrock_shapes.ACCOUNT}:role/tunewright",
        }


@contextmanager
def serve(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> Iterator[RunningSandbox]:
    """Serve from a daemon thread until the block ends; the sandbox itself stays open. Raises `OSError` (port taken)."""
    listener = _listen(host, port)
    server = uvicorn.Server(_config(sandbox))
    thread = threading.Thread(target=_run, args=(server, listener), name="sandbox-server", daemon=True)
    thread.start()
    try:
        _await_start(server, thread)
        yield _where(listener)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def run(
    sandbox: Sandbox,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[RunningSandbox], object] | None = None,
) -> None:
    """Serve in the foreground until interrupted; `ready` is called with the `RunningSandbox` once it listens."""
    listener = _listen(host, port)
    try:
        if ready is not None:
            ready(_where(listener))
        _run(uvicorn.Server(_config(sandbox)), listener)
    finally:
        listener.close()


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    asyncio.run(server.serve(sockets=[listener]))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY by the proto
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def _where(listener: socket.socket) -> RunningSandbox:
    host, port = listener.getsockname()[:2]
    return RunningSandbox(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}", API_KEY)


def _config(sandbox: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
        app(sandbox),
        http=_Protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=60,
    )


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    ticks = threading.Event()
    while not server.started:
        if not thread.is_alive():
            raise OSError("the sandbox's server did not start")
        ticks.wait(0.005)


class _Protocol(H11Protocol):
    """Lets a fault reach the connection itself: `scope["state"]["transport"]`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}
