"""A generic trainer through the ordinary commands: to a verdict, and to a person's word where an answer was lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("replicate")

from providers.sandbox.replicate_trainer import TRAINER, VERSION

TO = ("--to", f"replicate:{TRAINER}:{VERSION}")
AGREED = ("--prices", "prices.toml", "--accept-unknown", "--yes", "--max-usd", "5", "--json")
JOBS = f"/replicate/v1/models/{TRAINER}/versions/{VERSION}/trainings"


@pytest.fixture(autouse=True)
def prices(work: Path) -> None:
    """What the user knows of their trainer's throughput, since nobody publishes a price by the token."""
    row = '[[price]]\nprovider = "replicate"\nitem = "train"\nusd = "2.00"\nas_of = 2026-11-26\n'
    (work / "prices.toml").write_text(row, encoding="utf-8")


@pytest.fixture
def here(server: Any) -> dict[str, str]:
    """The sandbox's address, and what the hardware of its trainer costs."""
    return {**server.environ, "REPLICATE_USD_PER_SECOND": "0.001"}


def test_a_run_comes_to_a_verdict(tunewright: Any, work: Path, server: Any, here: dict[str, str]) -> None:
    told = {"lost_card": "my card vanished", "refund": "give back money", "delivery": "where is my parcel"}
    rows = [f"{words} item {number}{label},{label}" for number in range(80) for label, words in told.items()]
    (work / "many.csv").write_text("input,output\n" + "\n".join(rows) + "\n", encoding="utf-8")
    answer = tunewright("run", "many.csv", *TO, *AGREED, env=here)
    assert (answer.code, answer.json["verdict"]) == (0, "deploy")
    assert server.asked("POST", JOBS) == 1


def test_without_a_price_nothing_is_bought(tunewright: Any, pairs: Path, server: Any, here: dict[str, str]) -> None:
    answer = tunewright("submit", pairs, *TO, "--accept-unknown", "--yes", "--max-usd", "5", "--json", env=here)
    assert "the price of" in answer.error["what"]
    assert server.asked("POST", JOBS) == 0


def test_an_unknown_setting_is_refused_with_the_nearest_before_anything_is_sent(
    tunewright: Any, pairs: Path, server: Any, here: dict[str, str]
) -> None:
    answer = tunewright("submit", pairs, *TO, *AGREED, "--set", "lr_schedule=linear", env=here)
    assert "did you mean 'lr_scheduler'?" in answer.error["what"]
    assert server.asked("POST", "/replicate/v1/files") == 0


@pytest.fixture
def doubtful(tunewright: Any, pairs: Path, server: Any, here: dict[str, str]) -> Any:
    """The error after the answer to the paid request was lost."""
    server.world.faults.set("lost_reply", method="POST", path="/trainings$")
    answer = tunewright("submit", pairs, *TO, *AGREED, env=here)
    assert answer.code
    return answer.error


@pytest.fixture
def intent(doubtful: Any, tunewright: Any, here: dict[str, str]) -> str:
    (row,) = tunewright("jobs", "ls", "--json", env=here).json["jobs"]
    assert row["state"] == "needs_human"
    return str(row["intent"])


def test_a_lost_answer_is_put_before_a_person_with_the_page_to_look_at(doubtful: Any) -> None:
    assert "https://replicate.com/trainings" in doubtful["what"]
    assert "tunewright jobs resolve" in doubtful["fix"]


def test_the_same_command_again_buys_nothing(
    tunewright: Any, pairs: Path, server: Any, here: dict[str, str], intent: str
) -> None:
    for command in (("submit", pairs, *TO, *AGREED), ("jobs", "recover", "--resubmit", "--json")):
        assert tunewright(*command, env=here).code != 0
    assert server.asked("POST", JOBS) == 1


def test_a_person_tells_the_training_by_the_request_as_it_was_sent(
    tunewright: Any, server: Any, here: dict[str, str], intent: str
) -> None:
    sent = tunewright("jobs", "show", intent, "--json", env=here).json["request"]
    found = [seen.job.id for seen in server.world.book.listed("replicate") if seen.job.request == sent]
    assert len(found) == 1
    answer = tunewright("jobs", "resolve", intent, "--job", found[0], "--json", env=here)
    assert (answer.code, answer.json["job"]) == (0, found[0])


def test_a_none_is_not_taken_while_the_training_may_still_turn_up(
    tunewright: Any, here: dict[str, str], intent: str
) -> None:
    answer = tunewright("jobs", "resolve", intent, "--none", "--json", env=here)
    assert "may buy it twice" in answer.error["what"]
    assert answer.code == 2
