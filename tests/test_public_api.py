"""What the two packages promise: their public names, and the library's verbs and nouns."""

from __future__ import annotations

import inspect

import pytest

import orchestrator
import providers
from orchestrator import AsyncOrchestrator, Orchestrator
from orchestrator.errors import ExitCode

VERBS = {
    "advise", "check", "check_as_is", "compare", "decide", "dry_run", "estimate", "evaluate", "failures", "find_run",
    "limits", "migrate", "prepare", "report", "run", "runs", "submit", "watch", "watch_all", "work",
}  # fmt: skip
NOUNS = {"batches", "budget", "jobs", "leases", "models", "platforms", "webhooks"}


def test_the_public_names_of_the_packages() -> None:
    assert set(orchestrator.__all__) == {"AsyncOrchestrator", "Orchestrator", "__version__"}
    assert set(providers.__all__) == {"TUNEWRIGHT_SEAM", "platform", "platform_names"}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Orkestrator"):
        _ = orchestrator.Orkestrator


def _public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def test_the_verbs_and_nouns_of_the_library() -> None:
    assert _public(Orchestrator) == VERBS | NOUNS
    assert _public(AsyncOrchestrator) == VERBS | NOUNS | {"session", "settings"}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_blocking_verb_takes_what_its_async_twin_takes(verb: str) -> None:
    assert inspect.signature(getattr(Orchestrator, verb)) == inspect.signature(getattr(AsyncOrchestrator, verb))
    assert inspect.iscoroutinefunction(getattr(AsyncOrchestrator, verb))
    assert not inspect.iscoroutinefunction(getattr(Orchestrator, verb))


@pytest.mark.parametrize("noun", sorted(NOUNS))
def test_a_blocking_noun_offers_what_its_async_twin_offers(noun: str) -> None:
    library = Orchestrator()
    blocking, asynchronous = getattr(library, noun), getattr(AsyncOrchestrator(), noun)
    assert _public(type(blocking)) == _public(type(asynchronous))


def test_the_exit_codes_are_the_documented_ones() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "DONE": 0,
        "ERROR": 1,
        "USAGE": 2,
        "DATA_REFUSED": 3,
        "BUDGET_REFUSED": 4,
        "JOB_FAILED": 5,
        "NOT_EARNED": 6,
        "INCONCLUSIVE": 7,
        "STILL_RUNNING": 75,
        "INTERRUPTED": 130,
    }
