"""The fault matrix, one seed of it: killed at every place, with a faulty platform, a buyer buys once and knows what.

`make faults` plays twelve seeds and more. In a process of its own, because it forks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)

from tests.faults.cases import ASKED_SCENES, FAULTY, IN_USE, JOB_SCENES, LEASE_SCENES, WIRE_PLACES, places_in_the_source

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "tests.faults", "--seeds", "1", "--json")
LESSER = ("naive retry", "no settling window", "too short a window")


TRANSFERS = {"after_upload_begun", "after_upload_part", "after_weights_chunk"}
"""Files in parts, of which nothing is bought: killed there in tests/jobs/test_uploads.py and test_downloads.py."""


BATCHES = "batch_"
"""Questions bought by the file: killed at every place that is named so in tests/jobs/test_batch_crashes.py."""


def _played(*options: str) -> dict[tuple[str, str], dict[str, Any]]:
    """(what, buyer) → figures."""
    done = subprocess.run(
        [*COMMAND, *options],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", "")},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.stdout, done.stderr
    print(done.stderr)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {(row["what"], row["buyer"]): row for row in told}


def _some_or_all(*some: str) -> pytest.MarkDecorator:
    """A few places by the run of every test, all of them by `make exhaustive`."""
    every = pytest.param("", id="every-place", marks=pytest.mark.exhaustive)
    return pytest.mark.parametrize("places", [pytest.param(",".join(some), id="a-few-places"), every])


@_some_or_all("request_sent", "answer_begun", "after_create_answer", "before_empty_look", "in_use")
def test_nothing_is_bought_twice_where_the_client_chooses_the_id(places: str) -> None:
    pytest.importorskip("fireworks")
    told = _played("--platforms", "fireworks", "--places", places)
    assert set(told) >= {("jobs", "protocol"), ("leases", "protocol")}
    assert all(row["clean"] for row in told.values())
    assert sum(row["kills"] for row in told.values()) >= sum(row["purchases"] for row in told.values()) > 5


@pytest.fixture(scope="module")
def played() -> dict[tuple[str, str], dict[str, Any]]:
    """(what, buyer) → figures, of what can be found again."""
    found = ("--what", "jobs", "--what", "leases", "--platforms", "openai,together")
    return _played(*found, "--lesser-seeds", "2")


@pytest.mark.parametrize("what", ["jobs", "leases"])
def test_nothing_is_bought_twice_or_lost_and_every_id_is_right(played: Any, what: str) -> None:
    told = played[what, "protocol"]
    assert (told["double"], told["lost"], told["wrong_id"], told["wrong_money"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("what", ["jobs", "leases"])
def test_every_purchase_was_killed_where_it_was_to_be(played: Any, what: str) -> None:
    told = played[what, "protocol"]
    assert told["unreached"] == []
    assert told["kills"] >= told["purchases"] >= 25


@pytest.mark.parametrize("buyer", LESSER)
@pytest.mark.parametrize("what", ["jobs", "leases"])
def test_a_buyer_with_less_than_the_protocol_is_caught_buying_twice(played: Any, what: str, buyer: str) -> None:
    assert played[what, buyer]["double"] > 0


@pytest.mark.parametrize("what", ["jobs", "leases"])
def test_the_platform_was_as_faulty_as_it_should_be(played: Any, what: str) -> None:
    told = played[what, "protocol"]
    assert told["faulty_share"] >= FAULTY - 0.1
    assert all(told["struck"].values())
    assert len(told["struck"]) == 8  # seven kinds of fault, and none


@_some_or_all("request_sent", "after_in_doubt")
def test_where_nothing_can_be_found_a_person_is_asked_and_nothing_is_bought_twice_or_lost(places: str) -> None:
    """Its lesser buyers, who ask nobody or too early, are played by `make faults`."""
    pytest.importorskip("replicate")
    told = _played("--what", "asked", "--places", places or ",".join(ASKED_SCENES))["asked", "protocol"]
    assert (told["double"], told["lost"], told["wrong_id"], told["wrong_money"]) == (0, 0, 0, 0)
    assert told["unreached"] == []
    assert told["kills"] >= told["purchases"] >= len(places.split(","))


def test_every_place_that_the_source_names_is_visited() -> None:
    named = {place for place in places_in_the_source() if not place.startswith(BATCHES)}
    assert {*JOB_SCENES, *LEASE_SCENES} - {*WIRE_PLACES, IN_USE} == named - TRANSFERS
