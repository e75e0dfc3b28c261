"""The contract of every adapter, kept by Replicate's over real HTTP; and what only a generic trainer has to promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("replicate")

from replicate.client import Client

from providers.contract import Connection, Platform, Provider
from providers.errors import InvalidData, NotFound, ProviderError, Unsupported
from providers.records import Hyperparameters, JobState, Method, Plan, ProviderFile, RemoteJob, Sampling
from providers.sandbox import replicate_shapes
from providers.sandbox.replicate_trainer import DESTINATION, TRAINER, VERSION
from providers.testing import OnSandbox
from providers.testing.making import ASK

MODEL = f"{TRAINER}:{VERSION}"
JOBS = f"/replicate/v1/models/{TRAINER}/versions/{VERSION}/trainings"


class TestReplicate(OnSandbox):
    name = "replicate"
    jobs_path = JOBS
    on = date(2026, 11, 22)
    model = MODEL
    another = Hyperparameters(learning_rate=2e-4, batch_size=4, seed=3, extra={"lr_scheduler": "linear"})

    @pytest.fixture
    def connection(self, platform: Platform, running: Any, tmp_path: Path) -> Connection:
        priced = {"REPLICATE_USD_PER_SECOND": "0.001"}
        return platform.connection(running.environ | priced, None, tmp_path)

    @pytest.fixture
    def stock(self, running: Any) -> Iterator[Client]:
        """The SDK as it comes."""
        client = Client(api_token=running.api_key, base_url=running.replicate_base_url)
        yield client
        client._client.close()

    pace_s = 10.0
    """Seconds that an epoch lasts here, so that there are some to be billed."""

    # ── promises of every adapter that a generic trainer keeps in its own way ───────────────────────────────────────

    @pytest.fixture
    def extra(self, plan: Plan) -> Callable[..., Plan]:
        """The plan with settings of the trainer's."""

        def made(**settings: Any) -> Plan:
            return replace(plan, hyperparameters=replace(plan.hyperparameters, extra=settings))

        return made

    def test_an_unknown_setting_is_refused_by_name(self, platform: Platform) -> None:
        """What the trainer takes is known only when it is asked: see the next."""
        assert platform.recipe(self.model, Method.SFT, Hyperparameters(extra={"momentum": 0.9}), 1000, 0)

    async def test_an_unknown_setting_is_refused_by_name_before_anything_is_sent(
        self, provider: Provider, extra: Callable[..., Plan]
    ) -> None:
        problems = (await provider.preflight(extra(learning_rat=0.9))).problems
        assert problems == ("learning_rat: is not an input of this trainer; did you mean 'learning_rate'?",)

    def test_beta_is_refused_by_name_where_nothing_is_preferred(self, platform: Platform) -> None:
        """So is beta: by the trainer."""
        assert platform.recipe(self.model, Method.SFT, Hyperparameters(extra={"beta": 0.1}), 1000, 0)

    async def test_beta_is_no_input_of_the_trainer(self, provider: Provider, extra: Callable[..., Plan]) -> None:
        assert (await provider.preflight(extra(beta=0.1))).problems[0].startswith("beta: is not an input")

    async def test_an_answer_comes_with_usage_and_latency(self, provider: Provider) -> None:
        """Its tokens are counted by nobody here, and that is not nought."""
        answer = await provider.complete(self.model, ASK, Sampling())
        assert answer.text
        assert (answer.input_tokens, answer.output_tokens) == (None, None)
        assert answer.latency_s > 0

    async def test_a_streamed_answer_says_the_same_and_when_it_began(self, provider: Provider) -> None:
        """Predictions are waited for whole: the words are the same, and when the first came nobody knows."""
        whole = await provider.complete(self.model, ASK, Sampling())
        streamed = await provider.complete(self.model, ASK, Sampling(stream=True))
        assert (streamed.text, streamed.first_token_s) == (whole.text, None)

    # ── what only a generic trainer has ─────────────────────────────────────────────────────────────────────────────

    async def test_a_trainer_without_its_version_is_named_before_anything_is_sent(
        self, provider: Provider, plan: Plan
    ) -> None:
        (problem,) = (await provider.preflight(replace(plan, model=TRAINER))).problems
        assert "--to replicate:OWNER/TRAINER:VERSION" in problem

    async def test_a_model_that_cannot_be_trained_is_named_before_anything_is_sent(
        self, provider: Provider, plan: Plan, running: Any
    ) -> None:
        (problem,) = (await provider.preflight(replace(plan, model=f"{TRAINER}:0"))).problems
        assert problem.startswith(f"there is no {TRAINER}:0")

    async def test_an_absent_destination_is_named_with_how_to_make_it(
        self, provider: Provider, extra: Callable[..., Plan]
    ) -> None:
        (problem,) = (await provider.preflight(extra(destination="me/new"))).problems
        assert "this account has no model me/new; make it first" in problem
        assert "replicate.models.create" in problem

    async def test_a_destination_made_as_the_sdk_makes_it_is_there(
        self, provider: Provider, extra: Callable[..., Plan], stock: Client
    ) -> None:
        made = stock.models.create("me", "new", visibility="private", hardware="cpu")
        assert made.id == "me/new"
        assert (await provider.preflight(extra(destination="me/new"))).problems == ()

    async def test_without_any_destination_the_plan_is_refused(
        self, platform: Platform, connection: Connection, plan: Plan
    ) -> None:
        async with platform.open(replace(connection, options={})) as account:
            told = await account.preflight(plan)
        assert "REPLICATE_DESTINATION" in told.problems[0]
        assert "REPLICATE_USD_PER_SECOND" in told.warnings[0]

    async def test_the_request_is_told_to_the_letter_before_it_is_sent(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str
    ) -> None:
        ids = {"train": (await self.ready(provider, train)).id}
        await provider.estimate(plan, ids)
        planned = provider.platform.requests(plan, [train], tag, provider.connection.base_url, ids)
        job = await provider.create(plan, ids, tag)
        (paid,) = [request for request in planned if request.paid]
        assert isinstance(paid.body, Mapping)
        assert paid.body["input"] == job.raw["input"] == job.hyperparameters
        assert paid.body["destination"] == DESTINATION

    async def test_a_file_that_has_expired_is_neither_used_again_nor_paid_for(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str, stock: Client
    ) -> None:
        sent = await self.ready(provider, train)
        assert stock.files.delete(sent.id)
        assert await provider.find_file(train) is None
        with pytest.raises(NotFound) as gone:
            await provider.create(plan, {"train": sent.id}, tag)
        assert gone.value.nothing_created

    async def test_a_training_that_was_aborted_has_ended(
        self, provider: Provider, bought: RemoteJob, fault: Callable[..., None]
    ) -> None:
        fault("unknown_status", value="aborted")
        assert (await provider.job(bought.id)).state is JobState.CANCELLED

    async def test_a_cancelled_training_is_billed_by_the_second(
        self, provider: Provider, queued: None, bought: RemoteJob
    ) -> None:
        await provider.cancel(bought.id)
        assert (await self.over(provider, bought)).billed_usd == 0  # it was still waiting

    async def test_the_bill_is_the_seconds_that_it_ran(self, finished: RemoteJob) -> None:
        seconds = finished.raw["metrics"]["predict_time"]
        assert seconds > self.pace_s
        assert finished.billed_usd == Decimal(str(seconds)) * Decimal("0.001")

    async def test_every_page_of_the_trainings_is_read(
        self, provider: Provider, plan: Plan, train: ProviderFile, tag: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(replicate_shapes, "_PAGE", 2)
        ids = {"train": (await self.ready(provider, train)).id}
        bought = [(await provider.create(plan, ids, tag)).id for _ in range(5)]
        assert [job.id for job in await provider.jobs()] == bought[::-1]
        assert [job.id for job in await provider.jobs(limit=3)] == bought[:1:-1]

    # ── predictions ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_prediction_that_takes_longer_is_asked_for_again(
        self, provider: Provider, fault: Callable[..., None], asked: Callable[[str, str], int]
    ) -> None:
        fault("prediction_slow")
        answer = await provider.complete(self.model, ASK, Sampling())
        assert answer.text
        assert asked("POST", "/replicate/v1/predictions") == 1
        assert asked("GET", f"/replicate/v1/predictions/{answer.request_id}") == 1

    async def test_nobody_pays_for_a_prediction_that_is_waited_for_no_longer(
        self,
        platform: Platform,
        connection: Connection,
        fault: Callable[..., None],
        running: Any,
        provider: Provider,
        asked: Callable[[str, str], int],
    ) -> None:
        fault("prediction_slow")
        hasty = replace(connection, options={**connection.options, "prediction_timeout_s": "0"})
        async with platform.open(hasty) as account:
            with pytest.raises(ProviderError, match="was cancelled") as late:
                await account.complete(self.model, ASK, Sampling())
        id = str(late.value.message).split()[1]
        assert asked("POST", f"/replicate/v1/predictions/{id}/cancel") == 1

    async def test_a_model_that_fails_is_not_asked_again(self, provider: Provider, fault: Callable[..., None]) -> None:
        fault("prediction_failed")
        with pytest.raises(InvalidData, match="raised an exception") as failed:
            await provider.complete(self.model, ASK, Sampling())
        assert provider.decide(failed.value).kind == "no"

    async def test_tools_are_refused_by_name(self, provider: Provider) -> None:
        with pytest.raises(Unsupported, match="tools"):
            await provider.complete(self.model, ASK, Sampling(), [{"type": "function"}])
