"""Training by preference, where the model of the suite can be trained so; elsewhere its refusal by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..contract import Platform, Provider
from ..errors import InvalidData, Unsupported
from ..records import Capability, Hyperparameters, JobState, Method, Plan, ProviderFile, RemoteJob
from .adapter import AdapterSuite
from .making import ROWS

__all__ = ["PreferenceTraining"]


class PreferenceTraining(AdapterSuite):
    """`preference_settings` are what a job is bought with."""

    preference_settings: Hyperparameters = Hyperparameters(epochs=2, extra={"beta": 0.3})

    def prefers(self, platform: Platform) -> bool:
        """Whether the model of the suite can be trained by preference."""
        return self.supports(platform, Capability.DPO) and Method.DPO in platform.model(self.model).methods

    @pytest.fixture
    def needs_preference(self, platform: Platform) -> None:
        if not self.prefers(platform):
            pytest.skip("no training by preference here")

    @pytest.fixture
    def preferences(
        self, platform: Platform, needs_preference: None, make_file: Callable[..., ProviderFile]
    ) -> ProviderFile:
        return make_file(platform, method=Method.DPO)

    @pytest.fixture
    def preference_plan(self, platform: Platform, make_plan: Callable[..., Plan], preferences: ProviderFile) -> Plan:
        recipe = platform.recipe(self.model, Method.DPO, self.preference_settings, ROWS, 0)
        changes = {
            "hyperparameters": recipe.hyperparameters,
            "train_sha256": preferences.sha256,
            "method": Method.DPO,
        }
        return make_plan(self.name, self.model, **changes)

    @pytest.fixture
    async def preferring(
        self, provider: Provider, preference_plan: Plan, preferences: ProviderFile, tag: str
    ) -> RemoteJob:
        files = {"train": (await self.ready(provider, preferences)).id}
        return await self.over(provider, await provider.create(preference_plan, files, tag))

    def test_preference_training_is_refused_by_name_where_it_is_not_offered(self, platform: Platform) -> None:
        if self.prefers(platform):
            pytest.skip("models can be trained by preference here")
        with pytest.raises(Unsupported):
            platform.recipe(self.model, Method.DPO, Hyperparameters(), ROWS, 0)

    def test_beta_is_refused_by_name_where_nothing_is_preferred(self, platform: Platform) -> None:
        with pytest.raises(Unsupported, match="beta"):
            platform.recipe(self.model, Method.SFT, Hyperparameters(extra={"beta": 0.1}), 1000, 0)

    async def test_a_preference_job_succeeds(self, preferring: RemoteJob) -> None:
        assert (preferring.state, preferring.error) == (JobState.SUCCEEDED, None)
        assert preferring.tuned_model

    async def test_the_rewards_of_a_preference_job_come_apart(self, provider: Provider, preferring: RemoteJob) -> None:
        points = await provider.metrics(preferring.id)
        margins = [point.reward_margin for point in points if point.reward_margin is not None]
        accuracies = [point.reward_accuracy for point in points if point.reward_accuracy is not None]
        assert margins[-1] > max(margins[0], 0)
        assert accuracies[-1] >= accuracies[0]

    async def test_a_preference_job_is_found_by_its_tag(
        self, platform: Platform, provider: Provider, preferring: RemoteJob, tag: str
    ) -> None:
        if not self.supports(platform, Capability.FIND_BY_TAG):
            pytest.skip("the platform keeps no mark of ours")
        assert [job.id for job in await provider.find(tag)] == [preferring.id]

    async def test_a_preference_job_on_supervised_rows_is_refused_or_fails_and_says_why(
        self, provider: Provider, preference_plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        files = {"train": (await self.ready(provider, train)).id}
        try:
            job = await provider.create(preference_plan, files, tag)
        except InvalidData as refused:
            if not refused.nothing_created:
                raise
            return
        ended = await self.over(provider, job)
        assert ended.state is JobState.FAILED
        assert ended.error

    async def test_preference_training_goes_on_from_a_supervised_model(
        self,
        provider: Provider,
        preference_plan: Plan,
        preferences: ProviderFile,
        finished: RemoteJob,
        tag: str,
    ) -> None:
        plan = self.after(preference_plan, finished)
        assert (await provider.preflight(plan)).problems == ()
        files = {"train": (await self.ready(provider, preferences)).id}
        job = await self.over(provider, await provider.create(plan, files, tag.replace("a", "b")))
        assert job.state is JobState.SUCCEEDED
