"""The platform of a worker: the real sandbox in a process of its own, on both wires, told over a pipe which case is on.

After a case it lets everything that is still under way come to its end, and only then says what it holds.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from providers.sandbox import Sandbox, serve
from providers.sandbox.serving import Deployment, Endpoint, Serving
from providers.tags import find_tag

from .cases import Case
from .passing import PlatformClock, wait_until_idle
from .weather import Weather

__all__ = ["Book", "Machine", "Stage"]

_A_WHILE_S = 600.0
"""Longer than a request is ever held, and shorter than the shortest idle time-out of a machine."""


@dataclass(slots=True)
class Machine:
    """A deployment, gone or not: whose tag its endpoint bore, and from when until when (None: still) it ran."""

    endpoint: str
    tag: str | None
    began: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """What the platform holds after a case: every job, every machine there was, and what befell the POSTs."""

    jobs: tuple[str, ...]
    machines: tuple[Machine, ...]
    bill_usd: Decimal
    struck: Counter[str]


class Stage:
    """The parent's end. `environ` points clients at the sandbox, `address` is its host and port."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._pipe.close()
            _run(theirs)
            os._exit(0)
        theirs.close()
        self.environ: dict[str, str] = self._pipe.recv()
        self.address = urlsplit(self.environ["TOGETHER_BASE_URL"]).netloc

    def begin(self, case: Case) -> float:
        """The case's weather; answers what the clock says."""
        return float(self._ask("begin", case))

    def pass_by(self, seconds: float) -> float:
        """Let time pass between two processes of the case; answers what the clock then says."""
        return float(self._ask("pass_by", seconds))

    def end(self, case: Case) -> Book:
        """Everything that was under way has ended; what there is now."""
        book: Book = self._ask("end", case)
        return book

    def close(self) -> None:
        self._pipe.close()
        os.waitpid(self._pid, 0)

    def _ask(self, verb: str, what: Any) -> Any:
        self._pipe.send((verb, what))
        return self._pipe.recv()


def _run(pipe: Connection) -> None:
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
