"""One suite of promises that every adapter keeps, over real HTTP against the sandbox. An adapter adds its fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import providers
from providers.contract import Connection, Platform, Provider, Secret
from providers.errors import Auth, Billing, NotFound, ProviderError, Unsupported
from providers.records import (
    TERMINAL_STATES,
    Capability,
    Hyperparameters,
    JobState,
    Lease,
    LeaseState,
    Message,
    Method,
    Plan,
    ProviderFile,
    RemoteFile,
    RemoteJob,
    Sampling,
)

pytest.importorskip("starlette")
from providers.sandbox import Sandbox, serve

pytestmark = pytest.mark.anyio

ASK = (Message("system", "Answer with one label: lost_card, refund"), Message("user", "I think my card is lost"))


class ProviderContract:
    """What any `Platform` and `Provider` must do; `name`, `model`, `another` and `connection` are the adapter's."""

    name = ""
    model = ""
    another: Hyperparameters = Hyperparameters()

    # ── fixtures ────────────────────────────────────────────────────────────────────────────────────────────────────

    @pytest.fixture
    def platform(self) -> Platform:
        return providers.platform(self.name)

    @pytest.fixture
    async def provider(self, platform: Platform, connection: Connection) -> AsyncIterator[Provider]:
        async with AsyncExitStack() as stack:
            yield await stack.enter_async_context(platform.open(connection))

    @pytest.fixture
    def plan(self, platform: Platform, make_plan: Callable[..., Plan], train: ProviderFile) -> Plan:
        recipe = platform.recipe(self.model, Method.SFT, Hyperparameters(epochs=2), 24, 0)
        return make_plan(self.name, self.model, hyperparameters=recipe.hyperparameters, train_sha256=train.sha256)

    @pytest.fixture
    def train(self, platform: Platform, make_file: Callable[..., ProviderFile]) -> ProviderFile:
        return make_file(platform)

    @pytest.fixture
    async def bought(self, provider: Provider, plan: Plan, train: ProviderFile, tag: str) -> RemoteJob:
        return await provider.create(plan, {"train": (await ready(provider, train)).id}, tag)

    @pytest.fixture
    async def finished(self, provider: Provider, bought: RemoteJob) -> RemoteJob:
        return await over(provider, bought)

    @pytest.fixture
    async def answering(self, finished: RemoteJob) -> str:
        """The name under which the tuned model answers."""
        return str(finished.tuned_model)

    # ── without a network ───────────────────────────────────────────────────────────────────────────────────────────

    def test_every_capability_has_an_answer(self, platform: Platform) -> None:
        assert set(platform.capabilities(date(2026, 11, 22))) == set(Capability)

    def test_an_unknown_model_is_not_found(self, platform: Platform) -> None:
        with pytest.raises(NotFound):
            platform.model("no such model at all")

    def test_a_recipe_keeps_what_was_given(self, platform: Platform) -> None:
        recipe = platform.recipe(self.model, Method.SFT, replace(self.another, epochs=5), 1000, 100)
        assert recipe.hyperparameters.epochs == 5
        assert "epochs" not in recipe.reasons

    def test_every_preset_has_a_reason(self, platform: Platform) -> None:
        recipe = platform.recipe(self.model, Method.SFT, Hyperparameters(), 1000, 100)
        assert recipe.reasons
        assert all(recipe.reasons.values())

    def test_an_unknown_setting_is_refused_by_name(self, platform: Platform) -> None:
        with pytest.raises(Unsupported, match="momentum"):
            platform.recipe(self.model, Method.SFT, Hyperparameters(extra={"momentum": 0.9}), 1000, 0)

    def test_exactly_one_planned_request_is_paid(self, platform: Platform, plan: Plan, train: ProviderFile) -> None:
        paid = [request for request in platform.requests(plan, [train], "tw-" + "a" * 16) if request.paid]
        assert [request.method for request in paid] == ["POST"]

    # ── the account ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_preflight_finds_no_problem_with_a_good_plan(self, provider: Provider, plan: Plan) -> None:
        assert (await provider.preflight(plan)).problems == ()

    async def test_preflight_names_a_model_that_is_not_there(self, provider: Provider, plan: Plan) -> None:
        problems = (await provider.preflight(replace(plan, model="org/absent-model"))).problems
        assert "absent-model" in problems[0]

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_file_is_not_found_before_it_is_sent(self, provider: Provider, train: ProviderFile) -> None:
        assert await provider.find_file(train) is None

    async def test_a_sent_file_is_found_again_by_its_bytes(self, provider: Provider, train: ProviderFile) -> None:
        sent = await provider.upload(train)
        found = await provider.find_file(train)
        assert found is not None
        assert (found.id, found.reused) == (sent.id, True)

    async def test_other_bytes_are_another_file(
        self, platform: Platform, provider: Provider, train: ProviderFile, make_file: Callable[..., ProviderFile]
    ) -> None:
        await provider.upload(train)
        assert await provider.find_file(make_file(platform, salt="other ")) is None

    async def test_an_upload_reports_its_progress_to_the_end(self, provider: Provider, train: ProviderFile) -> None:
        seen: list[tuple[int, int]] = []
        await provider.upload(train, lambda done, total: seen.append((done, total)))
        assert seen[-1] == (train.size, train.size)

    async def test_an_absent_file_is_not_found(self, provider: Provider) -> None:
        with pytest.raises(NotFound):
            await provider.file("file-absent")

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_bought_job_carries_our_tag(self, bought: RemoteJob, tag: str) -> None:
        assert bought.tag == tag

    async def test_buying_sends_exactly_one_post(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str, asked: Callable[[str, str], int]
    ) -> None:
        files = {"train": (await ready(provider, train)).id}
        await provider.create(plan, files, tag)
        assert asked("POST", JOBS[self.name]) == 1

    async def test_a_job_is_found_by_its_tag(self, provider: Provider, bought: RemoteJob, tag: str) -> None:
        assert [job.id for job in await provider.find(tag, datetime.now(UTC))] == [bought.id]

    async def test_another_tag_finds_nothing(self, provider: Provider, bought: RemoteJob) -> None:
        assert await provider.find("tw-" + "z" * 16) == ()

    async def test_jobs_lists_what_was_bought(self, provider: Provider, bought: RemoteJob) -> None:
        assert bought.id in [job.id for job in await provider.jobs()]

    async def test_an_absent_job_is_not_found(self, provider: Provider) -> None:
        with pytest.raises(NotFound):
            await provider.job("ftjob-absent")

    async def test_a_good_job_succeeds_with_a_model_and_a_bill(self, finished: RemoteJob) -> None:
        assert finished.state is JobState.SUCCEEDED
        assert finished.tuned_model
        assert finished.billed_tokens or finished.billed_usd

    async def test_events_come_oldest_first(self, provider: Provider, finished: RemoteJob) -> None:
        times = [event.at for event in (await provider.events(finished.id)).items if event.at]
        assert len(times) > 1
        assert times == sorted(times)

    async def test_events_after_the_cursor_are_only_the_new_ones(self, provider: Provider, finished: RemoteJob) -> None:
        page = await provider.events(finished.id)
        middle = page.items[len(page.items) // 2]
        later = await provider.events(finished.id, middle.id)
        assert later.items == page.items[len(page.items) // 2 + 1 :]
        assert (await provider.events(finished.id, page.cursor)).items == ()

    async def test_metrics_rise_by_step_and_the_loss_is_real(self, provider: Provider, finished: RemoteJob) -> None:
        points = await provider.metrics(finished.id)
        losses = [point.train_loss for point in points if point.train_loss is not None]
        assert [point.step for point in points] == sorted({point.step for point in points})
        assert losses[-1] < losses[0]

    async def test_a_validation_file_makes_a_validation_curve(
        self,
        platform: Platform,
        provider: Provider,
        plan: Plan,
        train: ProviderFile,
        make_file: Callable[..., ProviderFile],
        tag: str,
    ) -> None:
        held_out = make_file(platform, "validation", "once more ")
        files = {"train": (await ready(provider, train)).id, "validation": (await ready(provider, held_out)).id}
        recipe = platform.recipe(self.model, Method.SFT, Hyperparameters(epochs=2), 24, 24)
        validated = replace(plan, hyperparameters=recipe.hyperparameters, validation_sha256=held_out.sha256)
        job = await over(provider, await provider.create(validated, files, tag))
        assert any(point.valid_loss is not None for point in await provider.metrics(job.id))

    async def test_checkpoints_come_by_rising_step(self, provider: Provider, finished: RemoteJob) -> None:
        steps = [checkpoint.step for checkpoint in await provider.checkpoints(finished.id)]
        assert steps
        assert steps == sorted(steps)

    @pytest.fixture
    def queued(self, fault: Callable[..., None]) -> None:
        """The next job waits in the queue for an hour, so that it is not over before the test acts."""
        fault("stuck_queue")

    async def test_a_cancelled_job_ends_cancelled(self, provider: Provider, queued: None, bought: RemoteJob) -> None:
        await provider.cancel(bought.id)
        assert (await over(provider, bought)).state is JobState.CANCELLED

    async def test_an_unknown_status_stays_visible(
        self, provider: Provider, bought: RemoteJob, fault: Callable[..., None]
    ) -> None:
        fault("unknown_status")
        job = await provider.job(bought.id)
        assert job.state is JobState.UNKNOWN
        assert job.label == "unknown(reticulating)"

    # ── preference training ─────────────────────────────────────────────────────────────────────────────────────────

    def after(self, plan: Plan, job: RemoteJob) -> Plan:
        """The plan, going on from the model that the job has made."""
        return replace(plan, model=str(job.tuned_model))

    @pytest.fixture
    def preferences(self, platform: Platform, make_file: Callable[..., ProviderFile]) -> ProviderFile:
        return make_file(platform, method=Method.DPO)

    @pytest.fixture
    def preference_plan(self, platform: Platform, make_plan: Callable[..., Plan], preferences: ProviderFile) -> Plan:
        given = Hyperparameters(epochs=2, extra={"beta": 0.3})
        settings = platform.recipe(self.model, Method.DPO, given, 24, 0).hyperparameters
        changes = {"hyperparameters": settings, "train_sha256": preferences.sha256, "method": Method.DPO}
        return make_plan(self.name, self.model, **changes)

    @pytest.fixture
    async def preferring(
        self, provider: Provider, preference_plan: Plan, preferences: ProviderFile, tag: str
    ) -> RemoteJob:
        files = {"train": (await ready(provider, preferences)).id}
        return await over(provider, await provider.create(preference_plan, files, tag))

    def test_beta_is_refused_by_name_where_nothing_is_preferred(self, platform: Platform) -> None:
        with pytest.raises(Unsupported, match="beta: only preference training"):
            platform.recipe(self.model, Method.SFT, Hyperparameters(extra={"beta": 0.1}), 1000, 0)

    async def test_a_preference_job_succeeds_after_exactly_one_post(
        self, preferring: RemoteJob, asked: Callable[[str, str], int]
    ) -> None:
        assert (preferring.state, preferring.error) == (JobState.SUCCEEDED, None)
        assert preferring.tuned_model
        assert asked("POST", JOBS[self.name]) == 1

    async def test_the_rewards_of_a_preference_job_come_apart(self, provider: Provider, preferring: RemoteJob) -> None:
        points = [point for point in await provider.metrics(preferring.id) if point.reward_margin is not None]
        assert (points[0].reward_margin, points[0].reward_accuracy) == (0, 0)
        assert points[-1].reward_margin is not None
        assert points[-1].reward_margin > 0
        assert points[-1].reward_accuracy == 1

    async def test_a_preference_job_is_found_by_its_tag(
        self, provider: Provider, preferring: RemoteJob, tag: str
    ) -> None:
        assert [job.id for job in await provider.find(tag)] == [preferring.id]

    async def test_a_preference_job_on_supervised_rows_fails_and_says_why(
        self, provider: Provider, preference_plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        files = {"train": (await ready(provider, train)).id}
        job = await over(provider, await provider.create(preference_plan, files, tag))
        assert job.state is JobState.FAILED
        assert job.error

    async def test_preference_training_goes_on_from_a_supervised_model(
        self,
        provider: Provider,
        finished: RemoteJob,
        preference_plan: Plan,
        preferences: ProviderFile,
        tag: str,
    ) -> None:
        plan = self.after(preference_plan, finished)
        assert (await provider.preflight(plan)).problems == ()
        files = {"train": (await ready(provider, preferences)).id}
        job = await over(provider, await provider.create(plan, files, tag.replace("a", "b")))
        assert job.state is JobState.SUCCEEDED

    # ── questions ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_tuned_model_is_listed(self, provider: Provider, finished: RemoteJob) -> None:
        assert finished.tuned_model in [model.id for model in await provider.models() if model.tuned]

    async def test_an_answer_comes_with_usage_and_latency(self, provider: Provider) -> None:
        answer = await provider.complete(self.model, ASK, Sampling())
        assert answer.text
        assert answer.input_tokens
        assert answer.output_tokens
        assert answer.latency_s > 0

    async def test_a_streamed_answer_says_the_same_and_when_it_began(self, provider: Provider) -> None:
        whole = await provider.complete(self.model, ASK, Sampling())
        streamed = await provider.complete(self.model, ASK, Sampling(stream=True))
        assert (streamed.text, streamed.output_tokens) == (whole.text, whole.output_tokens)
        assert streamed.first_token_s is not None
        assert 0 < streamed.first_token_s <= streamed.latency_s

    async def test_the_tuned_model_answers_what_it_learned(self, provider: Provider, answering: str) -> None:
        answer = await provider.complete(answering, ASK, Sampling())
        assert answer.text == "lost_card"

    async def test_an_absent_model_is_not_found(self, provider: Provider) -> None:
        with pytest.raises(NotFound):
            await provider.complete("absent-model", ASK, Sampling())

    # ── when things go wrong ────────────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize("name", ["lost_reply", "truncated", "html", "server_error", "bad_gateway"])
    async def test_an_unclear_answer_to_a_purchase_is_in_doubt_after_one_post(
        self,
        name: str,
        provider: Provider,
        plan: Plan,
        train: ProviderFile,
        tag: str,
        fault: Callable[..., None],
        asked: Callable[[str, str], int],
    ) -> None:
        files = {"train": (await ready(provider, train)).id}
        fault(name, method="POST", path=JOBS[self.name])
        with pytest.raises(ProviderError) as unclear:
            await provider.create(plan, files, tag)
        assert unclear.value.nothing_created is False
        assert asked("POST", JOBS[self.name]) == 1

    @pytest.mark.parametrize("name", ["rate_limit", "training_not_available"])
    async def test_a_refused_purchase_proves_that_nothing_was_bought(
        self, name: str, provider: Provider, plan: Plan, train: ProviderFile, tag: str, fault: Callable[..., None]
    ) -> None:
        files = {"train": (await ready(provider, train)).id}
        fault(name, method="POST", path=JOBS[self.name])
        with pytest.raises(ProviderError) as refused:
            await provider.create(plan, files, tag)
        assert refused.value.nothing_created

    async def test_an_empty_account_is_a_matter_of_billing(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str, fault: Callable[..., None]
    ) -> None:
        files = {"train": (await ready(provider, train)).id}
        fault("insufficient_quota", method="POST", path=JOBS[self.name])
        with pytest.raises(Billing) as refused:
            await provider.create(plan, files, tag)
        assert provider.decide(refused.value).kind == "no"

    async def test_a_failed_job_says_why(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str, fault: Callable[..., None]
    ) -> None:
        fault("job_failed")
        files = {"train": (await ready(provider, train)).id}
        job = await over(provider, await provider.create(plan, files, tag))
        assert job.state is JobState.FAILED
        assert job.error

    async def test_a_rate_limit_on_a_read_says_how_long_to_wait(
        self, provider: Provider, fault: Callable[..., None]
    ) -> None:
        fault("rate_limit")
        with pytest.raises(ProviderError) as limited:
            await provider.jobs()
        assert provider.decide(limited.value).kind == "rate_limit"
        assert provider.decide(limited.value).after_s == 1

    @pytest.mark.parametrize("name", ["server_error", "reset"])
    async def test_a_passing_fault_on_a_read_is_worth_repeating(
        self, name: str, provider: Provider, bought: RemoteJob, fault: Callable[..., None]
    ) -> None:
        fault(name, count=2)  # aiohttp repeats a read on a re-used connection by itself; the control client does not
        with pytest.raises(ProviderError) as passing:
            await provider.job(bought.id)
        assert provider.decide(passing.value).kind == "transient"


class _OnSharedSandbox(ProviderContract):
    """A sandbox of its own for every test, reached as any user would: by the environment."""

    pace_s = 0.0

    @pytest.fixture
    def running(self) -> Iterator[Any]:
        sandbox = Sandbox(None, pace_s=self.pace_s)
        try:
            with serve(sandbox) as running:
                yield running
        finally:
            sandbox.close()

    @pytest.fixture
    def connection(self, platform: Platform, running: Any, tmp_path: Path) -> Connection:
        return platform.connection(running.environ, None, tmp_path)

    async def test_a_wrong_key_is_an_auth_error(
        self, platform: Platform, provider: Provider, plan: Plan, canary: str
    ) -> None:
        wrong = replace(provider.connection, api_key=Secret(canary))
        async with platform.open(wrong) as account:
            with pytest.raises(Auth) as refused:
                await account.preflight(plan)
        assert canary not in str(refused.value) + str(refused.value.body)


class TestOpenAI(_OnSharedSandbox):
    name = "openai"
    model = "gpt-4.1-mini-2025-04-14"
    another = Hyperparameters(extra={"learning_rate_multiplier": 0.5})

    pace_s = 1000.0
    """An epoch lasts long enough here to be paused in."""

    async def test_a_paused_job_goes_on_when_resumed(self, provider: Provider, bought: RemoteJob) -> None:
        await _post(provider, "clock", {"advance_s": self.pace_s / 2})
        assert (await provider.pause(bought.id)).state is JobState.PAUSED
        assert (await provider.resume(bought.id)).state is JobState.RUNNING

    async def test_the_shutdown_of_the_base_is_read_from_the_platform(self, provider: Provider, plan: Plan) -> None:
        assert (await provider.preflight(plan)).shutdown == date(2027, 1, 14)


class TestTogether(_OnSharedSandbox):
    name = "together"
    model = "Qwen/Qwen3-8B"
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

    @pytest.fixture
    async def lease(self, provider: Provider, finished: RemoteJob, tag: str) -> Lease:
        return await provider.serve(str(finished.tuned_model), tag, 600)

    async def test_the_same_bytes_are_known_by_their_checksum(self, provider: Provider, train: ProviderFile) -> None:
        first = await provider.upload(train)
        again = await provider.upload(train)
        assert (again.id, again.reused) == (first.id, True)

    async def test_a_bad_file_is_refused_with_the_platforms_own_words(
        self, provider: Provider, train: ProviderFile
    ) -> None:
        data = b'{"wrong": "shape"}\n' * 3
        train.path.write_bytes(data)
        refused = await ready(provider, replace(train, sha256=sha256(data).hexdigest(), size=len(data)))
        assert refused.state == "refused"
        assert refused.detail

    async def test_the_platforms_estimate_is_in_dollars(
        self, provider: Provider, plan: Plan, train: ProviderFile
    ) -> None:
        files = {"train": (await ready(provider, train)).id}
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

    async def test_a_machine_is_rented_with_our_tag_and_an_hourly_price(self, lease: Lease, tag: str) -> None:
        assert lease.tag == tag
        assert lease.usd_per_hour
        assert lease.usd_per_hour > 0

    async def test_renting_sends_one_deployment_with_an_idle_time_out(
        self, provider: Provider, lease: Lease, asked: Callable[[str, str], int]
    ) -> None:
        project = provider.connection.project
        assert asked("POST", f"/together/v2/projects/{project}/endpoints/{lease.id}/deployments") == 1
        assert lease.raw["deployment"]["inactiveTimeout"] == 30

    @pytest.fixture
    async def answering(self, provider: Provider, lease: Lease) -> str:
        return (await up(provider, lease)).model

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

    async def test_a_lease_is_found_by_the_tags_beginning(self, provider: Provider, lease: Lease) -> None:
        assert [found.id for found in await provider.find_leases("tw-")] == [lease.id]
        assert await provider.find_leases("zz-") == ()

    async def test_teardown_leaves_nothing_and_may_be_repeated(self, provider: Provider, lease: Lease) -> None:
        await provider.teardown(lease.id)
        for _ in range(3):
            await _post(provider, "clock", {"advance_s": 3600})
            await provider.teardown(lease.id)
        assert await provider.find_leases("tw-") == ()

    async def test_the_same_tag_rents_under_the_same_endpoint(
        self, provider: Provider, lease: Lease, finished: RemoteJob, tag: str
    ) -> None:
        await provider.teardown(lease.id)
        assert (await provider.serve(str(finished.tuned_model), tag, 600)).tag == tag

    async def test_a_public_base_can_be_rented_beside_the_tuned_model(self, provider: Provider, tag: str) -> None:
        lease = await provider.serve(self.model, tag, 600)
        assert (await provider.complete((await up(provider, lease)).model, ASK, Sampling())).text

    async def test_a_stopped_machine_does_not_stand_in_the_way_of_a_new_one(
        self, provider: Provider, lease: Lease, finished: RemoteJob, tag: str
    ) -> None:
        await up(provider, lease)
        await _post(provider, "clock", {"advance_s": 3600})  # beyond the idle time-out
        assert (await provider.lease(lease.id)).state is LeaseState.STOPPED
        again = await provider.serve(str(finished.tuned_model), tag, 600)
        assert (await up(provider, again)).id == lease.id

    async def test_an_absent_model_cannot_be_rented_and_nothing_is_bought(self, provider: Provider, tag: str) -> None:
        with pytest.raises(NotFound) as absent:
            await provider.serve("org/absent", tag, 600)
        assert absent.value.nothing_created


class TestEmbedded(ProviderContract):
    name = "sandbox"
    model = "small"

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


JOBS = {
    "openai": "/openai/v1/fine_tuning/jobs",
    "together": "/together/v1/fine-tunes",
    "sandbox": "/openai/v1/fine_tuning/jobs",
}


def _admin(provider: Provider, path: str) -> str:
    place = urlsplit(str(provider.connection.base_url))
    return f"{place.scheme}://{place.netloc}/_sandbox/{path}"


async def _post(provider: Provider, path: str, body: dict[str, Any]) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        (await http.post(_admin(provider, path), json=body)).raise_for_status()


async def over(provider: Provider, job: RemoteJob) -> RemoteJob:
    """The job when it has ended: the sandbox's clock is moved, nobody waits."""
    for _ in range(50):
        await _post(provider, "clock", {"advance_s": 3600})
        found = await provider.job(job.id)
        if found.state in TERMINAL_STATES:
            return found
    raise AssertionError(f"the job does not end: {found.label}")


async def up(provider: Provider, lease: Lease) -> Lease:
    """The lease when its machine is up."""
    for _ in range(50):
        if lease.state is LeaseState.READY:
            return lease
        await _post(provider, "clock", {"advance_s": 60})
        lease = await provider.lease(lease.id)
    raise AssertionError(f"the machine does not start: {lease.state}")


async def ready(provider: Provider, file: ProviderFile) -> RemoteFile:
    """The file when the platform has read it."""
    sent = await provider.upload(file)
    for _ in range(50):
        if sent.state != "processing":
            return sent
        await _post(provider, "clock", {"advance_s": 3600})
        sent = await provider.file(sent.id)
    raise AssertionError("the file stays in processing")


@pytest.fixture
def canary() -> str:
    return "sk-wrong-canary-0123456789abcdef"


@pytest.fixture
def fault(provider: Provider) -> Callable[..., None]:
    """Switch on one of the sandbox's faults."""

    def switch_on(name: str, **fields: Any) -> None:
        with httpx.Client(trust_env=False) as http:
            http.post(_admin(provider, "faults"), json={"name": name, **fields}).raise_for_status()

    return switch_on


@pytest.fixture
def asked(provider: Provider) -> Callable[[str, str], int]:
    """How often the sandbox was asked for exactly this."""

    def count(method: str, path: str) -> int:
        with httpx.Client(trust_env=False) as http:
            rows = http.get(_admin(provider, "requests")).json()["requests"]
        return sum(row["count"] for row in rows if (row["method"], row["path"]) == (method, path))

    return count
