"""The account, its files and its jobs: sent, bought, found again, watched to the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ..contract import Platform, Provider
from ..errors import CannotTell, InvalidData, NotFound, Unsupported
from ..records import Capability, Hyperparameters, JobState, Method, Plan, ProviderFile, RemoteJob
from .adapter import AdapterSuite
from .making import ROWS

__all__ = ["FilesAndJobs"]


class FilesAndJobs(AdapterSuite):
    """What is not offered, by `capabilities()`, must be refused by name or come back empty."""

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
            await provider.file(self.absent_file)

    # ── buying, and finding again ───────────────────────────────────────────────────────────────────────────────────

    async def test_a_bought_job_carries_our_tag(self, platform: Platform, bought: RemoteJob, tag: str) -> None:
        if not self.supports(platform, Capability.FIND_BY_TAG):
            pytest.skip("the platform keeps no mark of ours")
        assert bought.tag == tag

    async def test_a_job_is_found_by_its_tag(
        self, platform: Platform, provider: Provider, bought: RemoteJob, tag: str
    ) -> None:
        if self.supports(platform, Capability.FIND_BY_TAG):
            assert [job.id for job in await provider.find(tag, datetime.now(UTC))] == [bought.id]
        else:
            with pytest.raises(CannotTell):
                await provider.find(tag, datetime.now(UTC))

    async def test_another_tag_finds_nothing(self, platform: Platform, provider: Provider, bought: RemoteJob) -> None:
        if not self.supports(platform, Capability.FIND_BY_TAG):
            pytest.skip("the platform keeps no mark of ours")
        assert await provider.find("tw-" + "z" * 16) == ()

    async def test_jobs_lists_what_was_bought(self, provider: Provider, bought: RemoteJob) -> None:
        assert bought.id in [job.id for job in await provider.jobs()]

    async def test_an_absent_job_is_not_found(self, provider: Provider) -> None:
        with pytest.raises(NotFound):
            await provider.job(self.absent_job)

    async def test_a_plan_is_never_bought_without_its_validation_file(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        files = {"train": (await self.ready(provider, train)).id}
        with pytest.raises(Unsupported) as refused:
            await provider.create(replace(plan, validation_sha256="b" * 64), files, tag)
        assert refused.value.nothing_created
        assert await provider.jobs() == ()

    # ── a job's life ────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_good_job_succeeds_with_a_model_and_a_bill(self, finished: RemoteJob) -> None:
        assert finished.state is JobState.SUCCEEDED
        assert finished.tuned_model
        assert not self.bills or finished.billed_tokens or finished.billed_hours or finished.billed_usd is not None

    async def test_events_come_oldest_first(self, platform: Platform, provider: Provider, finished: RemoteJob) -> None:
        if not self.supports(platform, Capability.EVENTS):
            assert await self.gives_nothing(provider.events(finished.id))
            return
        times = [event.at for event in (await provider.events(finished.id)).items if event.at]
        assert len(times) > 1
        assert times == sorted(times)

    async def test_events_after_the_cursor_are_only_the_new_ones(
        self, platform: Platform, provider: Provider, finished: RemoteJob
    ) -> None:
        if not self.supports(platform, Capability.EVENTS):
            pytest.skip("the platform tells no events")
        page = await provider.events(finished.id)
        middle = page.items[len(page.items) // 2]
        later = await provider.events(finished.id, middle.id)
        assert later.items == page.items[len(page.items) // 2 + 1 :]
        assert (await provider.events(finished.id, page.cursor)).items == ()

    async def test_metrics_rise_by_step_and_the_loss_is_real(
        self, platform: Platform, provider: Provider, finished: RemoteJob
    ) -> None:
        if not self.supports(platform, Capability.METRICS):
            assert await self.gives_nothing(provider.metrics(finished.id))
            return
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
        if not self.supports(platform, Capability.VALIDATION_FILE, Capability.METRICS):
            pytest.skip("the platform measures nothing on a validation file, or does not tell")
        held_out = make_file(platform, "validation", "once more ")
        files = {
            "train": (await self.ready(provider, train)).id,
            "validation": (await self.ready(provider, held_out)).id,
        }
        recipe = platform.recipe(self.model, Method.SFT, Hyperparameters(epochs=2), ROWS, ROWS)
        validated = replace(plan, hyperparameters=recipe.hyperparameters, validation_sha256=held_out.sha256)
        job = await self.over(provider, await provider.create(validated, files, tag))
        assert any(point.valid_loss is not None for point in await provider.metrics(job.id))

    async def test_checkpoints_come_by_rising_step(
        self, platform: Platform, provider: Provider, finished: RemoteJob
    ) -> None:
        if not self.supports(platform, Capability.CHECKPOINTS):
            assert await provider.checkpoints(finished.id) == ()
            return
        steps = [checkpoint.step for checkpoint in await provider.checkpoints(finished.id)]
        assert steps
        assert steps == sorted(steps)

    async def test_a_cancelled_job_ends_cancelled(
        self, platform: Platform, provider: Provider, queued: None, bought: RemoteJob
    ) -> None:
        if not self.supports(platform, Capability.CANCEL):
            with pytest.raises(Unsupported):
                await provider.cancel(bought.id)
            return
        await provider.cancel(bought.id)
        assert (await self.over(provider, bought)).state is JobState.CANCELLED

    async def test_pausing_is_refused_by_name_where_it_is_not_offered(
        self, platform: Platform, provider: Provider, bought: RemoteJob
    ) -> None:
        if self.supports(platform, Capability.PAUSE):
            pytest.skip("jobs can be paused here")
        with pytest.raises(Unsupported):
            await provider.pause(bought.id)
        with pytest.raises((Unsupported, InvalidData)):  # some pause jobs themselves, and those can be resumed
            await provider.resume(bought.id)
