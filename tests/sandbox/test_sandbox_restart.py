"""A sandbox that was killed starts again with its files, jobs, models and machines; training goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from providers.sandbox import Clock, Sandbox
from providers.sandbox.learner import Point
from providers.sandbox.world import Tuned

NOW = 1_795_000_000.0
SERVER = """
import sys
from pathlib import Path
from providers.sandbox import Sandbox, run
run(Sandbox(Path(sys.argv[1]), pace_s=30), ready=lambda it: print(it.openai_base_url, flush=True))
"""


@pytest.fixture
def data(pairs: list[tuple[str, str]], chat_file: Callable[..., bytes]) -> bytes:
    return chat_file(pairs)


@contextmanager
def killed_at_the_end(state: Path) -> Iterator[openai.OpenAI]:
    """A client of a sandbox in its own process, which then dies without warning."""
    command = [sys.executable, "-c", SERVER, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            with openai.OpenAI(base_url=url, api_key="sk-sandbox", max_retries=0) as client:
                yield client
        finally:
            process.send_signal(signal.SIGKILL)


def test_a_training_interrupted_by_a_kill_goes_on_and_ends_the_same(tmp_path: Path, data: bytes) -> None:
    with killed_at_the_end(tmp_path) as client:
        file = client.files.create(file=("t.jsonl", data), purpose="fine-tune")
        id = client.fine_tuning.jobs.create(model="sandbox-small", training_file=file.id, seed=7).id
    with Sandbox(tmp_path) as again, Sandbox(None) as fresh:
        again.advance(1000)
        job = again.book.find(id)
        assert job is not None
        same = fresh.create_job("openai", "ftjob-", **_like(job, _add(fresh, data)))
        fresh.advance(1000)
        assert _curve(again, id) == _curve(fresh, same.id)


def _like(job: object, training_file: str) -> dict[str, object]:
    names = ("model", "method", "validation_file", "suffix", "seed", "epochs", "batch_size", "rate", "evals", "request")
    return {name: getattr(job, name) for name in names} | {"training_file": training_file}


def _add(sandbox: Sandbox, data: bytes) -> str:
    return sandbox.files.add("openai", "t.jsonl", "fine-tune", data).id


def _curve(sandbox: Sandbox, id: str) -> list[Point]:
    seen = sandbox.book.view(id)
    assert seen is not None
    assert seen.phase == "succeeded"
    return [point for _, point in seen.points]


def test_a_tuned_model_answers_after_a_restart_even_when_its_file_was_deleted(tmp_path: Path, data: bytes) -> None:
    with Sandbox(tmp_path, clock=Clock(NOW, running=False)) as first:
        file = _add(first, data)
        job = first.create_job("openai", "ftjob-", **_like(_Plain(), file))
        first.advance(1000)
        first.files.delete(file, keep_content=first.book.uses(file))
    with Sandbox(tmp_path, clock=Clock(NOW, running=False)) as second:
        model = second.model("openai", f"ft:sandbox-small:sandbox::{job.id[-8:]}")
        assert isinstance(model, Tuned)
        assert second.recall(model).answer("", "my parcel and courier") == "shipping"


def test_the_clock_stays_advanced_after_a_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path, clock=Clock(NOW, running=False)) as first:
        first.advance(3600)
    with Sandbox(tmp_path, clock=Clock(NOW, running=False)) as second:
        assert second.clock.now() == NOW + 3600


def test_two_sandboxes_on_one_directory_see_each_others_jobs(tmp_path: Path, data: bytes) -> None:
    clock = Clock(NOW, running=False)
    with Sandbox(tmp_path, clock=clock) as one, Sandbox(tmp_path, clock=clock) as two:
        job = one.create_job("openai", "ftjob-", **_like(_Plain(), _add(one, data)))
        one.trainer.settle()
        two.book.cancel(job.id)
        seen = one.book.view(job.id)
        assert seen is not None
        assert seen.phase == "cancelling"


def test_a_sandbox_that_waits_for_another_to_train_closes_at_once(tmp_path: Path, data: bytes) -> None:
    with Sandbox(tmp_path) as one, one.store.training(lambda: False) as locked:
        assert locked
        with Sandbox(tmp_path) as two:
            two.create_job("openai", "ftjob-", **_like(_Plain(), _add(two, data)))


class _Plain:
    model, method, validation_file, suffix, seed = "sandbox-small", "supervised", None, "", 7
    epochs, batch_size, rate, evals = 2, 8, 1.0, None

    @property
    def request(self) -> dict[str, object]:
        return {}


def test_machines_and_their_bill_survive_a_restart(tmp_path: Path) -> None:
    clock = Clock(NOW, running=False)
    with Sandbox(tmp_path, clock=clock, pace_s=0) as first:
        endpoint = first.serving.create_endpoint("tw-x", "VISIBILITY_PRIVATE")
        gpu = "1xnvidia-h100-80gb"
        first.serving.deploy(endpoint, "d", model="Qwen/Qwen3-8B", instance=gpu, replicas=1, request={})
    clock.advance(3600)
    with Sandbox(tmp_path, clock=clock) as second:
        assert str(second.serving.bill_usd()) == "3.990000"
        assert second.serving.route("sandbox/tw-x/d") is not None
