"""Fireworks from the command line: what is not known is said; a run comes to its verdict and gives its machine back."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator

pytest.importorskip("fireworks")
from .conftest import rows, write_csv

MODEL = "accounts/fireworks/models/qwen3-8b"
TARGET = f"fireworks:{MODEL}"
SPEND = ("--yes", "--max-usd", "500")
JOBS, DEPLOYMENTS = "/accounts/sandbox/supervisedFineTuningJobs", "/accounts/sandbox/deployments"


@pytest.fixture
def prices(work: Path) -> Path:
    """The user's own price list, for nobody else gives one."""
    row = '[[price]]\nprovider = "fireworks"\nmodel = "{}"\nitem = "{}"\nusd = "0.50"\nper = "mtok"\n'
    row += "as_of = 2026-11-26\n"
    path = work / "prices.toml"
    path.write_text("".join(row.format(MODEL, item) for item in ("train", "input", "output")), encoding="utf-8")
    return path


def test_an_estimate_says_what_is_not_known_and_what_an_hour_costs(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("estimate", pairs, "--to", TARGET)
    assert answer.code == 0
    assert "training                          unknown" in answer.out
    assert "1 h × $7/h" in answer.out
    assert "an undated copy: H100 and H200 $7" in answer.out


def test_a_run_without_prices_is_refused_before_anything_is_sent(tunewright: Any, pairs: Path, server: Any) -> None:
    answer = tunewright("run", pairs, "--to", TARGET, *SPEND, "--json", env=server.environ)
    assert answer.code == 4
    assert "training" in answer.error["what"]
    assert server.asked("POST", "/datasets") == 0


def test_a_run_goes_to_its_verdict_and_gives_its_machine_back(
    tunewright: Any, pairs: Path, server: Any, prices: Path, work: Path
) -> None:
    write_csv(pairs, rows(150, salt="fireworks"))
    (work / "tunewright.toml").write_text("[rule]\nmin_prompts = 5\n")
    done = tunewright("run", pairs, "--to", TARGET, "--prices", prices, *SPEND, "--json", env=server.environ)
    assert done.code == 0, done.err
    assert done.json["verdict"] == "deploy"
    assert "the platform's own estimate is $" in done.err
    assert (server.asked("POST", JOBS), server.asked("POST", DEPLOYMENTS)) == (1, 1)
    leases = tunewright("leases", "ls", "--json", env=server.environ).json["leases"]
    assert [lease["stage"] for lease in leases] == ["stopped"]
    assert Decimal(leases[0]["usd_per_hour"]) == 7
    machines = [item for item in server.world.serving.deployments.all() if item.endpoint_id.startswith("tw-")]
    assert all(machine.stopped_at is not None for machine in machines)
    library = Orchestrator(work / ".tunewright", environ=server.whole_environ)  # the same without async
    (bought,) = library.jobs.ls()
    assert library.jobs.metrics(str(bought.job_id))[-1].train_loss is not None


def test_a_dry_run_prints_the_one_paid_request(tunewright: Any, pairs: Path, server: Any) -> None:
    told = tunewright("run", pairs, "--to", TARGET, "--dry-run", "--json", env=server.environ).json
    (paid,) = [request for request in told["requests"] if request["paid"]]
    assert "supervisedFineTuningJobId=tw-" in paid["url"]
    assert paid["body"]["baseModel"] == MODEL
    assert server.asked("POST", "/datasets") == 0


def test_doctor_and_providers_speak_of_it(tunewright: Any, server: Any) -> None:
    assert "fireworks" in tunewright("providers", "ls").out.split()
    shown = tunewright("providers", "show", "fireworks").out
    assert "one id is given once" in shown
    keys = tunewright("doctor", env=server.environ).out
    assert "fireworks: present" in keys


def test_preferences_go_the_whole_way(tunewright: Any, server: Any, work: Path, prices: Path) -> None:
    sample = Path(__file__).parents[2] / "samples/support_replies.jsonl"
    told = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
    replies = work / "replies.jsonl"
    replies.write_text("".join(json.dumps({**row, "system": "Answer. fireworks"}) + "\n" for row in told))
    (work / "tunewright.toml").write_text("[rule]\nmin_prompts = 10  # the sample holds out no more\n")
    given = ("--method", "dpo", "--beta", "0.2", "--prices", prices, "--accept-unknown")
    done = tunewright("run", replies, "--to", TARGET, *given, *SPEND, env=server.environ)
    assert done.code == 0, done.err
    assert "the validation rows are not read" in done.err
    assert "preferred answer ahead in" in done.err
    assert "verdict: deploy" in done.out
    assert server.asked("POST", "/accounts/sandbox/dpoJobs") == 1
