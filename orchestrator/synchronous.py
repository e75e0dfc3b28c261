"""`Orchestrator`: `AsyncOrchestrator` without `await`. Every method is the async one, called; none is written twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .blocking import Blocking, blocking
from .client import AsyncOrchestrator
from .nouns.batches import Batches
from .nouns.jobs import Jobs
from .nouns.models import Models, Platforms
from .nouns.money import Budget, Leases
from .nouns.webhooks import Webhooks

__all__ = ["Orchestrator"]


class _BlockingJobs(Blocking):
    ls = blocking(Jobs.ls)
    watched = blocking(Jobs.watched)
    get = blocking(Jobs.get)
    show = blocking(Jobs.show)
    read = blocking(Jobs.read)
    events = blocking(Jobs.events)
    metrics = blocking(Jobs.metrics)
    checkpoints = blocking(Jobs.checkpoints)
    cancel = blocking(Jobs.cancel)
    pause = blocking(Jobs.pause)
    resume = blocking(Jobs.resume)
    recover = blocking(Jobs.recover)
    resolve = blocking(Jobs.resolve)
    adopt = blocking(Jobs.adopt)
    audit = blocking(Jobs.audit)
    audit_all = blocking(Jobs.audit_all)


class _BlockingModels(Blocking):
    ls = blocking(Models.ls)
    sunset = blocking(Models.sunset)
    download = blocking(Models.download)
    choose = blocking(Models.choose)


class _BlockingPlatforms(Blocking):
    ls = blocking(Platforms.ls)
    show = blocking(Platforms.show)


class _BlockingBudget(Blocking):
    show = blocking(Budget.show)
    set = blocking(Budget.set)
    settle = blocking(Budget.settle)


class _BlockingLeases(Blocking):
    ls = blocking(Leases.ls)
    stop = blocking(Leases.stop)
    stop_unknown = blocking(Leases.stop_unknown)
    resolve = blocking(Leases.resolve)


class _BlockingBatches(Blocking):
    ls = blocking(Batches.ls)
    cancel = blocking(Batches.cancel)
    resolve = blocking(Batches.resolve)


class _BlockingWebhooks(Blocking):
    receive = blocking(Webhooks.receive)
    serve = blocking(Webhooks.serve)


class Orchestrator(Blocking):
    """`AsyncOrchestrator` without `await`: the same arguments, verbs and nouns."""

    def __init__(self, home: Path | str | None = None, **options: Any) -> None:
        super().__init__(AsyncOrchestrator(home, **options))

    check = blocking(AsyncOrchestrator.check)
    check_as_is = blocking(AsyncOrchestrator.check_as_is)
    prepare = blocking(AsyncOrchestrator.prepare)
    estimate = blocking(AsyncOrchestrator.estimate)
    dry_run = blocking(AsyncOrchestrator.dry_run)
    limits = blocking(AsyncOrchestrator.limits)
    advise = blocking(AsyncOrchestrator.advise)
    run = blocking(AsyncOrchestrator.run)
    submit = blocking(AsyncOrchestrator.submit)
    watch = blocking(AsyncOrchestrator.watch)
    watch_all = blocking(AsyncOrchestrator.watch_all)
    work = blocking(AsyncOrchestrator.work)
    evaluate = blocking(AsyncOrchestrator.evaluate)
    compare = blocking(AsyncOrchestrator.compare)
    migrate = blocking(AsyncOrchestrator.migrate)
    decide = blocking(AsyncOrchestrator.decide)
    failures = blocking(AsyncOrchestrator.failures)
    report = blocking(AsyncOrchestrator.report)
    find_run = blocking(AsyncOrchestrator.find_run)
    runs = blocking(AsyncOrchestrator.runs)

    @property
    def jobs(self) -> _BlockingJobs:
        """What was bought."""
        return _BlockingJobs(self._async.jobs)

    @property
    def models(self) -> _BlockingModels:
        """Bases and tuned models."""
        return _BlockingModels(self._async.models)

    @property
    def platforms(self) -> _BlockingPlatforms:
        """The platforms."""
        return _BlockingPlatforms(self._async.platforms)

    @property
    def budget(self) -> _BlockingBudget:
        """Caps and spending."""
        return _BlockingBudget(self._async.budget)

    @property
    def leases(self) -> _BlockingLeases:
        """What bills by the hour."""
        return _BlockingLeases(self._async.leases)

    @property
    def batches(self) -> _BlockingBatches:
        """Questions bought by the file."""
        return _BlockingBatches(self._async.batches)

    @property
    def webhooks(self) -> _BlockingWebhooks:
        """What platforms send when a job has ended."""
        return _BlockingWebhooks(self._async.webhooks)
