"""A process that buys a batch of questions is killed (SIGKILL) at every place that the source names; what starts next
makes exactly one batch, knows its id, and holds the money for it. None is doubled, none is lost."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import loopback
import pytest

import orchestrator
from orchestrator.ledger import BatchRow, Ledger

if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)

pytestmark = pytest.mark.slow

CREATE = "/batches$"

UNSENT = ("batch_before_plan", "batch_after_plan", "batch_after_approve", "batch_after_upload")
CLAIMED = ("batch_before_creating", "batch_after_creating", "batch_after_answer", "batch_after_record")
REFUSED = ("batch_before_refused", "batch_after_refused")
UNCLEAR = ("batch_before_in_doubt", "batch_after_in_doubt", "batch_before_look")
FOUND = ("batch_before_adopt", "batch_after_adopt")
EMPTY = ("batch_before_empty_look", "batch_during_empty_look", "batch_after_empty_look")
ABSENT = ("batch_before_absent", "batch_after_absent")
ASKED = ("batch_before_needs_human", "batch_after_needs_human")
ANEW = ("batch_found_before_sending",)

Fault = tuple[str, dict[str, Any]]
LOST: Fault = ("lost_reply", {})
NEVER_CAME: Fault = ("reset", {})
LATE_IN_LISTS: Fault = ("batch_lag", {"seconds": 300})

PLACES: dict[str, tuple[Fault, ...]] = {
    **dict.fromkeys((*UNSENT, *CLAIMED, *ANEW), ()),
    **dict.fromkeys(REFUSED, (("rate_limit", {}),)),
    **dict.fromkeys((*UNCLEAR, *FOUND), (LOST,)),
    **dict.fromkeys(EMPTY, (LOST, LATE_IN_LISTS)),
    **dict.fromkeys((*ABSENT, *ASKED), (NEVER_CAME,)),
}
"""Where the buyer dies, and what befalls its paid request so that it gets there."""


WHERE_LOOKS_DIFFER = (*ANEW, "batch_after_answer", "batch_before_look", "batch_after_adopt", "batch_after_absent")
"""By metadata on one wire, by the input file on the other: all other steps are the same code for both."""

QUICK = (
    "batch_after_creating",
    "batch_after_answer",
    "batch_after_in_doubt",
    "batch_after_adopt",
    "batch_after_absent",
    "batch_during_empty_look",
    "batch_found_before_sending",
)
"""Around the paid request; the others are visited by `make exhaustive`."""

EVERY = [*(("openai", place) for place in PLACES), *(("together", place) for place in WHERE_LOOKS_DIFFER)]
CASES = [pytest.param(*each, marks=[pytest.mark.exhaustive] if each[1] not in QUICK else []) for each in EVERY]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One ledger for all: each case buys for an evaluation of its own."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def process(shared: Any, home: Path) -> Iterator[Callable[..., int]]:
    """Plays one buyer, which may be killed; answers the signal."""
    environ = {**shared.running.environ, "PATH": "", "HOME": "/nonexistent"}
    file = Path(__file__).with_name("batch_buyer.py")
    root = Path(orchestrator.__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, str(file), str(home)],
        env=environ,
        cwd=root,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdin
        assert running.stdout

        def play(**told: Any) -> int:
            assert running.stdin
            assert running.stdout
            print(json.dumps({"server": shared.running.url, **told}), file=running.stdin, flush=True)
            return int(running.stdout.readline())

        yield play
        running.stdin.close()


@pytest.fixture
def posts(shared: Any) -> Callable[[], int]:
    loopback.delete(f"{shared.running.url}/_sandbox/requests")

    def count() -> int:
        rows = loopback.get(f"{shared.running.url}/_sandbox/requests").json()["requests"]
        return sum(row["count"] for row in rows if row["method"] == "POST" and row["path"].endswith("/batches"))

    return count


def bought(shared: Any, name: str, row: BatchRow) -> list[str]:
    """Every batch there is of that input file, listed or not."""
    return [batch.id for batch in shared.sandbox.batches.all(name) if batch.input_file == row.file_id]


@pytest.mark.parametrize(("name", "place"), CASES)
def test_killed_anywhere_one_batch_is_bought(
    shared: Any,
    process: Callable[..., int],
    posts: Callable[[], int],
    home: Path,
    tmp_path: Path,
    name: str,
    place: str,
) -> None:
    for fault, changes in PLACES[place]:
        aimed = {} if fault == "batch_lag" else {"method": "POST", "path": CREATE}
        shared.sandbox.faults.set(fault, **aimed, **changes)
    told = {"name": name, "mark": f"{name}-{place}", "files": str(tmp_path), "person": place in ASKED}
    if place in ANEW:
        assert process(**told, home=str(home), place="batch_after_answer") == signal.SIGKILL
        home = tmp_path / "elsewhere"
    assert process(**told, home=str(home), place=place) == signal.SIGKILL
    assert process(**told, home=str(home), place="") == 0
    ledger = Ledger.open(home, {})
    (row,) = ledger.batches.of(told["mark"])
    (held,) = [spent for spent in ledger.budget.spendings() if spent.id == f"evaluation:{row.evaluation_id}"]
    ledger.close()
    assert [row.remote_id] == bought(shared, name, row)
    assert (row.stage, held.state, held.kind) == ("created", "reserved", "evaluation")
    assert posts() == 1 + bool(PLACES[place] and PLACES[place][0] != LOST)


def test_every_place_that_the_source_names_is_visited() -> None:
    folder = Path(orchestrator.__file__).parent
    named = {place for path in folder.rglob("*.py") for place in _named(path) if place.startswith("batch_")}
    assert named - COLLECTING == set(PLACES)


COLLECTING = {"batch_during_collect", "batch_before_collected"}
"""Places where nothing is bought any more: visited in tests/pipeline/test_batching.py."""


def _named(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "reach":
            (place,) = node.args
            assert isinstance(place, ast.Constant)
            yield str(place.value)


def test_the_check_sees_the_double_of_a_buyer_without_the_protocol(
    shared: Any, process: Callable[..., int], tmp_path: Path
) -> None:
    """A stock client repeats a POST whose answer was lost."""
    import openai

    line = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "is my card lost?"}]}
    wanted = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": line}
    with openai.OpenAI(base_url=shared.running.openai_base_url, api_key=shared.running.api_key) as naive:
        file = naive.files.create(file=("in.jsonl", json.dumps(wanted).encode()), purpose="batch").id
        shared.sandbox.faults.set("lost_reply", method="POST", path=CREATE)
        naive.batches.create(input_file_id=file, endpoint="/v1/chat/completions", completion_window="24h")
    assert len([batch for batch in shared.sandbox.batches.all("openai") if batch.input_file == file]) == 2
