"""The one clock of a case: the sandbox's. Waiting advances it, and only while the sandbox has nothing under way.

So a settling window of a quarter of an hour passes in an instant, and yet never overtakes a request that a busy machine
has not got round to.
"""

from __future__ import annotations

import http.client
import json
import time
from datetime import UTC, datetime
from typing import Any

import anyio.to_thread

__all__ = ["PlatformClock", "wait_until_idle"]


class PlatformClock:
    """`at`: what the sandbox's clock says now."""

    def __init__(self, address: str, at: float) -> None:
        self._address = address
        self._ahead_s = at - time.time()

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self._ahead_s, UTC)

    async def sleep(self, seconds: float) -> None:
        await anyio.to_thread.run_sync(self.pass_by, seconds)

    def pass_by(self, seconds: float) -> None:
        wait_until_idle(self._address)
        told = _ask(self._address, "POST", "/_sandbox/clock", {"advance_s": max(seconds, 0.0)})
        self._ahead_s = float(told["now"]) - time.time()


def wait_until_idle(address: str, *, held_too: bool = False) -> None:
    """Until every request that was sent before is done, or (unless `held_too`) waits for the clock.

    Asked twice over new connections: when the second question is accepted, all that came before the first has begun.
    """
    quiet = 0
    while quiet < 2:
        told = _ask(address, "GET", "/_sandbox/requests")
        busy = told["under_way"] or (held_too and told["held"])
        quiet = 0 if busy else quiet + 1
        if busy:
            time.sleep(0.002)


def _ask(address: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()
