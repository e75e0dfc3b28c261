"""Our adapters keep the suite of promises that every adapter inherits, over real HTTP against the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from providers.contract import Connection, Platform, Provider
from providers.errors import NotFound
from providers.records import Hyperparameters, JobState, Lease, LeaseState, Plan, ProviderFile, RemoteJob, Sampling
from providers.testing import OnSandbox, ProviderContract, SandboxControls
from providers.testing.making import ASK

pytest.importorskip("starlette")

OUR_DAY = date(2026, 11, 22)
"""When our facts were checked: what the adapters promise does not change with the calendar."""


class _LearnsAtOnce(SandboxControls):
    """The sandbox's learner begins at the reference model, to the digit, and 24 easy pairs are soon learned."""

    async def test_the_rewards_begin_at_nothing_and_end_right(self, provider: Provider, preferring: RemoteJob) -> None:
        points = [point for point in await provider.metrics(preferring.id) if point.reward_margin is not None]
        assert (points[0].reward_margin, points[0].reward_accuracy) == (0, 0)
        assert points[-1].reward_accuracy == 1


class TestOpenAI(_LearnsAtOnce, OnSandbox):
    name = "openai"
    model = "gpt-4.1-mini-2025-04-14"
    another = Hyperparameters(extra={"learning_rate_multiplier": 0.5})
    jobs_path = "/openai/v1/fine_tuning/jobs"
    on = OUR_DAY

    pace_s = 1000.0
    """An epoch lasts long enough here to be paused in."""

    async def test_a_paused_job_goes_on_when_resumed(self, provider: Provider, bought: RemoteJob) -> None:
        await self.tell(provider, "clock", {"advance_s": self.pace_s / 2})
        assert (await provider.pause(bought.id)).state is JobState.PAUSED
        assert (await provider.resume(bought.id)).state is JobState.RUNNING

    async def test_the_shutdown_of_the_base_is_read_from_the_platform(self, provider: Provider, plan: Plan) -> None:
        assert (await provider.preflight(plan)).shutdown == date(2027, 1, 14)


class TestTogether(_LearnsAtOnce, OnSandbox):
    name = "together"
    model = "Qwen/Qwen3-8B"
    jobs_path = "/together/v1/fine-tunes"
    on = OUR_DAY
    another = Hyperparameters(learning_rate=2e-5, lora=True, extra={"lora_r": 8})

    def after(self, plan: Plan, job: RemoteJob) -> Plan:
        settings = plan.hyperparameters
        return replace(plan, hyperparameters=replace(settings, extra={**settings.extra, "from_checkpoint": job.id}))

    async def test_a_checkpoint_that_is_not_there_is_named_before_anything_is_sent(
        self, provider: Provider, preference_plan: Plan, bought: RemoteJob
    ) -> None:
        absent = self.after(preference_plan, replace(bought, id="ft-00000000-absent"))
        assert "ft-00000000-absent" in (await provider.preflight(absent)).problems[0]

    async def test_a_checkpoint_of_another_base_is_named_before_anything_is_sent(
        self, provider: Provider, preference_plan: Plan, bought: RemoteJob
    ) -> None:
        other = self.after(replace(preference_plan, model="Qwen/Qwen3-4B"), bought)
        assert self.model in (await provider.preflight(other)).problems[0]

    async def test_the_same_bytes_are_known_by_their_checksum(self, provider: Provider, train: ProviderFile) -> None:
        first = await provider.upload(train)
        again = await provider.upload(train)
        assert (again.id, again.reused) == (first.id, True)

    async def test_a_bad_file_is_refused_with_the_platforms_own_words(
        self, provider: Provider, train: ProviderFile
    ) -> None:
        data = b'{"wrong": "shape"}\n' * 3
        train.path.write_bytes(data)
        refused = await self.ready(provider, replace(train, sha256=sha256(data).hexdigest(), size=len(data)))
        assert refused.state == "refused"
        assert refused.detail

    async def test_the_platforms_estimate_is_in_dollars(
        self, provider: Provider, plan: Plan, train: ProviderFile
    ) -> None:
        files = {"train": (await self.ready(provider, train)).id}
        estimate = await provider.estimate(plan, files)
        assert estimate is not None
        assert estimate.allowed_to_proceed
        assert estimate.usd is not None
        assert 0 <= estimate.usd < 1
        assert estimate.train_tokens

    async def test_a_setting_beyond_the_models_limits_is_named(self, provider: Provider, plan: Plan) -> None:
        wild = replace(plan, hyperparameters=replace(plan.hyperparameters, learning_rate=5.0, epochs=10_000))
        problems = (await provider.preflight(wild)).problems
        assert {problem.split(":")[0] for problem in problems} == {"learning_rate", "epochs"}

    async def test_the_bill_of_a_job_is_in_dollars_and_near_the_estimate(
        self, provider: Provider, plan: Plan, finished: RemoteJob
    ) -> None:
        estimate = await provider.estimate(plan, {"train": str(finished.raw["training_file"])})
        assert estimate is not None
        assert estimate.usd is not None
        assert finished.billed_usd is not None
        assert abs(finished.billed_usd - estimate.usd) < Decimal("0.01")

    async def test_a_machine_is_rented_at_an_hourly_price(self, lease: Lease) -> None:
        assert lease.usd_per_hour
        assert lease.usd_per_hour > 0

    async def test_renting_sends_one_deployment_with_an_idle_time_out(
        self, provider: Provider, lease: Lease, asked: Callable[[str, str], int]
    ) -> None:
        project = provider.connection.project
        assert asked("POST", f"/together/v2/projects/{project}/endpoints/{lease.id}/deployments") == 1
        assert lease.raw["deployment"]["inactiveTimeout"] == 30

    async def test_without_a_machine_the_tuned_model_says_what_it_needs(
        self, provider: Provider, finished: RemoteJob
    ) -> None:
        with pytest.raises(NotFound, match="machine of its own"):
            await provider.complete(str(finished.tuned_model), ASK, Sampling())

    async def test_renting_twice_under_one_tag_buys_once(
        self,
        provider: Provider,
        lease: Lease,
        finished: RemoteJob,
        tag: str,
        asked: Callable[[str, str], int],
    ) -> None:
        again = await provider.serve(str(finished.tuned_model), tag, 600)
        project = provider.connection.project
        assert again.id == lease.id
        assert asked("POST", f"/together/v2/projects/{project}/endpoints/{lease.id}/deployments") == 1

    async def test_the_same_tag_rents_under_the_same_endpoint(
        self, provider: Provider, lease: Lease, finished: RemoteJob, tag: str
    ) -> None:
        await provider.teardown(lease.id)
        assert (await provider.serve(str(finished.tuned_model), tag, 600)).tag == tag

    async def test_a_public_base_can_be_rented_beside_the_tuned_model(self, provider: Provider, tag: str) -> None:
        lease = await provider.serve(self.model, tag, 600)
        assert (await provider.complete((await self.up(provider, lease)).model, ASK, Sampling())).text

    async def test_a_stopped_machine_does_not_stand_in_the_way_of_a_new_one(
        self, provider: Provider, lease: Lease, finished: RemoteJob, tag: str
    ) -> None:
        await self.up(provider, lease)
        await self.tell(provider, "clock", {"advance_s": 3600})  # beyond the idle time-out
        assert (await provider.lease(lease.id)).state is LeaseState.STOPPED
        again = await provider.serve(str(finished.tuned_model), tag, 600)
        assert (await self.up(provider, again)).id == lease.id


class TestEmbedded(_LearnsAtOnce, SandboxControls, ProviderContract):
    name = "sandbox"
    model = "small"
    jobs_path = "/openai/v1/fine_tuning/jobs"
    on = OUR_DAY

    @pytest.fixture
    def connection(self, platform: Platform, tmp_path: Path) -> Connection:
        return replace(platform.connection({}, None, tmp_path), options={"pace_s": "0.0001"})

    async def test_it_is_marked_as_not_money(self, provider: Provider) -> None:
        assert provider.connection.is_sandbox

    async def test_two_that_are_open_at_once_see_the_same_jobs(
        self, platform: Platform, connection: Connection, make_plan: Callable[..., Plan], train: ProviderFile, tag: str
    ) -> None:
        async with platform.open(connection) as one, platform.open(connection) as other:
            files = {"train": (await one.upload(train)).id}
            job = await one.create(make_plan(self.name, self.model), files, tag)
            assert [found.id for found in await other.find(tag)] == [job.id]

    async def test_a_later_start_goes_on_with_the_same_jobs(
        self, platform: Platform, connection: Connection, make_plan: Callable[..., Plan], train: ProviderFile, tag: str
    ) -> None:
        async with platform.open(connection) as first:
            files = {"train": (await first.upload(train)).id}
            job = await first.create(make_plan(self.name, self.model), files, tag)
        async with platform.open(connection) as second:
            assert [found.id for found in await second.find(tag)] == [job.id]
