"""A sandbox that was killed starts again with its files, jobs, models and machines; training goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openai

from providers.sandbox import Clock, Sandbox, serve

NOW = 1_795_000_000.0
SERVER = """
import sys
from pathlib import Path
from providers.sandbox import Sandbox, run
run(Sandbox(Path(sys.argv[1]), pace_s=30), ready=lambda it: print(it.openai_base_url, flush=True))
"""
Pairs = list[tuple[str, str]]


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


def test_a_training_interrupted_by_a_kill_goes_on_and_ends_the_same(
    tmp_path: Path, pairs: Pairs, chat_file: Callable[[Pairs], bytes]
) -> None:
    with killed_at_the_end(tmp_path) as client:
        file = client.files.create(file=("t.jsonl", chat_file(pairs)), purpose="fine-tune")
        id = client.fine_tuning.jobs.create(model="sandbox-small", training_file=file.id, seed=7).id
    with Sandbox(tmp_path) as again, Sandbox(None) as fresh:
        again.advance(1000)
        seen = again.book.view(id)
        assert seen is not None
        assert seen.phase == "succeeded"
        copy = fresh.files.add("openai", "t.jsonl", "fine-tune", chat_file(pairs))
        same = fresh.create_job("openai", "ftjob-", **_like(seen.job, copy.id))
        fresh.advance(1000)
        other = fresh.book.view(same.id)
        assert other is not None
        assert [point for _, point in seen.points] == [point for _, point in other.points]


def _like(job: object, training_file: str) -> dict[str, object]:
    names = ("model", "method", "validation_file", "suffix", "seed", "epochs", "batch_size", "rate", "evals", "request")
    return {name: getattr(job, name) for name in names} | {"training_file": training_file}


def test_a_tuned_model_answers_after_a_restart(
    tmp_path: Path, pairs: Pairs, chat_file: Callable[[Pairs], bytes]
) -> None:
    with Sandbox(tmp_path, clock=Clock(NOW, running=False)) as first, serve(first) as running:
        with openai.OpenAI(base_url=running.openai_base_url, api_key=running.api_key) as client:
            file = client.files.create(file=("t.jsonl", chat_file(pairs)), purpose="fine-tune")
            id = client.fine_tuning.jobs.create(model="sandbox-small", training_file=file.id, seed=7).id
            first.advance(1000)
            model = client.fine_tuning.jobs.retrieve(id).fine_tuned_model or ""
            client.files.delete(file.id)
    with Sandbox(tmp_path, clock=Clock(NOW, running=False)) as second, serve(second) as running:
        with openai.OpenAI(base_url=running.openai_base_url, api_key=running.api_key) as client:
            answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "my parcel"}])
            assert answer.choices[0].message.content == "shipping"


def test_the_clock_stays_advanced_after_a_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path, clock=Clock(NOW, running=False)) as first:
        first.advance(3600)
    with Sandbox(tmp_path, clock=Clock(NOW, running=False)) as second:
        assert second.clock.now() == NOW + 3600


def test_two_sandboxes_on_one_directory_see_each_others_jobs(
    tmp_path: Path, pairs: Pairs, chat_file: Callable[[Pairs], bytes]
) -> None:
    clock = Clock(NOW, running=False)
    with Sandbox(tmp_path, clock=clock) as one, Sandbox(tmp_path, clock=clock) as two:
        file = one.files.add("openai", "t.jsonl", "fine-tune", chat_file(pairs))
        job = one.create_job("openai", "ftjob-", **_like(_Plain(), file.id))
        one.trainer.settle()
        two.book.cancel(job.id)
        seen = one.book.view(job.id)
        assert seen is not None
        assert seen.phase == "cancelling"


class _Plain:
    model, method, validation_file, suffix, seed = "sandbox-small", "supervised", None, "", 7
    epochs, batch_size, rate, evals = 2, 8, 1.0, None
    request: dict[str, object] = {}


def test_machines_and_their_bill_survive_a_restart(tmp_path: Path) -> None:
    clock = Clock(NOW, running=False)
    with Sandbox(tmp_path, clock=clock, pace_s=0) as first:
        endpoint = first.serving.create_endpoint("tw-x", "VISIBILITY_PRIVATE")
        first.serving.deploy(endpoint, "d", model="Qwen/Qwen3-8B", instance="1x-h100-80gb", replicas=1, request={})
    clock.advance(3600)
    with Sandbox(tmp_path, clock=clock) as second:
        assert str(second.serving.bill_usd()) == "3.990000"
        assert second.serving.route("sandbox/tw-x/d") is not None
