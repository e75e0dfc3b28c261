"""The suite of promises for this machine, over real training and serving processes and a tiny model of random weights.

Minutes of CPU, and PyTorch: `make test-local`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'tunewright[local]'")
pytest.importorskip("trl", reason="trl is not installed: pip install 'tunewright[local]'")
from tiny_llama import make_tiny_llama

from providers.contract import Connection, Platform, Provider
from providers.records import Hyperparameters, JobState, Method, Plan, ProviderFile, Sampling
from providers.testing import ProviderContract
from providers.testing.making import ROWS

pytestmark = pytest.mark.local

SETTINGS = Hyperparameters(epochs=20, learning_rate=1e-2, extra={"n_checkpoints": 2})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_llama(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests that only look at a finished job find the one that the first of them has trained."""
    return tmp_path_factory.mktemp("state")


class TestLocal(ProviderContract):
    name = "local"
    another = Hyperparameters(learning_rate=1e-3, lora=True, extra={"lora_r": 8})
    preference_settings = Hyperparameters(epochs=6, learning_rate=5e-3, extra={"beta": 0.3})
    sampling = Sampling(max_tokens=8)
    patience_s = 600.0

    @pytest.fixture(autouse=True)
    def its_base(self, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.model = tiny
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there: there is no hub in a test
        monkeypatch.setenv("OMP_NUM_THREADS", "1")

    @pytest.fixture
    def connection(
        self, platform: Platform, shared: Path, tmp_path: Path, request: pytest.FixtureRequest
    ) -> Connection:
        kinds = [name for name in ("finished", "preferring") if name in request.fixturenames]
        return platform.connection({}, None, shared / kinds[0] if kinds else tmp_path / "state")

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
    def plan(self, platform: Platform, make_plan: Callable[..., Plan], train: ProviderFile) -> Plan:
        recipe = platform.recipe(self.model, Method.SFT, SETTINGS, ROWS, 0)
        return make_plan(self.name, self.model, hyperparameters=recipe.hyperparameters, train_sha256=train.sha256)
