"""The inherited promises, kept by the Vertex AI adapter; and what only it has: labels, objects made once, two hosts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from hashlib import sha256
from urllib.parse import unquote, urlsplit

import pytest

from providers.contract import Platform, Provider
from providers.errors import Auth, InvalidData, NotFound, ProviderError, Unsupported
from providers.records import Hyperparameters, JobState, Method, Plan, ProviderFile, RemoteJob, Sampling

pytest.importorskip("google.genai")
pytest.importorskip("starlette")
from providers.sandbox import RunningSandbox, Sandbox, serve
from providers.testing import OnSandbox
from providers.testing.making import ASK, ROWS

PROJECT = "/vertex/v1beta1/projects/sandbox/locations"
JOBS, UPLOAD = f"{PROJECT}/us-central1/tuningJobs", "/vertex/upload/storage/v1/b/tunewright-sandbox/o"


class TestVertex(OnSandbox):
    name = "vertex"
    jobs_path = JOBS
    on = date(2026, 11, 26)
    model = "gemini-3.5-flash"
    another = Hyperparameters(lora=True, extra={"learning_rate_multiplier": 0.5, "adapter_size": 8})
    absent_file = "gs://tunewright-sandbox/tunewright/absent.jsonl"
    wrong_key = "ya29.wrong-canary-0123456789abcdef"

    @pytest.fixture
    def world(self) -> Iterator[Sandbox]:
        with Sandbox(None, pace_s=self.pace_s) as world:
            yield world

    @pytest.fixture
    def running(self, world: Sandbox) -> Iterator[RunningSandbox]:
        with serve(world) as running:
            yield running

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_the_same_bytes_are_sent_once(
        self, provider: Provider, train: ProviderFile, asked: Callable[[str, str], int]
    ) -> None:
        first = await provider.upload(train)
        again = await provider.upload(train)
        assert first.id == f"gs://tunewright-sandbox/tunewright/{train.remote_name}"
        assert (again.id, again.reused, again.size) == (first.id, True, train.size)
        assert asked("POST", UPLOAD) == 1

    async def test_what_lies_in_the_bucket_are_the_very_bytes(
        self, world: Sandbox, provider: Provider, train: ProviderFile
    ) -> None:
        await provider.upload(train)
        (stored,) = world.objects.listed("gs:tunewright-sandbox", "tunewright/")
        assert world.objects.read(stored) == train.path.read_bytes()
        assert stored.metadata == {"sha256": train.sha256, "tunewright": "train"}

    async def test_an_upload_whose_answer_was_lost_is_found_again(
        self, provider: Provider, train: ProviderFile, fault: Callable[..., None], asked: Callable[[str, str], int]
    ) -> None:
        fault("lost_reply", method="POST", path="/upload/")
        with pytest.raises(ProviderError):
            await provider.upload(train)
        assert (await provider.upload(train)).reused
        assert asked("POST", UPLOAD) == 1

    async def test_who_comes_second_with_the_same_bytes_takes_the_first_ones(
        self, provider: Provider, train: ProviderFile, fault: Callable[..., None], asked: Callable[[str, str], int]
    ) -> None:
        """Two processes ask whether it is there, and both send: the precondition lets one of them write."""
        fault("duplicate_delivery", method="POST", path="/upload/")
        assert (await provider.upload(train)).size == train.size
        assert (await provider.find_file(train)) is not None

    async def test_nothing_is_written_over(
        self, world: Sandbox, provider: Provider, train: ProviderFile, asked: Callable[[str, str], int]
    ) -> None:
        name = f"tunewright/{train.remote_name}"
        world.objects.put("gs:tunewright-sandbox", name, b"something else\n", {})
        with pytest.raises(InvalidData, match="other bytes than its name says"):
            await provider.upload(train)
        found = world.objects.get("gs:tunewright-sandbox", name)
        assert found is not None
        assert world.objects.read(found) == b"something else\n"

    async def test_a_file_that_has_changed_is_not_sent(
        self, provider: Provider, train: ProviderFile, asked: Callable[[str, str], int]
    ) -> None:
        train.path.write_bytes(train.path.read_bytes().replace(b"refund", b"REFUND"))
        with pytest.raises(InvalidData, match="changed"):
            await provider.upload(train)
        assert asked("POST", UPLOAD) == 0

    async def test_without_a_bucket_its_variable_is_named(self, platform: Platform, provider: Provider) -> None:
        options = {name: value for name, value in provider.connection.options.items() if name != "bucket"}
        plan = self.sample(platform)
        async with platform.open(replace(provider.connection, options=options)) as account:
            with pytest.raises(Auth, match="TUNEWRIGHT_VERTEX_BUCKET"):
                await account.preflight(plan)

    def sample(self, platform: Platform) -> Plan:
        from providers.testing import sample_plan

        return sample_plan(self.name, self.model, hyperparameters=Hyperparameters(epochs=2))

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_our_tag_is_a_label_and_ends_the_models_name(self, bought: RemoteJob, tag: str) -> None:
        assert bought.raw["labels"] == {"tunewright": tag}
        assert bought.raw["tunedModelDisplayName"] == tag

    async def test_a_job_that_no_list_shows_yet_is_absent(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str, fault: Callable[..., None]
    ) -> None:
        """Which is why a purchase in doubt waits: nothing but the list can tell."""
        fault("list_lag", seconds=60)
        job = await provider.create(plan, {"train": (await self.ready(provider, train)).id}, tag)
        assert await provider.find(tag) == ()
        await self.pass_time(provider, 3600)
        assert [found.id for found in await provider.find(tag)] == [job.id]

    async def test_a_tag_is_found_by_the_filter_alone_where_that_works(
        self, provider: Provider, bought: RemoteJob, tag: str, asked: Callable[[str, str], int]
    ) -> None:
        before = asked("GET", JOBS)
        assert [job.id for job in await provider.find(tag)] == [bought.id]
        assert asked("GET", JOBS) == before + 1
        assert await provider.find("tw-" + "z" * 16) == ()
        assert asked("GET", JOBS) == before + 3

    async def test_a_job_is_read_by_its_id_and_by_its_whole_name(self, provider: Provider, bought: RemoteJob) -> None:
        assert bought.id.isdigit()
        assert (await provider.job(str(bought.raw["name"]))).id == bought.id

    async def test_what_is_billed_is_the_data_set_times_the_epochs(self, finished: RemoteJob) -> None:
        stats = finished.raw["tuningDataStats"]["supervisedTuningDataStats"]
        assert finished.billed_tokens == 2 * int(stats["totalBillableTokenCount"]) > 0
        assert (finished.trained.epochs, finished.trained.lora) == (2, True)

    async def test_of_a_cancelled_job_no_bill_is_assumed(
        self, provider: Provider, queued: None, bought: RemoteJob
    ) -> None:
        await provider.cancel(bought.id)
        assert (await self.over(provider, bought)).billed_tokens is None

    async def test_a_job_that_the_platform_has_paused_is_shown_so(
        self, world: Sandbox, provider: Provider, queued: None, bought: RemoteJob
    ) -> None:
        world.book.pause(bought.id)
        assert (await provider.job(bought.id)).state is JobState.PAUSED
        with pytest.raises(Unsupported):
            await provider.resume(bought.id)

    async def test_rows_that_the_platform_cannot_read_fail_the_job_in_its_own_words(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        data = b'{"messages": []}\n' * 12
        train.path.write_bytes(data)
        wrong = replace(train, sha256=sha256(data).hexdigest(), size=len(data))
        job = await provider.create(plan, {"train": (await self.ready(provider, wrong)).id}, tag)
        ended = await self.over(provider, job)
        assert (ended.state, ended.error_code) == (JobState.FAILED, "3")
        assert "contents" in str(ended.error)

    async def test_rows_that_are_not_there_are_refused_before_anything_is_bought(
        self, provider: Provider, plan: Plan, tag: str
    ) -> None:
        with pytest.raises(InvalidData, match="was not found") as refused:
            await provider.create(plan, {"train": self.absent_file}, tag)
        assert refused.value.nothing_created
        assert await provider.jobs() == ()

    async def test_every_request_of_a_submission_is_one_that_was_shown(
        self,
        platform: Platform,
        provider: Provider,
        plan: Plan,
        train: ProviderFile,
        tag: str,
        asked: Callable[[str, str], int],
    ) -> None:
        """In the order of a purchase, at this server; the bucket, which only the environment knows, put in."""
        await provider.preflight(plan)
        assert await provider.find_file(train) is None
        file = await provider.upload(train)
        assert await provider.find(tag) == ()
        await provider.create(plan, {"train": file.id}, tag)
        here = replace(plan, account="sandbox/us-central1")
        shown = platform.requests(here, [train], tag, provider.connection.base_url, {"train": file.id})
        wanted = Counter((one.method, urlsplit(one.url).path.partition("/vertex")[2]) for one in shown)
        told = {
            (method, path.replace("<TUNEWRIGHT_VERTEX_BUCKET>", "tunewright-sandbox")): n
            for (method, path), n in wanted.items()
        }
        sent = {(method, path): asked(method, f"/vertex{unquote(path)}") for method, path in told}
        # What is asked for once more than shown: whether the file is there, before it is sent and when it is.
        assert {key: n for key, n in sent.items() if n != told[key]} == {
            ("GET", f"/storage/v1/b/tunewright-sandbox/o/tunewright/{train.remote_name}"): 2
        }

    async def test_a_plan_with_every_setting_is_bought_as_it_is_shown(
        self, platform: Platform, provider: Provider, plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        settings = {"learning_rate_multiplier": 0.5, "adapter_size": 8, "export_last_checkpoint_only": True}
        full = replace(plan, suffix="Mine", hyperparameters=replace(plan.hyperparameters, extra=settings))
        files = {"train": (await self.ready(provider, train)).id}
        job = await provider.create(full, files, tag)
        (paid,) = [one for one in platform.requests(full, [train], tag, ids=files) if one.paid]
        assert isinstance(paid.body, dict)
        assert {key: job.raw[key] for key in ("baseModel", "labels", "tunedModelDisplayName")} == {
            key: paid.body[key] for key in ("baseModel", "labels", "tunedModelDisplayName")
        }
        assert job.trained.extra == {"learning_rate_multiplier": 0.5, "adapter_size": 8}
        done = await self.over(provider, job)
        assert await provider.checkpoints(done.id) == ()

    async def test_a_tool_call_is_learned_and_answered_as_one(
        self, platform: Platform, provider: Provider, plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        def row(number: int) -> dict[str, object]:
            name = ("block_card", "pay_back")[number % 2]
            words = (f"my card is lost {number}", f"please refund my order {number}")[number % 2]
            call = {"functionCall": {"name": name, "args": {"reason": "asked"}}}
            turns = [{"role": "user", "parts": [{"text": words}]}, {"role": "model", "parts": [call]}]
            return {"contents": turns}

        data = "".join(json.dumps(row(number)) + "\n" for number in range(ROWS)).encode()
        train.path.write_bytes(data)
        file = replace(train, sha256=sha256(data).hexdigest(), size=len(data))
        job = await provider.create(plan, {"train": (await self.ready(provider, file)).id}, tag)
        done = await self.over(provider, job)
        for stream in (False, True):
            answer = await provider.complete(str(done.tuned_model), ASK[1:], Sampling(stream=stream))
            (called,) = answer.tool_calls
            assert (answer.text, answer.finish_reason) == ("", "tool_calls")
            assert called["function"] == {"name": "block_card", "arguments": '{"reason": "asked"}'}

    # ── models ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_the_base_is_asked_everywhere_and_the_tuned_model_where_its_name_says(
        self, provider: Provider, finished: RemoteJob, asked: Callable[[str, str], int]
    ) -> None:
        model = str(finished.tuned_model)
        assert "/locations/us/endpoints/" in model
        await provider.complete(self.model, ASK, Sampling())
        await provider.complete(model, ASK, Sampling())
        base = f"{PROJECT}/global/publishers/google/models/{self.model}:generateContent"
        assert asked("POST", base) == 1
        assert asked("POST", f"/vertex/v1beta1/{model}:generateContent") == 1

    async def test_an_endpoint_is_nowhere_else(self, provider: Provider, finished: RemoteJob) -> None:
        elsewhere = str(finished.tuned_model).replace("/locations/us/", "/locations/us-central1/")
        with pytest.raises(NotFound):
            await provider.complete(elsewhere, ASK, Sampling())

    async def test_each_checkpoint_answers_behind_an_endpoint_of_its_own(
        self, provider: Provider, finished: RemoteJob
    ) -> None:
        found = await provider.checkpoints(finished.id)
        assert [one.metrics.epoch for one in found if one.metrics] == [1, 2]
        assert found[-1].model == finished.tuned_model != found[0].model
        assert (await provider.complete(str(found[0].model), ASK, Sampling())).text in ("lost_card", "refund")

    async def test_a_tuned_model_names_its_base(self, provider: Provider, finished: RemoteJob) -> None:
        (model,) = await provider.models()
        assert (model.id, model.base) == (finished.tuned_model, self.model)

    async def test_a_model_that_our_facts_do_not_know_is_asked_for(self, provider: Provider, plan: Plan) -> None:
        assert "gemini-9-flash" in (await provider.preflight(replace(plan, model="gemini-9-flash"))).problems[0]

    async def test_preferences_are_refused_by_name(self, platform: Platform) -> None:
        with pytest.raises(Unsupported, match=r"Gemini 2\.5 alone"):
            platform.dialect(Method.DPO)
