"""The platform's own process: the real sandbox on both wires, with the weather of the case that is on.

After a case it lets everything that is still under way come to its end, and only then says what it holds.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from providers import platform
from providers.records import Method
from providers.sandbox import Sandbox, serve
from providers.sandbox.bedrock_jobs import job_fields
from providers.sandbox.jobs import Job
from providers.sandbox.serving import Deployment, Endpoint, Serving
from providers.sandbox.throughput import Kind, Served, Throughput
from providers.tags import find_tag

from .cases import Case
from .passing import PlatformClock, wait_until_idle
from .platforms import ALL, TUNED
from .scenery import training_rows
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
        machines: dict[str, Machine] = {}
        sandbox.serving, sandbox.throughput = _Deployments(sandbox, machines), _Throughput(sandbox, machines)
        _serve(pipe, sandbox, weather, machines)


def _serve(pipe: Connection, sandbox: Sandbox, weather: Weather, machines: dict[str, Machine]) -> None:
    with serve(sandbox) as running:
        pipe.send(running.environ)
        actor = _Actor(sandbox, weather, machines, urlsplit(running.url).netloc)
        while True:
            try:
                verb, what = pipe.recv()
            except EOFError:
                return
            if verb == "end_of_season":
                return
            pipe.send(getattr(actor, verb)(what))


class _Deployments(Serving):
    """The sandbox's machines, each of which is remembered when it is gone."""

    def __init__(self, sandbox: Sandbox, machines: dict[str, Machine]) -> None:
        super().__init__(sandbox.store, sandbox.clock.now, 0.0)
        self.machines = machines

    def deploy(self, endpoint: Endpoint, name: str, **fields: Any) -> Deployment:
        made = super().deploy(endpoint, name, **fields)
        self.machines[made.id] = Machine(endpoint.id, find_tag(endpoint.name), made.created_at)
        return made

    def stop(self, deployment: Deployment) -> Deployment:
        stopped = super().stop(deployment)
        self.machines[deployment.id].ended = stopped.stopped_at
        return stopped


class _Throughput(Throughput):
    """The same for what has no price of its own."""

    def __init__(self, sandbox: Sandbox, machines: dict[str, Machine]) -> None:
        super().__init__(sandbox.store, sandbox.clock.now, 0.0)
        self.now, self.machines = sandbox.clock.now, machines

    def create(self, kind: Kind, name: str, *fields: Any) -> Served:
        made = super().create(kind, name, *fields)
        self.machines[made.id] = Machine(made.arn, find_tag(name), made.created_at)
        return made

    def delete(self, item: Served) -> None:
        super().delete(item)
        self.machines[item.id].ended = self.now()


class _Actor:
    def __init__(self, sandbox: Sandbox, weather: Weather, machines: dict[str, Machine], address: str) -> None:
        self._sandbox, self._weather, self._machines, self._address = sandbox, weather, machines, address
        self._billed_usd = Decimal(0)
        self._tuned_by: str | None = None

    def begin(self, case: Case) -> float:
        if ALL[case.platform].rented == TUNED and self._tuned_by is None:
            self._weather.clear()
            self._tuned_by = _tune(self._sandbox).id
        self._weather.turn(case)
        self._machines.clear()
        self._billed_usd = self._sandbox.serving.bill_usd()
        return self._sandbox.clock.now()

    def pass_by(self, seconds: float) -> float:
        PlatformClock(self._address, self._sandbox.clock.now()).pass_by(seconds)
        return self._sandbox.clock.now()

    def end(self, case: Case) -> Book:
        self.pass_by(_A_WHILE_S)
        wait_until_idle(self._address, held_too=True)
        here, machines = ALL[case.platform], tuple(map(replace, self._machines.values()))  # clearing away ends them
        jobs = tuple(_known_as(job, here.named_by) for job in self._bought(case))
        bill_usd = self._sandbox.serving.bill_usd() - self._billed_usd
        if here.usd_per_hour is not None:
            bill_usd += _hours(machines, self._sandbox.clock.now()) * here.usd_per_hour
        book = Book(jobs, machines, bill_usd, Counter(self._weather.struck))
        self._clear(case)
        return book

    def _clear(self, case: Case) -> None:
        """The next case must not have to read through this one's things."""
        self._sandbox.trainer.settle()
        for job in self._bought(case):
            self._sandbox.delete_job(job.id)
        serving, throughput = self._sandbox.serving, self._sandbox.throughput
        for machine in serving.deployments.all():
            serving.delete(machine)
        for endpoint in serving.endpoints.all():
            serving.endpoints.drop(endpoint.id)
        for served in (*throughput.all("provisioned-model"), *throughput.all("custom-model-deployment")):
            throughput.delete(served)
        for file in self._sandbox.files.list(case.platform):
            self._sandbox.files.delete(file.id, keep_content=False)

    def _bought(self, case: Case) -> list[Job]:
        """The case's jobs: all but the one that was there before."""
        return [seen.job for seen in self._sandbox.book.views(case.platform) if seen.job.id != self._tuned_by]


def _tune(sandbox: Sandbox) -> Job:
    """A custom model for deployments on demand, which take no other."""
    rows = training_rows(platform("bedrock").dialect(Method.SFT), "before")
    sandbox.objects.put("before", "train.jsonl", rows, {})
    asked = {
        "jobName": "before",
        "customModelName": "before",
        "clientRequestToken": "before",
        "roleArn": "arn:aws:iam::123456789012:role/tuning",
        "baseModelIdentifier": ALL["bedrock"].model,
        "trainingDataConfig": {"s3Uri": "s3://before/train.jsonl"},
        "outputDataConfig": {"s3Uri": "s3://before/out"},
    }
    job = sandbox.create_job("bedrock", "", **job_fields(sandbox, asked))
    sandbox.trainer.settle()
    return job


def _known_as(job: Job, named_by: str | None) -> str:
    """The id by which the platform's clients know a job."""
    return job.id if named_by is None else str(job.request[named_by])


def _hours(machines: Iterable[Machine], now: float) -> Decimal:
    """How long they ran, all together."""
    return sum((Decimal((machine.ended or now) - machine.began) for machine in machines), Decimal(0)) / 3600
