"""What every part of the suite stands on: who the adapter is, how its time passes, and the fixtures the tests ask for.

An adapter's test class sets `name` and `model`, and overrides what is otherwise with it: any attribute, method or
fixture below.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import anyio
import pytest

import providers

from ..contract import Connection, Platform, Provider
from ..errors import CannotTell, Unsupported
from ..records import (
    TERMINAL_STATES,
    Capability,
    Hyperparameters,
    Lease,
    LeaseState,
    Method,
    Page,
    Plan,
    ProviderFile,
    RemoteFile,
    RemoteJob,
)
from .making import ROWS, SAMPLE_TAG, sample_file, sample_plan

__all__ = ["AdapterSuite"]


class AdapterSuite:
    """Attributes and fixtures; no test."""

    pytestmark = pytest.mark.anyio

    name: str = ""
    """The platform's name: what stands before the colon of `--to`."""

    model: str = ""
    """A base model that can be tuned."""

    another: Hyperparameters = Hyperparameters()
    """Settings that the platform takes beside the number of epochs."""

    on: date | None = None
    """The day whose capabilities count; None: today."""

    any_model = False
    """True where any name may be a model (a path, a hub's id), so that none is unknown before it is looked for."""

    bills = True
    """Whether a finished job says what was billed."""

    counts_tokens = True
    """Whether an answer says how many tokens it took."""

    streams = True
    """Whether an answer can be had as it is written, with the moment of its first token."""

    absent_job = "ftjob-absent"
    absent_file = "file-absent"
    """Ids of the platform's form that nothing carries."""

    patience_s = 120.0
    """How long, in real seconds, a test waits for a file, a job or a machine."""

    # ── hooks ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def pass_time(self, provider: Provider, seconds: float) -> None:
        """Let that much of the platform's time pass; here a little of ours, where the clock cannot be moved."""
        await anyio.sleep(min(seconds, 0.05))

    def after(self, plan: Plan, job: RemoteJob) -> Plan:
        """The plan, going on from the model that the job has made."""
        from dataclasses import replace

        return replace(plan, model=str(job.tuned_model))

    # ── what the tests say ──────────────────────────────────────────────────────────────────────────────────────────

    def supports(self, platform: Platform, *asked: Capability) -> bool:
        """Whether the platform says yes to every one of these, on the day that counts."""
        told = platform.capabilities(self.on or datetime.now(UTC).date())
        return all(told[capability] for capability in asked)

    async def ready(self, provider: Provider, file: ProviderFile) -> RemoteFile:
        """The file when the platform has read it."""
        sent, until = await provider.upload(file), monotonic() + self.patience_s
        while sent.state == "processing":
            assert monotonic() < until, "the file stays in processing"
            await self.pass_time(provider, 3600)
            sent = await provider.file(sent.id)
        return sent

    async def over(self, provider: Provider, job: RemoteJob) -> RemoteJob:
        """The job when it has ended."""
        found, until = job, monotonic() + self.patience_s
        while found.state not in TERMINAL_STATES:
            assert monotonic() < until, f"the job does not end: {found.label}"
            await self.pass_time(provider, 3600)
            found = await provider.job(job.id)
        return found

    async def up(self, provider: Provider, lease: Lease) -> Lease:
        """The lease when its machine is up."""
        until = monotonic() + self.patience_s
        while lease.state is not LeaseState.READY:
            assert monotonic() < until, f"the machine does not start: {lease.state}"
            await self.pass_time(provider, 60)
            lease = await provider.lease(lease.id)
        return lease

    async def gives_nothing(self, answer: Awaitable[Any]) -> bool:
        """What is not offered is refused by name, or is empty."""
        try:
            found = await answer
        except (Unsupported, CannotTell):
            return True
        return not (found.items if isinstance(found, Page) else found)

    # ── fixtures ────────────────────────────────────────────────────────────────────────────────────────────────────

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def tag(self) -> str:
        return SAMPLE_TAG

    @pytest.fixture
    def platform(self) -> Platform:
        return providers.platform(self.name)

    @pytest.fixture
    def connection(self, platform: Platform, tmp_path: Path) -> Connection:
        """How the account is reached; as a user would, by the environment."""
        import os

        return platform.connection(os.environ, None, tmp_path)

    @pytest.fixture
    async def provider(self, platform: Platform, connection: Connection) -> AsyncIterator[Provider]:
        async with AsyncExitStack() as stack:
            yield await stack.enter_async_context(platform.open(connection))

    @pytest.fixture
    def make_plan(self) -> Callable[..., Plan]:
        return sample_plan

    @pytest.fixture
    def make_file(self, tmp_path: Path) -> Callable[..., ProviderFile]:
        return partial(sample_file, tmp_path)

    @pytest.fixture
    def plan(self, platform: Platform, make_plan: Callable[..., Plan], train: ProviderFile) -> Plan:
        recipe = platform.recipe(self.model, Method.SFT, Hyperparameters(epochs=2), ROWS, 0)
        return make_plan(self.name, self.model, hyperparameters=recipe.hyperparameters, train_sha256=train.sha256)

    @pytest.fixture
    def train(self, platform: Platform, make_file: Callable[..., ProviderFile]) -> ProviderFile:
        return make_file(platform)

    @pytest.fixture
    async def bought(self, provider: Provider, plan: Plan, train: ProviderFile, tag: str) -> RemoteJob:
        return await provider.create(plan, {"train": (await self.ready(provider, train)).id}, tag)

    @pytest.fixture
    async def finished(self, provider: Provider, bought: RemoteJob) -> RemoteJob:
        return await self.over(provider, bought)

    @pytest.fixture
    async def lease(self, provider: Provider, finished: RemoteJob, tag: str) -> Lease:
        """A machine rented for the tuned model."""
        return await provider.serve(str(finished.tuned_model), tag, 600)

    @pytest.fixture
    async def answering(self, platform: Platform, provider: Provider, finished: RemoteJob, tag: str) -> str:
        """The name under which the tuned model answers; on a machine of its own where it needs one."""
        if self.supports(platform, Capability.SERVERLESS_TUNED):
            return str(finished.tuned_model)
        rented = await provider.serve(str(finished.tuned_model), tag, 600)
        return (await self.up(provider, rented)).model

    @pytest.fixture
    def queued(self) -> None:
        """Holds the next job back, so that it is not over before the test acts. Override it where jobs are quick."""
