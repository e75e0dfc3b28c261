"""Webhooks: taking in what platforms send when a job has ended, so that nobody waits for the next look."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import MissingExtra
from ..jobs.webhooks import Serving, receive, sender, senders
from ..ledger import Arrival
from ..pipeline.project import Project

__all__ = ["Arrival", "Serving", "Webhooks"]


class Webhooks:
    """Deliveries are remembered in this ledger. One only makes a job due; it never says what became of it."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def receive(self, platform: str, headers: Mapping[str, str], body: bytes) -> Arrival | None:
        """Take in one delivery that your own server got; None where it is about no job.

        `body`: the raw bytes, at most 256 KB. Raises `InvalidData` (answer 400) for what is no webhook, and `Auth`
        (answer 401) for one that is not the platform's, or older or newer than five minutes.
        """
        session = self._project.session
        return await receive(session.desk, sender(platform, session.environ), headers, body)

    async def serve(
        self, host: str = "127.0.0.1", port: int = 8790, *, ready: Callable[[Serving], object] | None = None
    ) -> None:
        """Serve `/webhooks/PLATFORM` until cancelled, for every platform whose secret is in the environment.

        `ready` is called once it listens. Raises `UsageError` where no secret is set or the address
        cannot be used, `MissingExtra` without a server.
        """
        try:
            from ..jobs.webhook_server import serve
        except ImportError as error:
            raise MissingExtra(f"the server needs {error.name}", fix="pip install 'tunewright[service]'") from error
        session = self._project.session
        await serve(session.desk, senders(session.environ), host, port, ready)
