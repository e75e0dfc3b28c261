"""Bedrock keeps the promises that every adapter keeps, over boto3 and real HTTP against the sandbox; and its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import providers
from providers.contract import Connection, Platform, Provider, Secret
from providers.errors import Auth, NotFound, ProviderError, Unsupported
from providers.records import (
    Hyperparameters,
    JobState,
    Lease,
    LeaseState,
    Message,
    Method,
    Plan,
    ProviderFile,
    RemoteJob,
    Sampling,
)
from providers.testing import OnSandbox
from providers.testing.making import ASK

pytest.importorskip("boto3")

pytestmark = pytest.mark.anyio

NOVA = "amazon.nova-micro-v1:0:128k"
LLAMA = "meta.llama3-1-8b-instruct-v1:0:128k"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0:200k"
DEPLOYMENTS = "/aws/model-customization/custom-model-deployments"
THROUGHPUT = "/aws/provisioned-model-throughput"


class TestBedrock(OnSandbox):
    name = "bedrock"
    jobs_path = "/aws/model-customization-jobs"
    wrong_key = "AKIAWRONGCANARY01234:wrong-canary-secret-0123456789"
    bills = False
    on = date(2026, 11, 22)
    model = NOVA
    another = Hyperparameters(learning_rate=2e-5, extra={"learning_rate_warmup_steps": 5})

    def test_a_missing_key_is_named(self, platform: Platform, tmp_path: Path) -> None:
        """Keys are found by AWS's own chain, when they are used; before them, the region is named."""
        with pytest.raises(Auth, match="AWS_REGION"):
            platform.connection({}, None, tmp_path)

    def test_training_by_preference_is_refused(self, platform: Platform) -> None:
        for refused in (
            lambda: platform.dialect(Method.DPO),
            lambda: platform.dialect_for(LLAMA, Method.DPO),
            lambda: platform.recipe(NOVA, Method.DPO, Hyperparameters(), 100, 0),
        ):
            with pytest.raises(Unsupported):
                refused()

    # Bedrock tells no bill, and a job leaves one model.

    async def test_a_good_job_succeeds_with_a_model_and_a_bill(self, finished: RemoteJob) -> None:
        assert finished.state is JobState.SUCCEEDED
        assert ":custom-model/" in str(finished.tuned_model)
        assert (finished.billed_tokens, finished.billed_usd) == (None, None)

    async def test_checkpoints_come_by_rising_step(self, provider: Provider, finished: RemoteJob) -> None:
        assert await provider.checkpoints(finished.id) == ()

    # ── buying ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_the_same_token_again_is_the_same_job(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str, bought: RemoteJob
    ) -> None:
        again = await provider.create(plan, {"train": (await self.ready(provider, train)).id}, tag)
        assert (again.id, again.raw["jobArn"]) == (bought.id, bought.raw["jobArn"])
        assert len(await provider.jobs()) == 1

    async def test_a_name_that_is_taken_is_the_job_that_took_it(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str, bought: RemoteJob
    ) -> None:
        """As where the platform has forgotten the token after its time: the unique name stands behind it."""
        clients = provider._clients  # type: ignore[attr-defined]
        provider._clients = _Otherwise(clients)  # type: ignore[attr-defined]
        again = await provider.create(plan, {"train": (await self.ready(provider, train)).id}, tag)
        assert again.id == bought.id
        assert again.raw["clientRequestToken"] == tag

    async def test_a_job_that_lists_do_not_show_yet_is_found_by_its_name(
        self, provider: Provider, fault: Callable[..., None], plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        fault("list_lag", seconds=3600)
        bought = await provider.create(plan, {"train": (await self.ready(provider, train)).id}, tag)
        assert await provider.jobs() == ()
        assert [job.id for job in await provider.find(tag)] == [bought.id]

    async def test_a_job_waits_before_it_trains(self, provider: Provider, queued: None, bought: RemoteJob) -> None:
        assert (await provider.job(bought.id)).state is JobState.QUEUED

    async def test_a_suffix_goes_into_the_models_name(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        files = {"train": (await self.ready(provider, train)).id}
        job = await self.over(provider, await provider.create(replace(plan, suffix="my_labels"), files, tag))
        assert (job.id, job.raw["outputModelName"]) == (tag, f"my_labels-{tag}")

    async def test_every_setting_reaches_the_job_as_text(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        given = replace(self.another, epochs=2)
        files = {"train": (await self.ready(provider, train)).id}
        job = await provider.create(replace(plan, hyperparameters=given), files, tag)
        told = (await provider.job(job.id)).hyperparameters
        assert told == {"epochCount": "2", "learningRate": "0.00002", "learningRateWarmupSteps": "5"}

    @pytest.mark.parametrize(
        ("model", "given", "word"),
        [
            (NOVA, Hyperparameters(epochs=6), "epochs"),
            (NOVA, Hyperparameters(learning_rate=0.1), "learning_rate"),
            (NOVA, Hyperparameters(batch_size=8), "batch_size: Nova chooses"),
            (NOVA, Hyperparameters(seed=7), "seed: Bedrock takes none"),
            (LLAMA, Hyperparameters(batch_size=2), "batch_size"),
            (LLAMA, Hyperparameters(extra={"learning_rate_multiplier": 1.0}), "absolute rate"),
            (HAIKU, Hyperparameters(learning_rate=1e-5), "multiplier"),
            (HAIKU, Hyperparameters(batch_size=300), "batch_size"),
            (HAIKU, Hyperparameters(extra={"early_stopping_threshold": 0.2}), "early_stopping_threshold"),
        ],
    )
    def test_what_a_family_does_not_take_is_refused_by_name(
        self, platform: Platform, model: str, given: Hyperparameters, word: str
    ) -> None:
        with pytest.raises(Unsupported, match=word):
            platform.recipe(model, Method.SFT, given, 1000, 0)

    @pytest.mark.parametrize("rows", [12, 1000, 100_000])
    @pytest.mark.parametrize("model", [NOVA, LLAMA, HAIKU, "amazon.nova-2-lite-v1:0:256k"])
    def test_presets_stay_within_what_the_family_takes(self, platform: Platform, model: str, rows: int) -> None:
        made = platform.recipe(model, Method.SFT, Hyperparameters(), rows, 10).hyperparameters
        assert platform.recipe(model, Method.SFT, made, rows, 10).hyperparameters == made

    # ── before anything is sent ─────────────────────────────────────────────────────────────────────────────────────

    async def test_the_end_of_life_is_read_from_the_platform(
        self, provider: Provider, plan: Plan, platform: Platform
    ) -> None:
        settings = platform.recipe(HAIKU, Method.SFT, Hyperparameters(), 24, 0).hyperparameters
        told = await provider.preflight(replace(plan, model=HAIKU, hyperparameters=settings))
        assert "end of life on 2026-09-10" in told.problems[0]
        assert told.shutdown == date(2026, 9, 10)

    def test_the_end_of_life_is_a_dated_fact_with_its_source(self, platform: Platform) -> None:
        known = platform.model(HAIKU)
        assert known.tunable.answer == "no"
        assert "2026-09-10" in known.tunable.reason
        assert known.shutdown == date(2026, 9, 10)
        assert known.source
        assert known.as_of

    @pytest.mark.parametrize("missing", ["TUNEWRIGHT_BEDROCK_BUCKET", "TUNEWRIGHT_BEDROCK_ROLE_ARN"])
    async def test_without_bucket_or_role_the_variable_is_named(
        self, platform: Platform, running: Any, tmp_path: Path, plan: Plan, missing: str
    ) -> None:
        environ = {name: value for name, value in running.environ.items() if name != missing}
        async with platform.open(platform.connection(environ, None, tmp_path)) as account:
            with pytest.raises(Auth, match=missing) as refused:
                await account.preflight(plan)
            assert refused.value.nothing_created
            assert (await account.complete(NOVA, ASK, Sampling())).text

    def test_without_a_region_its_variable_is_named(self, platform: Platform, tmp_path: Path) -> None:
        with pytest.raises(Auth, match="AWS_REGION"):
            platform.connection({}, None, tmp_path)

    def test_the_account_is_the_roles_and_the_region(self, platform: Platform, tmp_path: Path) -> None:
        environ = {"AWS_REGION": "us-west-2", "TUNEWRIGHT_BEDROCK_ROLE_ARN": "arn:aws:iam::123456789012:role/x"}
        connection = platform.connection(environ, None, tmp_path)
        assert (connection.account, connection.is_own_host, connection.api_key) == (
            "123456789012/us-west-2",
            True,
            None,
        )

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize("model", [NOVA, LLAMA, HAIKU])
    def test_each_family_has_its_lines(self, platform: Platform, model: str) -> None:
        names = {NOVA: "bedrock_nova", LLAMA: "bedrock_llama", HAIKU: "bedrock_claude"}
        assert platform.dialect_for(model, Method.SFT).name == names[model]

    async def test_a_large_file_goes_in_parts_and_on_where_it_was_interrupted(
        self, platform: Platform, running: Any, tmp_path: Path, fault: Callable[..., None], asked: Callable[..., int]
    ) -> None:
        from hashlib import sha256

        from providers.parts import Scratch

        data = b"x" * (11 * 1024**2)
        path = tmp_path / "large.jsonl"
        path.write_bytes(data)
        file = ProviderFile(path, sha256(data).hexdigest(), len(data), 1, "train", "bedrock_nova")
        parts = {"upload_whole_up_to": "1000", "upload_part_bytes": str(5 * 1024**2)}
        connection = platform.connection(running.environ, None, tmp_path)
        connection = replace(connection, options={**connection.options, **parts})
        seen: list[tuple[int, int]] = []
        book = Scratch()
        async with platform.open(connection) as account:
            fault("server_error", method="PUT", path="tunewright-sandbox")
            with pytest.raises(ProviderError):
                await account.upload(file, lambda done, total: seen.append((done, total)), book)
            sent = await account.upload(file, lambda done, total: seen.append((done, total)), book)
            found = await account.find_file(file)
        assert found is not None
        assert (found.id, found.size) == (sent.id, len(data))
        assert seen[-1] == (len(data), len(data))
        key = sent.id.removeprefix("s3:/")
        assert asked("PUT", f"/aws{key}") == 4  # three parts, one of them twice
        assert asked("POST", f"/aws{key}") == 2  # begun once, completed once

    async def test_a_changed_file_is_not_sent(self, provider: Provider, train: ProviderFile) -> None:
        train.path.write_bytes(train.path.read_bytes() + b"\n")
        with pytest.raises(ProviderError, match="has changed"):
            await provider.upload(train)
        assert await provider.find_file(train) is None

    # ── questions and leases ────────────────────────────────────────────────────────────────────────────────────────

    @pytest.fixture
    async def lease(self, provider: Provider, finished: RemoteJob, tag: str) -> Lease:
        return await provider.serve(str(finished.tuned_model), tag, 600)

    @pytest.fixture
    async def answering(self, provider: Provider, lease: Lease) -> str:
        return (await self.up(provider, lease)).model

    async def test_a_lease_bears_our_tag_and_never_stops_by_itself(self, lease: Lease, tag: str) -> None:
        assert (lease.tag, lease.idle_timeout_s) == (tag, 0)

    async def test_renting_twice_under_one_tag_buys_once(
        self, provider: Provider, finished: RemoteJob, lease: Lease, tag: str, asked: Callable[[str, str], int]
    ) -> None:
        assert (await provider.serve(str(finished.tuned_model), tag, 600)).id == lease.id
        assert asked("POST", DEPLOYMENTS) == 1

    async def test_an_unclear_answer_to_a_deployment_is_in_doubt_and_found_by_its_tag(
        self, provider: Provider, finished: RemoteJob, tag: str, fault: Callable[..., None]
    ) -> None:
        fault("lost_reply", method="POST", path=DEPLOYMENTS)
        with pytest.raises(ProviderError) as unclear:
            await provider.serve(str(finished.tuned_model), tag, 600)
        assert unclear.value.nothing_created is False
        (found,) = await provider.find_leases(tag)
        assert found.tag == tag

    async def test_leases_are_found_by_the_tags_beginning(self, provider: Provider, lease: Lease) -> None:
        assert [found.id for found in await provider.find_leases("tw-")] == [lease.id]
        assert await provider.find_leases("zz-") == ()

    async def test_teardown_leaves_nothing_and_may_be_repeated(self, provider: Provider, lease: Lease) -> None:
        for _ in range(2):
            await provider.teardown(lease.id)
        assert await provider.find_leases("tw-") == ()
        with pytest.raises(NotFound):
            await provider.lease(lease.id)

    async def test_without_a_deployment_the_tuned_model_does_not_answer(
        self, provider: Provider, finished: RemoteJob
    ) -> None:
        with pytest.raises(ProviderError, match="on-demand throughput"):
            await provider.complete(str(finished.tuned_model), ASK, Sampling())

    async def test_an_absent_model_cannot_be_rented_and_nothing_is_bought(self, provider: Provider, tag: str) -> None:
        with pytest.raises(NotFound) as absent:
            await provider.serve("arn:aws:bedrock:us-east-1:123456789012:custom-model/a.b/0123456789ab", tag, 600)
        assert absent.value.nothing_created

    @pytest.fixture
    async def provisioned(self, platform: Platform, connection: Connection) -> AsyncIterator[Provider]:
        async with AsyncExitStack() as stack:
            options = {**connection.options, "serving": "provisioned"}
            yield await stack.enter_async_context(platform.open(replace(connection, options=options)))

    async def test_throughput_is_bought_without_a_commitment_and_answers(
        self, provisioned: Provider, finished: RemoteJob, tag: str, asked: Callable[[str, str], int]
    ) -> None:
        lease = await provisioned.serve(str(finished.tuned_model), tag, 600)
        lease = await self.up(provisioned, lease)
        assert (await provisioned.complete(lease.model, ASK, Sampling())).text == "lost_card"
        assert (lease.raw["modelUnits"], "commitmentDuration" in lease.raw) == (1, False)
        await provisioned.teardown(lease.id)
        assert await provisioned.find_leases("tw-") == ()
        assert asked("POST", THROUGHPUT) == 1

    async def test_a_way_of_serving_that_is_none_is_refused(
        self, platform: Platform, connection: Connection, tag: str
    ) -> None:
        options = {**connection.options, "serving": "magic"}
        async with platform.open(replace(connection, options=options)) as account:
            with pytest.raises(Unsupported, match="magic"):
                await account.serve("arn:x", tag, 600)

    async def test_turns_of_one_side_in_a_row_are_one(self, provider: Provider) -> None:
        turns = (Message("system", "s"), Message("user", "a"), Message("user", "my card is lost"))
        assert (await provider.complete(NOVA, turns, Sampling())).text

    async def test_a_started_deployment_is_not_ready_at_once(
        self, platform: Platform, running: Any, tmp_path: Path
    ) -> None:
        known = {state for kind in _kinds().values() for state in kind.states.values()}
        assert known == {LeaseState.STARTING, LeaseState.READY, LeaseState.FAILED}

    # ── credentials ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_secret_key_is_in_no_message_though_aws_repeats_the_keys_id(
        self, platform: Platform, provider: Provider, plan: Plan
    ) -> None:
        wrong = replace(provider.connection, api_key=Secret("AKIAWRONGWRONGWRONG0:very-secret-thing:token-thing"))
        async with platform.open(wrong) as account:
            with pytest.raises(Auth) as refused:
                await account.preflight(plan)
        told = f"{refused.value}{refused.value.body}{refused.value!r}"
        assert not [part for part in ("AKIAWRONG", "very-secret-thing", "token-thing") if part in told]


@pytest.mark.parametrize("kind", ["an absent profile", "no credentials"])
async def test_without_credentials_nothing_is_sent_and_the_way_out_is_named(
    kind: str, tmp_path: Path, make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    told = {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "TUNEWRIGHT_BEDROCK_BUCKET": "rows"}
    told["TUNEWRIGHT_BEDROCK_ROLE_ARN"] = "arn:aws:iam::123456789012:role/x"
    environ = {**told, **({"AWS_PROFILE": "absent"} if kind == "an absent profile" else {})}
    platform = providers.platform("bedrock")
    async with platform.open(platform.connection(environ, None, tmp_path)) as account:
        plan = make_plan("bedrock", NOVA, hyperparameters=Hyperparameters(epochs=1))
        with pytest.raises(Auth, match="credentials") as refused:
            await account.create(plan, {"train": "s3://rows/a"}, "tw-" + "a" * 16)
    assert refused.value.nothing_created
    assert "AWS_PROFILE" in str(refused.value.fix)


async def test_a_refused_connection_proves_that_nothing_was_bought(
    tmp_path: Path, make_plan: Callable[..., Plan]
) -> None:
    environ = {
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "AKIAX",
        "AWS_SECRET_ACCESS_KEY": "x",
        "TUNEWRIGHT_BEDROCK_BUCKET": "rows",
        "TUNEWRIGHT_BEDROCK_ROLE_ARN": "arn:aws:iam::123456789012:role/x",
    }
    platform = providers.platform("bedrock")
    async with platform.open(platform.connection(environ, None, tmp_path)) as account:
        plan = make_plan("bedrock", NOVA, hyperparameters=Hyperparameters(epochs=1))
        with pytest.raises(ProviderError) as refused:
            await account.create(plan, {"train": "s3://rows/a"}, "tw-" + "a" * 16)
    assert refused.value.nothing_created
    assert account.decide(refused.value).kind == "transient"


def _kinds() -> Any:
    from providers.bedrock.serving import KINDS

    return KINDS


class _Otherwise:
    """The same clients, but a purchase bears a token that the platform does not know."""

    def __init__(self, clients: Any) -> None:
        self._clients = clients

    async def call(self, service: str, operation: str, **request: Any) -> Any:
        if "clientRequestToken" in request:
            request["clientRequestToken"] = "forgotten"
        return await self._clients.call(service, operation, **request)


def test_the_platform_is_one_of_ours() -> None:
    assert "bedrock" in providers.platform_names()
