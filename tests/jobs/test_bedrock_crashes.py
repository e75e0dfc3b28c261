"""Bedrock's purchases across crashes and faults: one job, its own id, none lost, though a request may be sent again.

The token and the unique name, which both are the tag, are what makes the second of two requests harmless; so here, as
nowhere else, what is in doubt and not found is sent again without asking anybody.
"""

from __future__ import annotations

import random
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.errors import InDoubt
from orchestrator.jobs.failpoints import acting
from orchestrator.jobs.recover import recover
from orchestrator.jobs.submit import Order, submit
from orchestrator.ledger import UNRESOLVED
from providers.errors import ProviderError
from providers.records import Method
from providers.sandbox import Clock, Sandbox, serve
from tests.faults.cases import JOB_SCENES, Scene
from tests.jobs.buyer import order_of
from tests.jobs.conftest import training_file

pytest.importorskip("boto3")

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CREATE = r"/model-customization-jobs$"
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "dropped before": ("reset", {}),
    "500 before": ("server_error", {}),
    "dropped after": ("lost_reply", {}),
    "502 after": ("bad_gateway", {"processed": True}),
    "truncated 200": ("truncated", {"value": "cut"}),
    "framed 200": ("truncated", {"value": "framed"}),
    "slow then cut": ("slow", {"seconds": 30.0}),
    "429": ("rate_limit", {}),
}
AT_WIRE = {"request_sent", "answer_begun"}  # killed there in processes of their own, below
ASKS = {"before_needs_human", "after_needs_human", "before_resolve", "after_resolve"}  # nobody has to be asked here
BILLS = {"before_settle", "after_settle"}
PLACES = [place for place in JOB_SCENES if place not in {*AT_WIRE, *ASKS, *BILLS}]
LIVES = 8


class Killed(BaseException):
    """The process ends here, as far as the protocol can see."""


@pytest.fixture
def place(world: Any, tmp_path: Path, clock: Any) -> Iterator[Any]:
    """A sandbox on the buyer's clock."""
    sandbox = Sandbox(None, clock=Clock(clock.now().timestamp(), running=False), pace_s=0)
    clock.then = lambda: sandbox.advance(clock.slept[-1])
    with sandbox, serve(sandbox) as running:
        yield type(world)(sandbox, running, tmp_path)


def held(place: Any) -> list[str]:
    """The name of every job there is, listed or not."""
    return [seen.job.request["jobName"] for seen in place.sandbox.book.views("bedrock")]


def posts(place: Any) -> int:
    return int(place.count("POST", "/model-customization-jobs"))


def order_for(place: Any, tmp_path: Path) -> Order:
    import providers

    file = training_file(providers.platform("bedrock"), tmp_path)
    return order_of("bedrock", file.path, Method.SFT)


async def buy(bench: Any, place: Any, order: Order, die_at: list[str]) -> None:
    """What a person does, life after life: the same command, and `recover` where it is in doubt."""

    def reached(where: str) -> None:
        if die_at and where == die_at[0]:
            die_at.pop(0)
            raise Killed(where)

    for _ in range(LIVES):
        try:
            with acting(reached):
                async with place.open("bedrock", **options(place)) as provider:
                    await submit(bench.desk, provider, order)
                    return
        except InDoubt:
            try:
                with acting(reached):
                    async with place.open("bedrock", **options(place)) as provider:
                        for intent in bench.ledger.intents.all(UNRESOLVED):
                            await recover(bench.desk, provider, intent, wait=True)
            except Killed:
                continue
        except (Killed, ProviderError):
            await bench.desk.clock.sleep(20.0)
    raise AssertionError(f"not bought within {LIVES} lives")


def connection_of(place: Any) -> Any:
    import providers

    return providers.platform("bedrock").connection(place.running.environ, None, place.home)


def options(place: Any) -> dict[str, str]:
    """Little patience: what is slow is cut."""
    return {**connection_of(place).options, "read_timeout_s": "0.5"}


def struck_by(scene: Scene, seed: int, where: str) -> list[str]:
    """What befalls the first paid requests, drawn by the seed."""
    lottery = random.Random(f"{where} {seed}")
    first = [lottery.choice(scene.first)] if scene.first else []
    return [*first, *(lottery.choice(list(KINDS)) for _ in range(lottery.randrange(2)))]


async def matrix(make_bench: Any, place: Any, tmp_path: Path, seeds: range, places: list[str] = PLACES) -> Counter[str]:
    """Every place × seed: what was met, and what came of it."""
    told: Counter[str] = Counter()
    for seed in seeds:
        for where in places:
            scene, name = JOB_SCENES[where], f"{where}-{seed}"
            folder = tmp_path / name
            folder.mkdir()
            older, bench = held(place), make_bench(name)
            for kind in struck_by(scene, seed, where):
                fault, changes = KINDS[kind]
                place.sandbox.faults.set(fault, method="POST", path=CREATE, **changes)
                told[kind] += 1
            deaths = [*scene.before, where]
            await buy(bench, place, order_for(place, folder), deaths)
            place.sandbox.faults.clear()
            fresh = [job for job in held(place) if job not in older]
            told["purchases"] += 1
            told["killed"] += not deaths
            told["double"] += len(fresh) > 1
            told["lost"] += not fresh
            told["wrong id"] += [bench.intent.job_id] != fresh
            told["wrong money"] += list(bench.money) != ["reserved"]
    return told


def assert_clean(told: Counter[str]) -> None:
    assert {name: told[name] for name in ("double", "lost", "wrong id", "wrong money")} == dict.fromkeys(
        ("double", "lost", "wrong id", "wrong money"), 0
    )
    assert told["purchases"] > 0


async def test_no_place_and_no_fault_doubles_or_loses_a_job(make_bench: Any, place: Any, tmp_path: Path) -> None:
    told = await matrix(make_bench, place, tmp_path, range(1), PLACES[::3])
    print(dict(told))
    assert_clean(told)
    assert told["killed"] >= told["purchases"] * 0.6  # a drawn fault may lead past the place


@pytest.mark.exhaustive
async def test_nor_does_any_at_every_place_with_more_seeds(make_bench: Any, place: Any, tmp_path: Path) -> None:
    told = await matrix(make_bench, place, tmp_path, range(4))
    print(dict(told))
    assert_clean(told)
    assert told["purchases"] == 4 * len(PLACES) > 80


# ── processes of their own, killed by SIGKILL ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "where",
    [
        "sent",
        pytest.param("after_create_answer", marks=pytest.mark.exhaustive),
        pytest.param("after_creating", marks=pytest.mark.exhaustive),
        pytest.param("after_upload", marks=pytest.mark.exhaustive),
    ],
)
async def test_after_a_kill_the_same_command_ends_with_one_job(
    shared: Any, world: Any, make_bench: Any, tmp_path: Path, where: str, until: Any, buyer: Callable[..., Any]
) -> None:
    older = held(world)
    died: subprocess.Popen[str]
    if where == "sent":
        world.sandbox.faults.set("slow", method="POST", path=CREATE, seconds=1.0)
        died = buyer("bedrock")
        until(lambda: posts(world))
        died.kill()
    else:
        died = buyer("bedrock", failpoint=where)
    died.communicate(timeout=60)
    assert died.returncode == -signal.SIGKILL
    if where == "sent":
        until(lambda: len(held(world)) > len(older))
    bench = make_bench()
    async with world.open("bedrock", **connection_of(world).options) as provider:
        try:
            await submit(bench.desk, provider, order_for(world, tmp_path))
        except InDoubt:
            for intent in bench.ledger.intents.all(UNRESOLVED):
                await recover(bench.desk, provider, intent, wait=True)
            await submit(bench.desk, provider, order_for(world, tmp_path))
    assert [job for job in held(world) if job not in older] == [bench.intent.job_id]


def test_the_check_sees_the_double_of_a_name_made_anew(place: Any) -> None:
    """A buyer that names each attempt anew, as scripts do, buys twice when an answer is lost."""
    import boto3

    environ, before = place.running.environ, held(place)
    client = boto3.session.Session(
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    bedrock, s3 = (client.client(name, endpoint_url=environ["AWS_ENDPOINT_URL"]) for name in ("bedrock", "s3"))
    rows = b'{"prompt": "a", "completion": "b"}\n' * 12
    s3.put_object(Bucket="tunewright-sandbox", Key="x.jsonl", Body=rows)
    place.sandbox.faults.set("lost_reply", method="POST", path=CREATE, count=5)
    for attempt in ("one", "two"):
        request = {
            "jobName": attempt,
            "customModelName": attempt,
            "roleArn": environ["TUNEWRIGHT_BEDROCK_ROLE_ARN"],
            "baseModelIdentifier": "amazon.nova-micro-v1:0:128k",
            "trainingDataConfig": {"s3Uri": "s3://tunewright-sandbox/x.jsonl"},
            "outputDataConfig": {"s3Uri": "s3://tunewright-sandbox/out/"},
        }
        try:
            bedrock.create_model_customization_job(**request)
        except Exception:  # noqa: BLE001  whatever it was, such a script tries again
            place.sandbox.faults.clear()
    bedrock.close(), s3.close()
    assert len(held(place)) == len(before) + 2
    assert posts(place) == 4  # botocore by itself sent the first one three times


@pytest.mark.parametrize("fault", ["server_error", "rate_limit", "reset"])
async def test_ours_is_sent_once_whatever_the_environment_says_of_retries(
    place: Any, bench: Any, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
    place.sandbox.faults.set(fault, method="POST", path=CREATE, count=7)
    import providers

    order = order_for(place, tmp_path)
    async with providers.platform("bedrock").open(connection_of(place)) as provider:
        sent = await provider.upload(order.files[0])
        with pytest.raises(ProviderError):
            await provider.create(order.plan, {"train": sent.id}, "tw-" + "a" * 16)
    assert posts(place) == 1


def test_the_requests_that_count_are_counted(place: Any) -> None:
    httpx.get(f"{place.running.aws_base_url}/model-customization-jobs")
    assert place.count("GET", "/model-customization-jobs") == 1
