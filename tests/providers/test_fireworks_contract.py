"""The inherited promises, kept by the Fireworks adapter; and what only it has: ids of our own, machines that sleep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from hashlib import sha256

import pytest

from providers.contract import Platform, Provider
from providers.errors import Capacity, InvalidData, NotFound, ProviderError, Unsupported
from providers.records import (
    Capability,
    Hyperparameters,
    JobState,
    Lease,
    LeaseState,
    Plan,
    ProviderFile,
    RemoteJob,
    Sampling,
)

pytest.importorskip("fireworks")
pytest.importorskip("starlette")
from providers.sandbox import RunningSandbox, Sandbox, serve
from providers.testing import OnSandbox
from providers.testing.making import ASK

ROOT = "/fireworks/v1/accounts/sandbox"
JOBS, DEPLOYMENTS = f"{ROOT}/supervisedFineTuningJobs", f"{ROOT}/deployments"


class TestFireworks(OnSandbox):
    name = "fireworks"
    jobs_path = JOBS
    preference_jobs_path = f"{ROOT}/dpoJobs"
    on = date(2026, 11, 22)
    model = "accounts/fireworks/models/qwen3-8b"
    another = Hyperparameters(learning_rate=2e-5, lora=True, extra={"lora_rank": 16})

    @pytest.fixture
    def world(self) -> Iterator[Sandbox]:
        with Sandbox(None, pace_s=self.pace_s) as world:
            yield world

    @pytest.fixture
    def running(self, world: Sandbox) -> Iterator[RunningSandbox]:
        with serve(world) as running:
            yield running

    def after(self, plan: Plan, job: RemoteJob) -> Plan:
        settings = plan.hyperparameters
        return replace(plan, hyperparameters=replace(settings, extra={**settings.extra, "warm_start_from": _made(job)}))

    @pytest.fixture
    async def lease(self, provider: Provider, finished: RemoteJob, tag: str) -> Lease:
        return await provider.serve(_made(finished), tag, 600)

    @pytest.fixture
    async def answering(self, provider: Provider, lease: Lease) -> str:
        return (await self.up(provider, lease)).model

    async def test_checkpoints_come_by_rising_step(self, provider: Provider, finished: RemoteJob) -> None:
        """No call lists any; the capability says so."""
        assert await provider.checkpoints(finished.id) == ()
        assert not provider.platform.capabilities(date(2026, 11, 22))[Capability.CHECKPOINTS]

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_the_same_bytes_are_sent_once(
        self, provider: Provider, train: ProviderFile, asked: Callable[[str, str], int]
    ) -> None:
        first = await self.ready(provider, train)
        again = await provider.upload(train)
        assert (again.id, again.reused) == (first.id, True)
        assert asked("POST", f"{ROOT}/datasets/{first.id}:upload") == 1

    async def test_an_upload_whose_answer_was_lost_is_found_again(
        self, provider: Provider, train: ProviderFile, fault: Callable[..., None], asked: Callable[[str, str], int]
    ) -> None:
        fault("lost_reply", method="POST", path=":upload$")
        with pytest.raises(ProviderError):
            await provider.upload(train)
        found = await self.ready(provider, train)
        assert (found.state, found.reused) == ("ready", True)
        assert asked("POST", f"{ROOT}/datasets/{found.id}:upload") == 1

    async def test_a_data_set_that_never_got_its_bytes_gets_them(
        self, provider: Provider, train: ProviderFile, fault: Callable[..., None], asked: Callable[[str, str], int]
    ) -> None:
        fault("reset", method="POST", path=":upload$")
        with pytest.raises(ProviderError):
            await provider.upload(train)
        assert await provider.find_file(train) is None
        assert (await self.ready(provider, train)).state == "ready"
        assert asked("POST", f"{ROOT}/datasets") == 1

    async def test_a_large_file_goes_to_a_signed_address(
        self, platform: Platform, provider: Provider, train: ProviderFile, asked: Callable[[str, str], int]
    ) -> None:
        small = replace(provider.connection, options={"upload_whole_up_to": "100"})
        async with platform.open(small) as account:
            sent = await self.ready(account, train)
        assert sent.state == "ready"
        assert asked("PUT", f"/fireworks/_upload/{sent.id}/{train.remote_name}") == 1
        assert asked("POST", f"{ROOT}/datasets/{sent.id}:validateUpload") == 1
        assert asked("POST", f"{ROOT}/datasets/{sent.id}:upload") == 0

    async def test_a_bad_file_is_refused_with_the_platforms_own_words(
        self, provider: Provider, train: ProviderFile
    ) -> None:
        data = b'{"wrong": "shape"}\n' * 3
        train.path.write_bytes(data)
        with pytest.raises(InvalidData, match="messages"):
            await provider.upload(replace(train, sha256=sha256(data).hexdigest(), size=len(data)))

    async def test_a_file_that_has_changed_is_not_sent(
        self, provider: Provider, train: ProviderFile, asked: Callable[[str, str], int]
    ) -> None:
        train.path.write_bytes(train.path.read_bytes().replace(b"refund", b"REFUND"))
        with pytest.raises(InvalidData, match="changed"):
            await provider.upload(train)
        assert asked("POST", f"{ROOT}/datasets") == 0

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_the_jobs_id_is_our_tag(self, bought: RemoteJob, tag: str) -> None:
        assert bought.id == tag

    async def test_a_second_request_of_the_same_plan_finds_the_job_and_buys_nothing(
        self, provider: Provider, plan: Plan, bought: RemoteJob, tag: str
    ) -> None:
        again = await provider.create(plan, bought.files, tag)
        assert (again.id, again.created_at) == (bought.id, bought.created_at)
        assert [job.id for job in await provider.jobs()] == [bought.id]

    async def test_a_job_that_exists_and_cannot_be_read_is_in_doubt(
        self, provider: Provider, plan: Plan, bought: RemoteJob, tag: str, fault: Callable[..., None]
    ) -> None:
        fault("server_error", method="GET", path=f"{tag}$")
        with pytest.raises(ProviderError, match="exists already") as unclear:
            await provider.create(plan, bought.files, tag)
        assert not unclear.value.nothing_created

    async def test_a_job_is_found_though_no_list_shows_it_yet(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str, fault: Callable[..., None]
    ) -> None:
        fault("list_lag", seconds=1e9)
        await provider.create(plan, {"train": (await self.ready(provider, train)).id}, tag)
        assert await provider.jobs() == ()
        assert [job.id for job in await provider.find(tag)] == [tag]

    async def test_the_platforms_estimate_is_in_dollars_and_is_what_the_job_says_it_costs(
        self, provider: Provider, plan: Plan, finished: RemoteJob
    ) -> None:
        estimate = await provider.estimate(plan, finished.files)
        assert estimate is not None
        assert estimate.usd is not None
        assert Decimal(0) < estimate.usd < 1
        assert finished.billed_usd == estimate.usd

    async def test_of_a_cancelled_job_no_price_is_assumed(
        self, provider: Provider, queued: None, bought: RemoteJob
    ) -> None:
        await provider.cancel(bought.id)
        assert (await self.over(provider, bought)).billed_usd is None

    async def test_a_job_that_the_platform_has_paused_goes_on_when_resumed(
        self, world: Sandbox, provider: Provider, queued: None, bought: RemoteJob
    ) -> None:
        world.book.pause(bought.id)
        assert (await provider.job(bought.id)).state is JobState.PAUSED
        assert (await provider.resume(bought.id)).state is JobState.QUEUED

    async def test_no_job_is_paused_on_demand(self, provider: Provider, bought: RemoteJob) -> None:
        with pytest.raises(Unsupported):
            await provider.pause(bought.id)

    async def test_the_newest_jobs_of_both_kinds_are_listed(
        self, provider: Provider, plan: Plan, bought: RemoteJob, preferring: RemoteJob
    ) -> None:
        assert {job.id for job in await provider.jobs()} == {bought.id, preferring.id}
        assert [job.id for job in await provider.jobs(limit=1)] == [preferring.id]

    async def test_a_job_of_either_kind_is_found_by_its_bare_id(
        self, provider: Provider, preferring: RemoteJob, tag: str
    ) -> None:
        assert preferring.id == f"dpoJobs/{tag}"
        assert (await provider.job(tag)).id == preferring.id
        whole = f"accounts/sandbox/dpoJobs/{tag}"
        assert (await provider.job(whole)).id == preferring.id

    async def test_validation_rows_that_a_preference_job_cannot_read_are_told_before_it_is_bought(
        self, provider: Provider, preference_plan: Plan
    ) -> None:
        told = await provider.preflight(replace(preference_plan, validation_sha256="b" * 64))
        assert told.problems == ()
        assert "validation rows are not read" in told.warnings[0]

    async def test_a_model_to_go_on_from_that_is_not_there_is_named_before_anything_is_sent(
        self, provider: Provider, preference_plan: Plan, bought: RemoteJob
    ) -> None:
        absent = self.after(preference_plan, replace(bought, tuned_model="accounts/sandbox/models/absent"))
        assert "accounts/sandbox/models/absent" in (await provider.preflight(absent)).problems[0]

    async def test_without_an_account_id_the_keys_own_account_is_used(
        self, platform: Platform, provider: Provider, bought: RemoteJob
    ) -> None:
        async with platform.open(replace(provider.connection, project=None)) as account:
            assert [job.id for job in await account.jobs()] == [bought.id]

    # ── machines ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_machine_is_rented_under_our_tag_at_its_price_and_sleeps_when_idle(
        self, lease: Lease, tag: str, asked: Callable[[str, str], int]
    ) -> None:
        assert (lease.id, lease.tag) == (tag, tag)
        assert (lease.usd_per_hour, lease.idle_timeout_s) == (Decimal(7), 600)
        assert lease.raw["minReplicaCount"] == 0
        assert asked("POST", DEPLOYMENTS) == 1

    async def test_no_idle_time_is_below_what_the_platform_takes(
        self, provider: Provider, finished: RemoteJob, tag: str
    ) -> None:
        assert (await provider.serve(_made(finished), tag, 10)).idle_timeout_s == 300

    async def test_without_a_machine_the_tuned_model_says_what_it_needs(
        self, provider: Provider, finished: RemoteJob
    ) -> None:
        with pytest.raises(NotFound, match="machine of its own"):
            await provider.complete(_made(finished), ASK, Sampling())

    async def test_renting_twice_under_one_tag_buys_once(
        self, provider: Provider, lease: Lease, finished: RemoteJob, tag: str, asked: Callable[[str, str], int]
    ) -> None:
        assert (await provider.serve(_made(finished), tag, 600)).id == lease.id
        assert asked("POST", DEPLOYMENTS) == 1

    async def test_a_lease_is_found_by_its_tag_though_no_list_shows_it_yet(
        self, provider: Provider, finished: RemoteJob, tag: str, fault: Callable[..., None]
    ) -> None:
        fault("lease_lag", seconds=1e9)
        lease = await provider.serve(_made(finished), tag, 600)
        assert await provider.find_leases("tw-") == ()
        assert [found.id for found in await provider.find_leases(tag)] == [lease.id]

    async def test_teardown_leaves_nothing_and_may_be_repeated(self, provider: Provider, lease: Lease) -> None:
        for _ in range(3):
            await provider.teardown(lease.id)
        assert await provider.find_leases("tw-") == ()
        assert (await provider.lease(lease.id)).state is LeaseState.STOPPED

    async def test_the_id_of_a_machine_that_is_gone_is_not_asked_for_again(
        self, provider: Provider, lease: Lease, finished: RemoteJob, tag: str
    ) -> None:
        await provider.teardown(lease.id)
        again = await provider.serve(_made(finished), tag, 600)
        assert (again.id, again.tag) == (f"{tag}-2", tag)
        assert [found.id for found in await provider.find_leases(tag)] == [again.id]

    async def test_a_machine_that_sleeps_counts_as_stopped_and_a_question_wakes_it(
        self, provider: Provider, lease: Lease
    ) -> None:
        await self.up(provider, lease)
        await self.tell(provider, "clock", {"advance_s": 3600})
        assert (await provider.lease(lease.id)).state is LeaseState.STOPPED
        with pytest.raises(Capacity, match="starts again") as asleep:
            await provider.complete(lease.model, ASK, Sampling())
        assert provider.decide(asleep.value).kind == "transient"
        awake = await self.up(provider, await provider.lease(lease.id))
        assert (await provider.complete(awake.model, ASK, Sampling())).text == "lost_card"

    async def test_renting_again_wakes_the_machine_that_sleeps(
        self, provider: Provider, lease: Lease, finished: RemoteJob, tag: str, asked: Callable[[str, str], int]
    ) -> None:
        await self.up(provider, lease)
        await self.tell(provider, "clock", {"advance_s": 3600})
        again = await provider.serve(_made(finished), tag, 600)
        assert (await self.up(provider, again)).id == lease.id
        assert asked("POST", DEPLOYMENTS) == 1

    async def test_a_public_base_can_be_rented_beside_the_tuned_model(self, provider: Provider, tag: str) -> None:
        lease = await provider.serve(self.model, tag, 600)
        assert (await provider.complete((await self.up(provider, lease)).model, ASK, Sampling())).text

    async def test_an_absent_model_cannot_be_rented_and_nothing_is_bought(
        self, provider: Provider, tag: str, asked: Callable[[str, str], int]
    ) -> None:
        for absent in ("accounts/sandbox/models/absent", "org/absent"):
            with pytest.raises(NotFound) as refused:
                await provider.serve(absent, tag, 600)
            assert refused.value.nothing_created
        assert asked("POST", DEPLOYMENTS) == 0

    async def test_a_machine_whose_making_was_not_answered_is_there_under_its_tag(
        self, provider: Provider, finished: RemoteJob, tag: str, fault: Callable[..., None]
    ) -> None:
        fault("lost_reply", method="POST", path="/deployments$")
        with pytest.raises(ProviderError) as unclear:
            await provider.serve(_made(finished), tag, 600)
        assert not unclear.value.nothing_created
        assert [found.id for found in await provider.find_leases(tag)] == [tag]


def _made(job: RemoteJob) -> str:
    assert job.tuned_model is not None
    return job.tuned_model
