"""`jobs audit`: what this ledger does not know is shown with what to do about it, and doing that settles it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")
SPEND = ("--yes", "--max-usd", "500")
TAG = f"tw-{'a' * 16}"


@pytest.fixture
def audited(server: Any) -> Iterator[Any]:
    """A platform that holds nothing of earlier tests."""
    for wire in ("openai", "together"):
        for seen in server.world.book.views(wire):
            server.world.delete_job(seen.job.id)
    yield server
    for machine in server.world.serving.deployments.all():
        server.world.serving.delete(machine)
    for endpoint in server.world.serving.endpoints.all():
        server.world.serving.endpoints.drop(endpoint.id)


@pytest.fixture
def machine(audited: Any) -> str:
    """An endpoint with our tag and a deployment that bills, of which no ledger knows."""
    serving = audited.world.serving
    endpoint = serving.create_endpoint(TAG, "VISIBILITY_PRIVATE")
    serving.deploy(endpoint, TAG, model="Qwen/Qwen3-8B", instance="1xnvidia-h100-80gb", replicas=1, request={})
    return str(endpoint.id)


def test_a_fresh_folder_shows_a_job_bought_elsewhere_until_it_is_adopted(
    tunewright: Any, pairs: Path, audited: Any, tmp_path: Path
) -> None:
    bought = tunewright("submit", pairs, *TO, *SPEND, "--json", env=audited.environ).json["job"]
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    shown = tunewright("jobs", "audit", "openai", env=audited.environ, cwd=fresh)
    assert shown.code == 1
    assert f"tunewright jobs adopt openai:{bought}" in shown.out
    tunewright("jobs", "adopt", f"openai:{bought}", env=audited.environ, cwd=fresh)
    assert tunewright("jobs", "audit", "openai", env=audited.environ, cwd=fresh).code == 0


def test_a_machine_that_nobody_knows_is_shown_until_it_is_stopped(tunewright: Any, audited: Any, machine: str) -> None:
    shown = tunewright("jobs", "audit", "together", "--json", env=audited.environ)
    assert (shown.code, [lease["id"] for lease in shown.json["unknown_leases"]]) == (1, [machine])
    assert tunewright("leases", "stop", f"together:{machine}", env=audited.environ).code == 0
    assert tunewright("jobs", "audit", "together", env=audited.environ).code == 0


def test_a_machine_without_our_tag_is_not_ours_to_stop(tunewright: Any, audited: Any) -> None:
    endpoint = audited.world.serving.create_endpoint("theirs", "VISIBILITY_PRIVATE")
    answer = tunewright("leases", "stop", f"together:{endpoint.id}", "--json", env=audited.environ)
    assert (answer.code, "does not carry our tag" in answer.error["what"]) == (2, True)


def test_all_asks_every_platform_whose_key_is_at_hand_and_names_the_others(
    tunewright: Any, audited: Any, machine: str
) -> None:
    environ = {key: value for key, value in audited.environ.items() if not key.startswith("OPENAI")}
    answer = tunewright("jobs", "audit", "--all", "--json", env=environ)
    found = {row["provider"]: row for row in answer.json["audits"]}
    assert (answer.code, len(found["together"]["differences"])) == (1, 1)
    assert "OPENAI_API_KEY" in found["openai"]["not_asked"][0]


@pytest.mark.parametrize("words", [(), ("openai", "--all")])
def test_one_platform_or_all_of_them(tunewright: Any, words: tuple[str, ...]) -> None:
    assert tunewright("jobs", "audit", *words, "--json").code == 2
