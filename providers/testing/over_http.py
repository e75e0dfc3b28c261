"""What must hold when the wire fails: an unclear answer to a purchase is in doubt, a refusal proves that none was made.

Needs a server whose faults can be switched on. `OnSandbox` brings ours; another is brought by overriding the fixtures
`fault` and `asked`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..contract import Platform, Provider
from ..errors import Billing, ProviderError
from ..records import JobState, Plan, ProviderFile, RemoteJob
from .making import SAMPLE_TAG
from .preference import PreferenceTraining

__all__ = ["OverHTTP"]


class OverHTTP(PreferenceTraining):
    """`jobs_path`: where the one paid request goes, at the server whose requests `asked` counts."""

    jobs_path: str = ""

    preference_jobs_path: str = ""
    """Where a preference job is bought, if not there too."""

    @pytest.fixture
    def fault(self) -> Callable[..., None]:
        """Switches a fault on by its name; fields as `method`, `path` and `count` say which requests it meets."""
        raise NotImplementedError("override `fault`, or inherit from OnSandbox")

    @pytest.fixture
    def asked(self) -> Callable[[str, str], int]:
        """How often the server was asked for exactly this method and path."""
        raise NotImplementedError("override `asked`, or inherit from OnSandbox")

    @pytest.fixture
    async def sent(self, provider: Provider, train: ProviderFile) -> dict[str, Any]:
        """The training file's id, by role."""
        return {"train": (await self.ready(provider, train)).id}

    def test_the_paid_request_is_a_post(self, platform: Platform, plan: Plan, train: ProviderFile) -> None:
        paid = [request for request in platform.requests(plan, [train], SAMPLE_TAG) if request.paid]
        assert [request.method for request in paid] == ["POST"]

    async def test_buying_sends_exactly_one_post(
        self, provider: Provider, plan: Plan, sent: dict[str, Any], tag: str, asked: Callable[[str, str], int]
    ) -> None:
        await provider.create(plan, sent, tag)
        assert asked("POST", self.jobs_path) == 1

    async def test_a_preference_job_is_bought_by_exactly_one_post(
        self, preferring: RemoteJob, asked: Callable[[str, str], int]
    ) -> None:
        assert asked("POST", self.preference_jobs_path or self.jobs_path) == 1

    @pytest.mark.parametrize("failure", ["lost_reply", "truncated", "html", "server_error", "bad_gateway"])
    async def test_an_unclear_answer_to_a_purchase_is_in_doubt_after_one_post(
        self,
        failure: str,
        provider: Provider,
        plan: Plan,
        sent: dict[str, Any],
        tag: str,
        fault: Callable[..., None],
        asked: Callable[[str, str], int],
    ) -> None:
        fault(failure, method="POST", path=self.jobs_path)
        with pytest.raises(ProviderError) as unclear:
            await provider.create(plan, sent, tag)
        assert unclear.value.nothing_created is False
        assert asked("POST", self.jobs_path) == 1

    @pytest.mark.parametrize("refusal", ["rate_limit", "training_not_available"])
    async def test_a_refused_purchase_proves_that_nothing_was_bought(
        self, refusal: str, provider: Provider, plan: Plan, sent: dict[str, Any], tag: str, fault: Callable[..., None]
    ) -> None:
        fault(refusal, method="POST", path=self.jobs_path)
        with pytest.raises(ProviderError) as refused:
            await provider.create(plan, sent, tag)
        assert refused.value.nothing_created

    async def test_an_empty_account_is_a_matter_of_billing(
        self, provider: Provider, plan: Plan, sent: dict[str, Any], tag: str, fault: Callable[..., None]
    ) -> None:
        fault("insufficient_quota", method="POST", path=self.jobs_path)
        with pytest.raises(Billing) as refused:
            await provider.create(plan, sent, tag)
        assert provider.decide(refused.value).kind == "no"

    async def test_a_failed_job_says_why(
        self, provider: Provider, plan: Plan, sent: dict[str, Any], tag: str, fault: Callable[..., None]
    ) -> None:
        fault("job_failed")
        job = await self.over(provider, await provider.create(plan, sent, tag))
        assert job.state is JobState.FAILED
        assert job.error

    async def test_an_unknown_status_stays_visible(
        self, provider: Provider, bought: RemoteJob, fault: Callable[..., None]
    ) -> None:
        fault("unknown_status")
        job = await provider.job(bought.id)
        assert job.state is JobState.UNKNOWN
        assert job.label == "unknown(reticulating)"

    async def test_a_rate_limit_on_a_read_says_how_long_to_wait(
        self, provider: Provider, fault: Callable[..., None]
    ) -> None:
        fault("rate_limit")
        with pytest.raises(ProviderError) as limited:
            await provider.jobs()
        assert provider.decide(limited.value).kind == "rate_limit"
        assert provider.decide(limited.value).after_s == 1

    @pytest.mark.parametrize("failure", ["server_error", "reset"])
    async def test_a_passing_fault_on_a_read_is_worth_repeating(
        self, failure: str, provider: Provider, bought: RemoteJob, fault: Callable[..., None]
    ) -> None:
        fault(failure, count=2)  # aiohttp repeats a read on a re-used connection by itself; httpx does not
        with pytest.raises(ProviderError) as passing:
            await provider.job(bought.id)
        assert provider.decide(passing.value).kind == "transient"
