"""Jobs and servers of this machine behind the seam: claimed once, found after a crash, priced by the hour. All real."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from own_trainer import make_trainer

import providers
from providers.contract import Connection
from providers.errors import Capacity, InvalidData, NotFound, ProviderError, Unsupported
from providers.processes.folder import RunFolder
from providers.processes.identity import ProcessId, is_alive, marked
from providers.records import (
    TERMINAL_STATES,
    Hyperparameters,
    JobState,
    LeaseState,
    Plan,
    ProviderFile,
    RemoteJob,
    Sampling,
)
from providers.testing import SAMPLE_TAG, sample_file, sample_plan
from providers.testing.making import ASK

pytestmark = pytest.mark.anyio

WAIT_S = 60.0
OTHER_TAG = "tw-" + "b" * 16


@pytest.fixture
def trainer(tmp_path: Path) -> Path:
    return make_trainer(tmp_path / "trainer")


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    return providers.platform("script").connection({}, None, tmp_path / "state")


@pytest.fixture
async def account(connection: Connection) -> AsyncIterator[Any]:
    async with providers.platform("script").open(connection) as opened:
        yield opened
        for job in await opened.jobs():
            if job.state not in TERMINAL_STATES:
                await opened.cancel(job.id)
        for lease in await opened.find_leases(""):
            await opened.teardown(lease.id)


@pytest.fixture
def train(tmp_path: Path) -> ProviderFile:
    return sample_file(tmp_path, providers.platform("script"))


@pytest.fixture
def plan(trainer: Path, train: ProviderFile) -> Callable[..., Plan]:
    def make(epochs: int = 2, **extra: Any) -> Plan:
        settings = Hyperparameters(epochs=epochs, seed=7, extra=extra)
        return sample_plan("script", str(trainer), hyperparameters=settings, train_sha256=train.sha256)

    return make


@pytest.fixture
def buy(account: Any, plan: Callable[..., Plan], train: ProviderFile) -> Callable[..., Awaitable[RemoteJob]]:
    async def bought(epochs: int = 2, tag: str = SAMPLE_TAG, **extra: Any) -> RemoteJob:
        files = {"train": (await account.upload(train)).id}
        job: RemoteJob = await account.create(plan(epochs, **extra), files, tag)
        return job

    return bought


def folder_of(job: RemoteJob) -> RunFolder:
    return RunFolder(Path(job.raw["folder"]))


async def until(what: Callable[[], Any]) -> Any:
    with anyio.fail_after(WAIT_S):
        while not (found := what()):  # noqa: ASYNC110  nobody tells: processes of their own are looked at
            await anyio.sleep(0.02)
    return found


async def over(account: Any, job: RemoteJob) -> RemoteJob:
    with anyio.fail_after(WAIT_S):
        while job.state not in TERMINAL_STATES:
            await anyio.sleep(0.05)
            job = await account.job(job.id)
    return job


async def kill(run: RunFolder, *names: Any) -> None:
    for name in names:
        process: ProcessId = await until(lambda name=name: run.process(name))
        os.kill(process.pid, signal.SIGKILL)
        await until(lambda process=process: not is_alive(process))


async def some_steps(run: RunFolder, number: int = 2) -> None:
    await until(lambda: len(run.checkpoints(run.order().launch)) >= number)


# ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_tag_again_finds_the_first_job(account: Any, buy: Any) -> None:
    first = await buy(3)
    again = await buy(5)
    assert again.id == first.id
    assert again.hyperparameters["epochs"] == 3
    assert len(await account.jobs()) == 1


_CLAIM = """
import json, sys, anyio
sys.path[:0] = json.loads(sys.argv[1])
import providers
from providers.records import Hyperparameters
from providers.testing import SAMPLE_TAG, sample_plan
from pathlib import Path

async def claim(state, trainer, sha256, file_id):
    platform = providers.platform("script")
    settings = Hyperparameters(epochs=2, seed=7)
    plan = sample_plan("script", trainer, hyperparameters=settings, train_sha256=sha256)
    async with platform.open(platform.connection({}, None, Path(state))) as account:
        sys.stdin.readline()
        print((await account.create(plan, {"train": file_id}, SAMPLE_TAG)).id)

anyio.run(claim, *sys.argv[2:])
"""


@pytest.fixture
def buyer(account: Any, train: ProviderFile, trainer: Path) -> Callable[..., subprocess.Popen[str]]:
    """A process of its own that buys the job as soon as it is sent a line."""

    def start(file_id: str, **environ: str) -> subprocess.Popen[str]:
        state = account.connection.state_dir.parent
        command = [sys.executable, "-c", _CLAIM, json.dumps(sys.path), str(state), str(trainer), train.sha256, file_id]
        env = {**os.environ, **environ}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env, start_new_session=True)

    return start


async def test_processes_that_claim_one_tag_at_once_make_one_job(account: Any, train: ProviderFile, buyer: Any) -> None:
    file_id = (await account.upload(train)).id
    several = [buyer(file_id) for _ in range(3)]
    answers = await anyio.to_thread.run_sync(lambda: [one.communicate("\n", timeout=WAIT_S)[0] for one in several])
    assert [answer.strip() for answer in answers] == [SAMPLE_TAG] * 3
    job = await over(account, (await account.jobs())[0])
    assert job.state is JobState.SUCCEEDED
    assert [entry["what"] for entry in folder_of(job).journal()].count("started") == 1
    assert len(await account.jobs()) == 1


async def test_a_job_outlives_the_process_that_bought_it(account: Any, train: ProviderFile, buyer: Any) -> None:
    run = RunFolder(account.connection.state_dir / "jobs" / SAMPLE_TAG)
    with buyer((await account.upload(train)).id, TINY_GATE="2") as process:
        process.stdin.write("\n")
        process.stdin.flush()
        await until(lambda: run.process("process"))
        os.killpg(process.pid, signal.SIGKILL)
    (run.path / "go").touch()
    assert (await over(account, await account.job(SAMPLE_TAG))).state is JobState.SUCCEEDED
    assert [entry["what"] for entry in run.journal()].count("started") == 1


async def test_after_the_machine_was_started_anew_a_look_goes_on_from_the_checkpoint(account: Any, buy: Any) -> None:
    run = folder_of(await buy(8, gate=3))
    await some_steps(run)
    await kill(run, "supervisor", "process")
    for name in ("supervisor", "process"):  # as a restart leaves them: of a machine that ran before
        told = run.process(name)  # type: ignore[arg-type]
        assert told is not None
        run.write_process(name, replace(told, boot="before", pid=os.getpid()))  # type: ignore[arg-type]
    (found,) = await account.find(SAMPLE_TAG)
    assert found.state is JobState.RUNNING  # a list only reads
    (run.path / "go").touch()
    job = await over(account, await account.job(SAMPLE_TAG))
    assert job.state is JobState.SUCCEEDED
    started = [entry for entry in run.journal() if entry["what"] == "started"]
    assert started[1]["step"] == 2
    assert [point.step for point in await account.metrics(job.id)] == list(range(1, 9))


async def test_of_a_job_on_another_machine_nothing_is_said_and_nothing_is_started(account: Any, buy: Any) -> None:
    run = folder_of(await buy(8, gate=3))
    await some_steps(run)
    await kill(run, "supervisor", "process")
    told = run.process("supervisor")
    assert told is not None
    run.write_process("supervisor", replace(told, host="elsewhere", boot="theirs"))
    before = run.journal()
    job = await account.job(SAMPLE_TAG)
    assert job.label == "unknown(running on another machine, elsewhere)"
    assert run.journal() == before
    run.write_process("supervisor", told)


async def test_a_job_that_failed_is_resumed_by_hand(account: Any, buy: Any, trainer: Path) -> None:
    script = trainer / "tiny_trainer.py"
    good = script.read_text(encoding="utf-8")
    script.write_text(good.replace("def save(", "def broken(", 1), encoding="utf-8")
    job = await over(account, await buy())
    assert job.state is JobState.FAILED
    assert "save" in str(job.error)
    script.write_text(good, encoding="utf-8")
    assert (await over(account, await account.resume(job.id))).state is JobState.SUCCEEDED
    with pytest.raises(Unsupported):
        await account.resume(job.id)


async def test_a_paused_job_stays_paused_until_it_is_resumed(account: Any, buy: Any) -> None:
    run = folder_of(await buy(6, gate=3))
    await some_steps(run, 1)
    assert (await account.pause(SAMPLE_TAG)).state is JobState.PAUSED
    assert (await account.job(SAMPLE_TAG)).state is JobState.PAUSED
    assert marked(run.mark) == ()
    (run.path / "go").touch()
    assert (await over(account, await account.resume(SAMPLE_TAG))).state is JobState.SUCCEEDED


async def test_the_hours_of_all_attempts_are_what_is_billed(account: Any, buy: Any) -> None:
    job = await over(account, await buy(4, pause_s=0.1))
    ends = {entry["what"]: entry for entry in folder_of(job).journal()}
    assert job.billed_hours is not None
    assert 0.4 / 3600 < float(job.billed_hours) < WAIT_S / 3600
    assert job.billed_usd is None
    assert ends["ended"]["until"]


async def test_a_curve_survives_odd_lines(account: Any, buy: Any) -> None:
    job = await over(account, await buy())
    run = folder_of(job)
    with run.metrics.open("a", encoding="utf-8") as stream:
        stream.write(
            'no json\n{"step": "x"}\n{"step": 3, "train_loss": NaN, "valid_loss": "many", "odd": 1}\n{"step": 4'
        )
    points = await account.metrics(job.id)
    assert [point.step for point in points] == [1, 2, 3]
    assert points[2].train_loss is not None
    assert points[2].train_loss != points[2].train_loss  # a loss that is no number is told, not hidden
    assert points[2].valid_loss is None


async def test_the_log_keeps_its_order_and_shows_no_key(account: Any, buy: Any) -> None:
    job = await over(account, await buy())
    run, page = folder_of(job), await account.events(job.id)
    assert [event.message for event in page.items if event.type == "log"][-1].startswith("epoch 2")
    assert page.items[-1].message == "succeeded"
    with run.log.open("a", encoding="utf-8") as stream:
        stream.write("10%\r20%\r100%\nkey sk-proj-" + "a1B2" * 10 + "\nnot yet whole")
    later = await account.events(job.id, page.cursor)
    assert [event.message for event in later.items] == ["100%", "key ***"]


async def test_a_plan_whose_trainer_is_gone_is_refused_with_nothing_created(
    account: Any, buy: Any, trainer: Path
) -> None:
    (trainer / "trainer.toml").unlink()
    with pytest.raises(NotFound) as absent:
        await buy()
    assert absent.value.nothing_created
    assert await account.find(SAMPLE_TAG) == ()


async def test_a_folder_that_cannot_be_made_is_refused_with_nothing_created(
    account: Any, buy: Any, connection: Connection
) -> None:
    assert connection.state_dir is not None
    connection.state_dir.mkdir(parents=True)
    (connection.state_dir / "jobs").write_text("in the way", encoding="utf-8")
    with pytest.raises(ProviderError) as refused:
        await buy()
    assert refused.value.nothing_created
    (connection.state_dir / "jobs").unlink()


async def test_a_file_that_changed_is_not_taken(account: Any, train: ProviderFile) -> None:
    train.path.write_bytes(b"other")
    with pytest.raises(InvalidData):
        await account.upload(train)
    assert await account.find_file(train) is None


async def test_the_artefact_is_given_as_an_archive_from_any_byte_on(account: Any, buy: Any) -> None:
    job = await over(account, await buy())
    async with account.weights(job.id) as whole:
        data = b"".join([chunk async for chunk in whole.chunks])
    assert len(data) == whole.size
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["artefact/model.json"]
        inside = archive.extractfile("artefact/model.json")
        assert inside is not None
        assert json.load(inside)["step"] == 2
    for start in (1, 511, 512, 700, len(data) - 1):
        async with account.weights(job.id, start=start, mark=whole.mark) as rest:
            assert rest.start == start
            assert b"".join([chunk async for chunk in rest.chunks]) == data[start:]
    async with account.weights(job.id, start=700, mark="another") as anew:
        assert anew.start == 0


async def test_a_checkpoint_can_be_asked_and_taken_away(account: Any, buy: Any) -> None:
    job = await over(account, await buy())
    first = (await account.checkpoints(job.id))[0]
    assert first.metrics is not None
    assert first.metrics.train_loss is not None
    assert (await account.complete(str(first.model), ASK, Sampling())).text == "lost_card"
    async with account.weights(job.id, step=first.step) as stream:
        assert (await anext(stream.chunks)).startswith(b"step-1/model.json")


# ── servers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def tuned(account: Any, buy: Any) -> str:
    return str((await over(account, await buy())).tuned_model)


async def ready(account: Any, lease_id: str) -> Any:
    with anyio.fail_after(WAIT_S):
        while (lease := await account.lease(lease_id)).state is LeaseState.STARTING:  # noqa: ASYNC110  as above
            await anyio.sleep(0.05)
    return lease


async def test_an_idle_server_ends_by_itself_with_nobody_there(account: Any, tuned: str) -> None:
    lease = await account.serve(tuned, SAMPLE_TAG, 1)
    run = RunFolder(Path(lease.raw["folder"]))
    await until(lambda: run.server().get("ready") or run.journal()[-1]["what"] == "ended")
    await until(lambda: run.journal()[-1].get("outcome") == "idle")
    assert marked(run.mark) == ()
    assert (await account.lease(SAMPLE_TAG)).state is LeaseState.STOPPED
    assert await account.find_leases("tw-") == ()


async def test_each_question_puts_off_the_end_of_a_server(account: Any, tuned: str) -> None:
    lease = await account.serve(tuned, SAMPLE_TAG, 600)
    await ready(account, lease.id)
    run, now = RunFolder(Path(lease.raw["folder"])), time.time()
    os.utime(run.asked, (now - 300, now - 300))
    assert (await account.complete(tuned, ASK, Sampling())).text == "lost_card"
    assert run.asked.stat().st_mtime >= now - 1
    os.utime(run.asked, (now - 601, now - 601))
    await until(lambda: run.journal()[-1].get("outcome") == "idle")


async def test_a_server_answers_only_who_knows_its_key_which_stands_in_no_argument(account: Any, tuned: str) -> None:
    lease = await account.serve(tuned, SAMPLE_TAG, 600)
    assert (await ready(account, lease.id)).state is LeaseState.READY
    run = RunFolder(Path(lease.raw["folder"]))
    key, port = run.key_file.read_text(encoding="ascii"), run.server()["port"]
    assert run.key_file.stat().st_mode & 0o077 == 0
    arguments = [Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in marked(run.mark)]
    assert len(arguments) == 2  # the server, and the answer command under it
    assert not [words for words in arguments if key.encode() in words]
    written = [path for path in run.path.rglob("*") if path.is_file() and path != run.key_file]
    assert not [path for path in written if key in path.read_text(encoding="utf-8", errors="replace")]
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert (await http.get(f"http://127.0.0.1:{port}/v1/models", headers=headers)).status_code == 401


async def test_a_teardown_without_its_supervisor_still_ends_the_server(account: Any, tuned: str) -> None:
    lease = await account.serve(tuned, SAMPLE_TAG, 600)
    await ready(account, lease.id)
    run = RunFolder(Path(lease.raw["folder"]))
    await kill(run, "supervisor")
    assert len(marked(run.mark)) == 2
    await account.teardown(lease.id)
    assert marked(run.mark) == ()
    assert (await account.lease(lease.id)).state is LeaseState.STOPPED


async def test_after_a_server_was_killed_the_next_question_starts_another(account: Any, tuned: str) -> None:
    assert (await account.complete(tuned, ASK, Sampling())).text == "lost_card"
    (run,) = [RunFolder(path.parent) for path in (account.connection.state_dir / "servers").glob("*/order.json")]
    await kill(run, "process")
    await until(lambda: run.journal()[-1].get("outcome") == "failed")
    with pytest.raises(ProviderError) as gone:
        await account.complete(tuned, ASK, Sampling())
    assert account.decide(gone.value).kind == "transient"
    assert (await account.complete(tuned, ASK, Sampling())).text == "lost_card"


async def test_a_server_that_cannot_start_says_why(account: Any, tuned: str, trainer: Path) -> None:
    toml = trainer / "trainer.toml"
    told = toml.read_text(encoding="utf-8")
    serve = """serve = ["{python}", "-c", "raise SystemExit('no memory')"]"""
    toml.write_text("\n".join(serve if line.startswith("answer") else line for line in told.splitlines()))
    with pytest.raises(Capacity, match="no memory"):
        await account.complete(tuned, ASK, Sampling())


async def test_the_servers_that_were_started_to_be_asked_end_with_the_account(
    account: Any, tuned: str, connection: Connection
) -> None:
    async with providers.platform("script").open(connection) as other:
        await other.complete(tuned, ASK, Sampling())
        (run,) = [RunFolder(path.parent) for path in (account.connection.state_dir / "servers").glob("*/order.json")]
        assert marked(run.mark)
        assert await other.find_leases("tw-") == ()
    assert marked(run.mark) == ()


async def test_many_questions_at_once_start_one_server(account: Any, tuned: str) -> None:
    answers: list[str] = []

    async def ask() -> None:
        answers.append((await account.complete(tuned, ASK, Sampling())).text)

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask)
    assert answers == ["lost_card"] * 10
    assert len(list((account.connection.state_dir / "servers").iterdir())) == 1


async def test_an_unfinished_job_cannot_be_asked(account: Any, buy: Any, trainer: Path) -> None:
    await buy(500, pause_s=0.1)
    with pytest.raises(NotFound, match="has not made its model"):
        await account.complete(f"{trainer}@{SAMPLE_TAG}", ASK, Sampling())


async def test_a_damaged_folder_is_named_and_hides_no_other_job(account: Any, buy: Any) -> None:
    job, other = await over(account, await buy()), await buy(tag=OTHER_TAG)
    (folder_of(job).path / "order.json").write_text("{", encoding="utf-8")
    with pytest.raises(ProviderError, match=SAMPLE_TAG):
        await account.job(job.id)
    assert [found.id for found in await account.jobs()] == [other.id]


async def test_a_journal_line_cut_short_by_a_crash_takes_no_other_with_it(account: Any, buy: Any) -> None:
    job = await over(account, await buy())
    run = folder_of(job)
    with (run.path / "journal.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"what":"ended","outc')
    assert (await account.job(job.id)).state is JobState.SUCCEEDED
    run.note("ended", outcome="failed", error="told after the crash")
    assert (await account.job(job.id)).error == "told after the crash"
