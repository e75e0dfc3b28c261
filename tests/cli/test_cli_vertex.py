"""Vertex AI from the command line: what is not known is said; a run comes to its verdict by one job and no machine."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator

pytest.importorskip("google.genai")
from .conftest import rows, write_csv

MODEL = "gemini-3.5-flash"
TARGET = f"vertex:{MODEL}"
SPEND = ("--yes", "--max-usd", "500")
JOBS, UPLOAD = "/locations/us-central1/tuningJobs", "/upload/storage/v1/b/tunewright-sandbox/o"


@pytest.fixture
def prices(work: Path) -> Path:
    """The user's own price list, for nobody else gives one."""
    row = '[[price]]\nprovider = "vertex"\nmodel = "{}"\nitem = "{}"\nusd = "{}"\nper = "mtok"\nas_of = 2026-11-26\n'
    told = {"train": "5.00", "input": "1.00", "output": "2.00", "tuned_input": "1.50", "tuned_output": "3.00"}
    path = work / "prices.toml"
    path.write_text("".join(row.format(MODEL, item, usd) for item, usd in told.items()), encoding="utf-8")
    return path


def test_an_estimate_says_what_is_not_known_and_rents_nothing(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("estimate", pairs, "--to", TARGET)
    assert answer.code == 0
    assert "training                          unknown" in answer.out
    assert "no stored source gives this price" in answer.out
    assert "h ×" not in answer.out


def test_a_run_without_prices_is_refused_before_anything_is_sent(tunewright: Any, pairs: Path, server: Any) -> None:
    answer = tunewright("run", pairs, "--to", TARGET, *SPEND, "--json", env=server.environ)
    assert answer.code == 4
    assert "training" in answer.error["what"]
    assert server.asked("POST", UPLOAD) == 0


def test_a_run_goes_to_its_verdict(tunewright: Any, pairs: Path, server: Any, prices: Path, work: Path) -> None:
    write_csv(pairs, rows(150, salt="vertex"))
    (work / "tunewright.toml").write_text("[rule]\nmin_prompts = 5\n")
    done = tunewright("run", pairs, "--to", TARGET, "--prices", prices, *SPEND, "--json", env=server.environ)
    assert done.code == 0, done.err
    assert done.json["verdict"] == "deploy"
    assert server.asked("POST", JOBS) == 1
    assert server.asked("POST", UPLOAD) == 2  # rows to learn from, and rows to be measured on
    assert tunewright("leases", "ls", "--json", env=server.environ).json["leases"] == []
    (job,) = [seen.job for seen in server.world.book.views("vertex")]
    billed = done.json["billed"]
    assert Decimal(billed["training_usd"]) == Decimal(job.epochs * job.tokens) * 5 / 1_000_000
    assert Decimal(billed["evaluation_usd"]) > 0
    library = Orchestrator(work / ".tunewright", environ=server.whole_environ)  # the same without async
    (bought,) = library.jobs.ls()
    assert bought.job_id is not None
    assert bought.job_id.isdigit()
    assert [one.step for one in library.jobs.checkpoints(bought.job_id)]
    again = tunewright("run", pairs, "--to", TARGET, "--prices", prices, *SPEND, "--json", env=server.environ)
    assert again.code == 0, again.err
    assert server.asked("POST", JOBS) == 1  # the same plan is the same job


def test_a_dry_run_prints_the_one_paid_request(tunewright: Any, pairs: Path, server: Any) -> None:
    told = tunewright("run", pairs, "--to", TARGET, "--dry-run", "--json", env=server.environ).json
    (paid,) = [request for request in told["requests"] if request["paid"]]
    assert paid["url"].endswith(f"/v1beta1/projects/sandbox{JOBS}")
    assert paid["body"]["baseModel"] == MODEL
    assert paid["body"]["labels"]["tunewright"].startswith("tw-")


def test_a_model_that_is_gone_is_refused_with_its_day(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("estimate", pairs, "--to", "vertex:gemini-2.5-flash")
    assert "2026-10-20" in answer.out + answer.err


def test_doctor_and_providers_speak_of_it(tunewright: Any, server: Any) -> None:
    assert "vertex" in tunewright("providers", "ls").out.split()
    assert "a label of ours" in tunewright("providers", "show", "vertex").out
    assert "vertex: present" in tunewright("doctor", env=server.environ).out
    assert "vertex: missing (GOOGLE_CLOUD_PROJECT" in tunewright("doctor").out
