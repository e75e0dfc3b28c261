"""What goes wrong at the platform while somebody waits: a job that fails or is cancelled, a platform that is down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai

from providers.sandbox import RunningSandbox, Sandbox, serve

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")


def test_a_job_that_fails_says_why_and_how_to_buy_another(tunewright: Any, pairs: Path, server: Any) -> None:
    server.world.faults.set("job_failed")
    answer = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ)
    assert (answer.code, answer.error["code"]) == (5, "job_failed")
    assert "failed" in answer.error["what"]
    assert "--again" in answer.error["fix"]


def test_the_same_command_never_buys_in_place_of_a_failed_job(tunewright: Any, pairs: Path, server: Any) -> None:
    server.world.faults.set("job_failed")
    first = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ)
    second = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ)
    assert (first.code, second.code) == (5, 5)
    assert server.asked("POST", "/fine_tuning/jobs") == 1


def test_again_buys_another_after_a_failed_job(tunewright: Any, pairs: Path, server: Any) -> None:
    server.world.faults.set("job_failed")
    tunewright("run", pairs, *TO, *SPEND, env=server.environ)
    answer = tunewright("run", pairs, *TO, *SPEND, "--again", "--json", env=server.environ)
    assert answer.json["verdict"]
    assert server.asked("POST", "/fine_tuning/jobs") == 2


def test_a_job_cancelled_on_the_website(tunewright: Any, start: Any, pairs: Path, slow_server: Any) -> None:
    running = start("run", pairs, *TO, *SPEND, env=slow_server.environ)
    running.until(": queued")
    client = _stock_client(slow_server.running)
    client.fine_tuning.jobs.cancel(client.fine_tuning.jobs.list(limit=1).data[0].id)
    slow_server.world.advance(1e7)
    answer = running.finish()
    assert answer.code == 5
    assert "cancelled" in answer.err
    assert "--again" in answer.err


def test_what_a_refused_file_lacks_is_told(tunewright: Any, pairs: Path, server: Any) -> None:
    server.world.faults.set("training_not_available")
    answer = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ)
    assert (answer.code, answer.error["code"]) == (1, "closed")
    assert "no longer available" in answer.error["what"]


def test_no_credit_is_told_as_that(tunewright: Any, pairs: Path, server: Any) -> None:
    server.world.faults.set("insufficient_quota")
    answer = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ)
    assert (answer.code, answer.error["code"]) == (1, "billing")


def test_a_platform_that_stays_down_ends_in_words_and_the_job_is_found_again(
    tunewright: Any, start: Any, pairs: Path, tmp_path: Path
) -> None:
    with Sandbox(tmp_path / "state", pace_s=100_000.0) as world:
        with serve(world) as first:
            running = start("run", pairs, *TO, *SPEND, "--patience", "2", env=first.environ)
            running.until(": queued")
            port = int(first.url.rpartition(":")[2])
        down = running.finish()
        assert down.code == 1
        assert "keeps running" in down.err
        assert "then: tunewright watch " in down.err
        world.advance(1e7)
        with serve(world, port=port) as second:
            answer = tunewright("run", pairs, *TO, *SPEND, "--json", env=second.environ)
            jobs = _stock_client(second).fine_tuning.jobs.list().data
    assert answer.json["verdict"]
    assert len(jobs) == 1


def test_passing_faults_of_reads_are_waited_out(tunewright: Any, pairs: Path, server: Any) -> None:
    for fault in ("server_error", "reset", "html"):
        server.world.faults.set(fault, method="GET", path="/fine_tuning/jobs", seconds=0.1)
    answer = tunewright("run", pairs, *TO, *SPEND, "--json", env=server.environ)
    assert answer.json["verdict"]


def _stock_client(running: RunningSandbox) -> openai.OpenAI:
    """Another client of the same account, as the platform's website is."""
    return openai.OpenAI(base_url=running.openai_base_url, api_key=running.api_key, max_retries=0)
