"""The platform's own process: the real sandbox on both wires, with the weather of the case that is on.

After a case it lets everything that is still under way come to its end, and only then says what it holds.
"""

from __future__ import annotations

import logging
from collections import Counter
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from providers.sandbox import Sandbox, serve
from providers.sandbox.serving import Deployment, Endpoint, Serving
from providers.tags import find_tag

from .cases import Case
from .passing import PlatformClock, wait_until_idle
from .stage import Book, Machine
from .weather import Weather

__all__ = ["act"]

_A_WHILE_S = 600.0
"""Longer than a request is ever held, and shorter than the shortest idle time-out of a machine."""


def act(pipe: Connection) -> None:
    """Serve, and do what the pipe says, until it is closed."""
    logging.disable()  # the server complains of every answer that a fault tears
    weather = Weather()
    with Sandbox(None, pace_s=0, faults=weather) as sandbox:
        sandbox.serving = _Remembered(sandbox.store, sandbox.clock.now, 0.0)
        _serve(pipe, sandbox, weather)


def _serve(pipe: Connection, sandbox: Sandbox, weather: Weather) -> None:
    with serve(sandbox) as running:
        pipe.send(running.environ)
        actor = _Actor(sandbox, weather, urlsplit(running.url).netloc)
        while True:
            try:
                verb, what = pipe.recv()
            except EOFError:
                return
            if verb == "end_of_season":
                return
            pipe.send(getattr(actor, verb)(what))


class _Remembered(Serving):
    """The sandbox's machines, each of which is remembered when it is gone."""

    machines: dict[str, Machine]

    def deploy(self, endpoint: Endpoint, name: str, **fields: Any) -> Deployment:
        made = super().deploy(endpoint, name, **fields)
        self.machines[made.id] = Machine(endpoint.id, find_tag(endpoint.name), made.created_at)
        return made

    def stop(self, deployment: Deployment) -> Deployment:
        stopped = super().stop(deployment)
        self.machines[deployment.id].ended = stopped.stopped_at
        return stopped


class _Actor:
    def __init__(self, sandbox: Sandbox, weather: Weather, address: str) -> None:
        self._sandbox, self._weather, self._address = sandbox, weather, address
        self._billed_usd = Decimal(0)

    def begin(self, case: Case) -> float:
        self._weather.turn(case)
        self._serving.machines = {}
        self._billed_usd = self._serving.bill_usd()
        return self._sandbox.clock.now()

    @property
    def _serving(self) -> _Remembered:
        assert isinstance(self._sandbox.serving, _Remembered)
        return self._sandbox.serving

    def pass_by(self, seconds: float) -> float:
        PlatformClock(self._address, self._sandbox.clock.now()).pass_by(seconds)
        return self._sandbox.clock.now()

    def end(self, case: Case) -> Book:
        self.pass_by(_A_WHILE_S)
        wait_until_idle(self._address, held_too=True)
        jobs = tuple(seen.job.id for seen in self._sandbox.book.views(case.platform))
        bill_usd = self._serving.bill_usd() - self._billed_usd
        book = Book(jobs, tuple(self._serving.machines.values()), bill_usd, Counter(self._weather.struck))
        self._clear(case)
        return book

    def _clear(self, case: Case) -> None:
        """The next case must not have to read through this one's things."""
        self._sandbox.trainer.settle()
        for seen in self._sandbox.book.views(case.platform):
            self._sandbox.delete_job(seen.job.id)
        for machine in self._serving.deployments.all():
            self._serving.delete(machine)
        for endpoint in self._serving.endpoints.all():
            self._serving.endpoints.drop(endpoint.id)
        for file in self._sandbox.files.list(case.platform):
            self._sandbox.files.delete(file.id, keep_content=False)
