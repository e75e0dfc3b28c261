"""The suite of promises for your own trainer, over real processes: a trainer in plain Python that really learns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from own_trainer import make_trainer

from providers.contract import Connection, Platform, Provider
from providers.records import Hyperparameters, JobState
from providers.testing import ProviderContract


@pytest.fixture
def trainer(tmp_path: Path) -> str:
    """A trainer's folder, as a user would have one."""
    return str(make_trainer(tmp_path / "trainer"))


class TestScript(ProviderContract):
    name = "script"
    another = Hyperparameters(learning_rate=0.2)

    @pytest.fixture(autouse=True)
    def its_trainer(self, trainer: str) -> None:
        self.model = trainer

    @pytest.fixture
    def connection(self, platform: Platform, tmp_path: Path) -> Connection:
        return platform.connection({}, None, tmp_path / "state")

    @pytest.fixture
    async def provider(self, platform: Platform, connection: Connection) -> AsyncIterator[Provider]:
        async with platform.open(connection) as provider:
            yield provider
            for job in await provider.jobs():
                if job.state not in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED):
                    await provider.cancel(job.id)
            for lease in await provider.find_leases(""):
                await provider.teardown(lease.id)

    @pytest.fixture
    def queued(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINY_PAUSE_S", "600")
