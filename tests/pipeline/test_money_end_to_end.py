"""The commands a person types, against real HTTP: bought once, killed and recovered, resolved by hand, no key kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import loopback
import pytest

from orchestrator import AsyncOrchestrator
from orchestrator.clock import SystemClock
from orchestrator.config import Config
from orchestrator.errors import BudgetRefused, InDoubt, UsageError
from orchestrator.evaluation.questions import Candidate
from orchestrator.ledger import IntentState
from orchestrator.pipeline.answering import Served, payer
from orchestrator.pipeline.session import Account, platform_named
from providers.contract import Connection

pytestmark = pytest.mark.anyio

OPENAI, TOGETHER = "openai:gpt-4.1-mini-2025-04-14", "together:Qwen/Qwen3-8B"
PRICED_ELSEWHERE = "together:Qwen/Qwen3.5-9B"
CREATE = {"method": "POST", "path": r"/(fine_tuning/jobs|fine-tunes)$"}


class Remote:
    """What the sandbox was asked for and holds, since the test began."""

    def __init__(self, served: Any) -> None:
        self._sandbox, self._url = served[1], served[2]
        self._older = set(self._all())
        loopback.delete(f"{self._url}/_sandbox/requests")

    def _all(self) -> list[str]:
        return [seen.job.id for wire in ("openai", "together") for seen in self._sandbox.book.views(wire)]

    def jobs(self) -> list[str]:
        return [job for job in self._all() if job not in self._older]

    @property
    def posts(self) -> int:
        rows = loopback.get(f"{self._url}/_sandbox/requests").json()["requests"]
        return sum(r["count"] for r in rows if r["method"] == "POST" and r["path"].endswith(("jobs", "fine-tunes")))

    @property
    def questions(self) -> int:
        rows = loopback.get(f"{self._url}/_sandbox/requests").json()["requests"]
        return sum(row["count"] for row in rows if row["path"].endswith("/chat/completions"))

    def fault(self, name: str, **changes: Any) -> None:
        self._sandbox.faults.set(name, **{**CREATE, **changes})

    def calm(self) -> None:
        self._sandbox.faults.clear()


@pytest.fixture
def remote(served: Any, wire: Any) -> Any:
    found = Remote(served)
    yield found
    found.calm()


@pytest.fixture
def orchestrator(environ: dict[str, str], tmp_path: Path, clock: Any) -> Callable[..., AsyncOrchestrator]:
    def make(home: str = "home", **options: Any) -> AsyncOrchestrator:
        return AsyncOrchestrator(tmp_path / home, config=Config(), environ=environ, **{"clock": clock, **options})

    return make


@pytest.fixture
def command(environ: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Types a command in a process of its own."""

    def typed(*words: str, home: str = "home", failpoint: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "orchestrator.cli", *words, "--home", str(tmp_path / home), "--json"],
            env={**environ, "TUNEWRIGHT_FAILPOINTS": failpoint, "HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return typed


def buying(pairs: Path, to: str = OPENAI) -> tuple[str, ...]:
    return ("submit", str(pairs), "--to", to, "--yes", "--max-usd", "500")


@pytest.mark.slow
@pytest.mark.parametrize("to", [OPENAI, pytest.param(TOGETHER, marks=pytest.mark.exhaustive)])
def test_killed_before_the_answer_is_recorded_then_recover_has_the_one_job(
    command: Any, pairs: Path, remote: Remote, to: str
) -> None:
    killed = command(*buying(pairs, to), failpoint="after_create_answer")
    recovered = json.loads(command("jobs", "recover").stdout)
    again = json.loads(command(*buying(pairs, to)).stdout)
    assert killed.returncode == -signal.SIGKILL
    assert [job["job"] for job in recovered["jobs"]] == [again["job"]] == remote.jobs()
    assert remote.posts == 1


@pytest.mark.slow
def test_killed_and_started_again_in_a_fresh_folder_has_the_one_job(command: Any, pairs: Path, remote: Remote) -> None:
    command(*buying(pairs), failpoint="after_create_answer")
    again = json.loads(command(*buying(pairs), home="elsewhere").stdout)
    assert ([again["job"]], remote.posts) == (remote.jobs(), 1)


@pytest.mark.slow
def test_what_cannot_be_found_yet_exits_1_and_says_how_to_go_on(command: Any, pairs: Path, remote: Remote) -> None:
    remote.fault("html")
    bought, recovered = command(*buying(pairs)), command("jobs", "recover")
    assert (bought.returncode, json.loads(bought.stdout)["error"]["code"]) == (1, "in_doubt")
    assert (recovered.returncode, json.loads(recovered.stdout)["jobs"][0]["state"]) == (1, "in_doubt")
    assert remote.posts == 1


async def test_submitting_the_same_pairs_twice_is_one_job(orchestrator: Any, pairs: Path, remote: Remote) -> None:
    for home in ("home", "home", "elsewhere"):
        await orchestrator(home).submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    assert len(remote.jobs()) == remote.posts == 1


async def in_doubt(orchestrator: Any, pairs: Path, remote: Remote, fault: str = "html") -> Any:
    remote.fault(fault)
    made = orchestrator()
    with pytest.raises(InDoubt):
        await made.submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    return made


async def test_a_person_may_say_that_nothing_was_created(orchestrator: Any, pairs: Path, remote: Remote) -> None:
    made = await in_doubt(orchestrator, pairs, remote)
    (intent,) = await made.jobs.ls()
    resolved = await made.jobs.resolve(intent.id, None)
    held = [item.state for item in (await made.budget.show()).spendings]
    run = await made.submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    assert (resolved.state, held) == (IntentState.UPLOADED, ["released"])
    assert [(await made.jobs.get(run.intent_id)).job_id] == remote.jobs()


async def test_a_person_may_say_which_job_it_is(orchestrator: Any, pairs: Path, remote: Remote, served: Any) -> None:
    remote.fault("list_lag", method="", path="", seconds=10_000)
    made = await in_doubt(orchestrator, pairs, remote, "lost_reply")
    (intent,) = await made.jobs.ls()
    resolved = await made.jobs.resolve(intent.tag, remote.jobs()[0])
    assert (resolved.state, [resolved.job_id]) == (IntentState.CREATED, remote.jobs())


async def test_a_job_of_another_plan_is_not_taken_for_this_one(orchestrator: Any, pairs: Path, remote: Remote) -> None:
    other = await orchestrator("other").submit(pairs, to=(OPENAI,), epochs=2, max_usd=Decimal(500))
    made = await in_doubt(orchestrator, pairs, remote)
    (intent,) = await made.jobs.ls()
    strange = (await orchestrator("other").jobs.get(other.intent_id)).job_id
    with pytest.raises(UsageError, match="carries the tag"):
        await made.jobs.resolve(intent.id, strange)


async def test_a_doubled_delivery_is_found_by_the_audit(orchestrator: Any, pairs: Path, remote: Remote) -> None:
    remote.fault("duplicate_delivery")
    made = orchestrator()
    run = await made.submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    ours = (await made.jobs.get(run.intent_id)).job_id
    unknown = [job.id for job in (await made.jobs.audit("openai")).unknown if job.id in remote.jobs()]
    assert (remote.posts, [*unknown, ours]) == (1, sorted(remote.jobs(), key=lambda job: job == ours))


async def test_a_job_is_read_again_at_the_server_where_it_was_bought(
    orchestrator: Any, pairs: Path, remote: Remote, environ: dict[str, str]
) -> None:
    run = await orchestrator().submit(pairs, to=(OPENAI,), max_usd=Decimal(500), account="team")
    shown, _ = await orchestrator().jobs.show(run.intent_id)
    assert shown.account == f"team@{environ['OPENAI_BASE_URL']}"


async def test_a_job_of_another_server_is_not_asked_for_with_this_key(
    orchestrator: Any, pairs: Path, remote: Remote, environ: dict[str, str]
) -> None:
    run = await orchestrator().submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    environ["OPENAI_BASE_URL"] = "http://127.0.0.1:9/v1"
    with pytest.raises(UsageError, match="belongs to account"):
        await orchestrator().jobs.show(run.intent_id)


async def test_over_the_cap_nothing_is_uploaded(orchestrator: Any, pairs: Path, remote: Remote, served: Any) -> None:
    before = len(served[1].files.list("openai"))
    with pytest.raises(BudgetRefused):
        await orchestrator().submit(pairs, to=(OPENAI,), max_usd=Decimal("0.00001"))
    assert (len(served[1].files.list("openai")), remote.posts) == (before, 0)


async def test_no_key_is_ever_written_down(
    orchestrator: Any, pairs: Path, remote: Remote, environ: dict[str, str], tmp_path: Path
) -> None:
    remote.fault("training_not_available")
    made = orchestrator()
    with pytest.raises(Exception, match="no longer"):
        await made.submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    await made.submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    made.session.desk.ledger.close()
    files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert any(path.name == "ledger.sqlite3" for path in files)
    assert not [path for path in files if environ["OPENAI_API_KEY"].encode() in path.read_bytes()]


def test_real_money_is_not_held_as_play_money_when_a_sandbox_is_compared_with_a_platform() -> None:
    play, real = (
        Account(platform=platform_named("openai"), connection=Connection(api_key=None, base_url=url))
        for url in ("http://127.0.0.1:1/v1", None)
    )
    both = [Served(candidate=Candidate(name="x", provider="openai", model="m"), account=a) for a in (play, real)]
    assert payer(both) is real


async def test_each_platforms_cap_counts_what_its_own_models_are_asked(
    orchestrator: Any, pairs: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "is_sandbox", property(lambda _connection: False))
    monkeypatch.setattr(Connection, "is_own_host", property(lambda _connection: True))
    made, asked = orchestrator(), remote.questions
    models = {"base": PRICED_ELSEWHERE, "tuned": OPENAI, "max_usd": Decimal(500)}
    await made.budget.set("provider:together", Decimal("0.000001"))
    with pytest.raises(BudgetRefused, match="together"):
        await made.compare(pairs, **models)
    shown = (await made.budget.show()).spendings
    assert (remote.questions, [item for item in shown if item.state == "reserved"]) == (asked, [])
    await made.budget.set("provider:together", Decimal(500))
    await made.budget.set("provider:openai", Decimal("0.5"))
    result = await made.compare(pairs, **models)
    bills = {item.provider: item for item in (await made.budget.show()).spendings}
    assert {name: bill.state for name, bill in bills.items()} == {"openai": "settled", "together": "settled"}
    assert min(bill.usd for bill in bills.values()) > 0
    assert result.billed.evaluation_usd == sum(bill.usd for bill in bills.values())


@pytest.mark.slow
async def test_a_whole_run_on_rented_serving_ends_with_a_verdict_and_nothing_billing(
    orchestrator: Any, pairs: Path, remote: Remote, served: Any, wire: Any
) -> None:
    made = orchestrator(clock=SystemClock())
    result = await made.run(pairs, to=(TOGETHER,), max_usd=Decimal(500), accept_unknown=True)
    rented = [d for d in served[1].serving.deployments.all() if not d.state(served[1].clock.now()).endswith("STOPPED")]
    assert result.verdict in {"deploy", "iterate", "stop", "inconclusive"}
    assert (rented, [row.stage.value for row in await made.leases.ls()]) == ([], ["stopped"])
    assert set(wire.counts.values()) == {1}


async def test_a_job_made_elsewhere_is_adopted_once(orchestrator: Any, pairs: Path, remote: Remote) -> None:
    run = await orchestrator("other").submit(pairs, to=(OPENAI,), max_usd=Decimal(500))
    job = (await orchestrator("other").jobs.get(run.intent_id)).job_id
    made = orchestrator()
    adopted = await made.jobs.adopt("openai", job)
    with pytest.raises(UsageError, match=f"as run {adopted.id}"):
        await made.jobs.adopt("openai", job)
    assert ([intent.job_id for intent in await made.jobs.ls()], remote.posts) == ([job], 1)
