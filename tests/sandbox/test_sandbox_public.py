"""What the package exports, its clock, and what a request to the bare server says."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import providers.sandbox
from providers.sandbox import Clock, RunningSandbox, Sandbox, serve
from providers.sandbox.jobs import Job, TrainedEpoch, view
from providers.sandbox.learner import Point

PACKAGE = Path(providers.sandbox.__file__).parent


def test_the_public_list_is_pinned() -> None:
    assert providers.sandbox.__all__ == [
        "FAULTS",
        "Clock",
        "Fault",
        "Faults",
        "RunningSandbox",
        "Sandbox",
        "app",
        "run",
        "serve",
    ]


def test_the_sandbox_imports_no_adapter() -> None:
    sources = [ast.parse(path.read_text()) for path in PACKAGE.glob("*.py")]
    nodes = [node for source in sources for node in ast.walk(source) if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in nodes if node.level == 2} <= {None, "records", "tokenizers"}
    assert not {str(node.module).split(".")[0] for node in nodes if not node.level} & {
        "openai",
        "together",
        "orchestrator",
    }


def test_without_the_extra_importing_it_is_an_import_error() -> None:
    code = (
        "import sys; sys.modules['starlette'] = None\ntry:\n import providers.sandbox\nexcept ImportError: print('yes')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parents[1], check=True
    )
    assert done.stdout.strip() == "yes"


def test_a_clock_goes_forward_only() -> None:
    clock = Clock(100, running=False)
    assert clock.advance(5) == 105
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(-1)


def test_a_running_clock_starts_where_it_is_told() -> None:
    assert 100 <= Clock(100).now() < 110


def test_the_environment_points_stock_clients_here(served: RunningSandbox) -> None:
    assert served.environ == {
        "OPENAI_BASE_URL": f"{served.url}/openai/v1",
        "OPENAI_API_KEY": "sk-sandbox-local",
        "TOGETHER_BASE_URL": f"{served.url}/together",
        "TOGETHER_API_KEY": "sk-sandbox-local",
        "TOGETHER_PROJECT_ID": "proj_sandbox",
        "FIREWORKS_BASE_URL": f"{served.url}/fireworks",
        "FIREWORKS_API_KEY": "sk-sandbox-local",
        "FIREWORKS_ACCOUNT_ID": "sandbox",
        "REPLICATE_BASE_URL": f"{served.url}/replicate",
        "REPLICATE_API_TOKEN": "sk-sandbox-local",
        "REPLICATE_DESTINATION": "sandbox/tuned",
        "GOOGLE_VERTEX_BASE_URL": f"{served.url}/vertex",
        "STORAGE_EMULATOR_HOST": f"{served.url}/vertex",
        "GOOGLE_CLOUD_PROJECT": "sandbox",
        "GOOGLE_CLOUD_LOCATION": "us-central1",
        "GOOGLE_OAUTH_ACCESS_TOKEN": "sk-sandbox-local",
        "TUNEWRIGHT_VERTEX_BUCKET": "gs://tunewright-sandbox",
        "AWS_ENDPOINT_URL": f"{served.url}/aws",
        "AWS_ACCESS_KEY_ID": "SANDBOX-ACCESS-KEY",
        "AWS_SECRET_ACCESS_KEY": "sandbox-secret-that-opens-nothing",
        "AWS_REGION": "us-east-1",
        "TUNEWRIGHT_BEDROCK_BUCKET": "tunewright-sandbox",
        "TUNEWRIGHT_BEDROCK_ROLE_ARN": "arn:aws:iam::123456789012:role/tunewright",
    }


def test_the_key_is_not_printed(served: RunningSandbox) -> None:
    assert served.api_key not in repr(served)


def test_a_port_that_is_taken_is_an_os_error(served: RunningSandbox, sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"), serve(sandbox, port=int(served.url.rpartition(":")[2])):
        pass


def test_an_unknown_path_is_refused_in_json(http: httpx.Client) -> None:
    assert http.get("/openai/v1/nothing").json()["error"]["message"] == "Invalid URL (GET /openai/v1/nothing)"


def test_a_body_that_is_no_json_is_refused(http: httpx.Client) -> None:
    assert http.post("/openai/v1/chat/completions", content=b"{").status_code == 400


# ── a job's look is a function of its record and the clock ──────────────────────────────────────────────────────────


def _job(**changes: object) -> Job:
    fields: dict[str, object] = {
        "id": "ftjob-1",
        "wire": "openai",
        "model": "sandbox-small",
        "method": "supervised",
        "training_file": "f",
        "validation_file": None,
        "suffix": "",
        "seed": 1,
        "epochs": 1,
        "batch_size": 2,
        "rate": 1.0,
        "evals": 1,
        "created_at": 0.0,
        "pace_s": 10.0,
        "request": {},
        "rows": 4,
        "validated_at": 2.0,
    }
    return Job(**(fields | changes))  # type: ignore[arg-type]


EPOCH = TrainedEpoch(1, (Point(1, 2.0, 0.0), Point(2, 1.0, 0.5)), 4.0, 14.0)


@pytest.mark.parametrize(
    ("at", "phase"), [(1, "validating"), (3, "queued"), (5, "running"), (15, "finalizing"), (16, "succeeded")]
)
def test_the_phase_follows_the_clock(at: float, phase: str) -> None:
    assert view(_job(), [EPOCH], at).phase == phase


def test_steps_become_visible_one_by_one_over_their_epoch() -> None:
    assert [len(view(_job(), [EPOCH], at).points) for at in (8, 9, 13, 14)] == [0, 1, 1, 2]


def test_an_epoch_not_yet_computed_keeps_the_job_running() -> None:
    assert view(_job(epochs=2), [EPOCH], 1000).phase == "running"


def test_a_cancelled_job_shows_nothing_learned_after_the_cancel() -> None:
    seen = view(_job(cancelled_at=9.0), [EPOCH], 1000)
    assert (seen.phase, len(seen.points)) == ("cancelled", 1)
