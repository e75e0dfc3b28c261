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
from tests.faults.platforms import PLATFORMS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "tests.faults", "--seeds", "1", "--json")
BOTH = ("openai", "together")
"""Played at every place, and by lesser buyers too."""

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


@pytest.fixture(scope="module")
def played() -> dict[tuple[str, str], dict[str, Any]]:
    """(what, buyer) → figures, of what can be found again."""
    return _played("--platforms", ",".join(BOTH), "--in-turn", "--lesser-seeds", "1")


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
    assert played[what, buyer]["caught"]


@pytest.mark.parametrize("what", ["jobs", "leases"])
def test_the_platform_was_as_faulty_as_it_should_be(played: Any, what: str) -> None:
    told = played[what, "protocol"]
    assert told["faulty_share"] >= FAULTY - 0.1
    assert all(told["struck"].values())
    assert len(told["struck"]) == 8  # seven kinds of fault, and none


def _others(*some: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The protocol at those places, on every platform but the two above, as far as their SDKs are installed."""
    others = [name for name in PLATFORMS if name not in BOTH]
    if not others:
        pytest.skip("no further SDK is installed")
    return _played("--workers", "1", "--platforms", ",".join(others), "--places", ",".join(some))


def _assert_clean(told: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert [place for row in told.values() for place in row["unreached"]] == []
    assert all(row["clean"] and row["kills"] >= row["purchases"] > 0 for row in told.values())


def test_nothing_is_bought_twice_or_lost_on_the_other_platforms() -> None:
    """Where the client chooses the id, where a person is asked, where throughput is bought: a few places of each."""
    told = _others("request_sent", "answer_begun", "after_in_doubt", "before_empty_look", IN_USE)
    assert {name for row in told.values() for name in row["platforms"]} == {*PLATFORMS} - {*BOTH}
    _assert_clean(told)


@pytest.mark.exhaustive
def test_nor_is_it_at_any_place_there() -> None:
    """Their lesser buyers, who name each attempt anew, ask nobody or wait too little, are played by `make faults`."""
    _assert_clean(_others(*{*JOB_SCENES, *LEASE_SCENES, *ASKED_SCENES}))


def test_every_place_that_the_source_names_is_visited() -> None:
    named = {place for place in places_in_the_source() if not place.startswith(BATCHES)}
    assert {*JOB_SCENES, *LEASE_SCENES} - {*WIRE_PLACES, IN_USE} == named - TRANSFERS
