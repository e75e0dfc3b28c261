"""Guards against forgetting in a whole run on the sandbox: asked, paid, judged, and told again from the ledger."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from orchestrator import Orchestrator
from orchestrator.config import Config, RuleConfig
from orchestrator.errors import UsageError
from orchestrator.jobs.desk import Notice
from orchestrator.options import merge
from orchestrator.pipeline.quoting import guards_general
from orchestrator.pipeline.result import RunResult

WORDS = ("refund", "parcel", "invoice", "battery")


def pairs(path: Path, numbers: range) -> Path:
    rows = (json.dumps({"input": f"question {n} about a {WORDS[n % 4]}", "output": WORDS[n % 4]}) for n in numbers)
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def heard() -> list[Notice]:
    return []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="module")
def orchestrator(place: Path, heard: list[Notice]) -> Orchestrator:
    return Orchestrator(place / "home", environ={}, on_notice=heard.append)


@pytest.fixture(scope="module")
def guarded(orchestrator: Orchestrator, place: Path) -> RunResult:
    similar = pairs(place / "similar.jsonl", range(300, 330))
    return orchestrator.run(
        pairs(place / "pairs.jsonl", range(80)), to=["sandbox:small"], max_usd=Decimal(5), general=True, similar=similar
    )


def test_both_sets_are_judged_and_shown(guarded: RunResult) -> None:
    assert [(one.name, one.n) for one in guarded.judged.guarded] == [("general", 175), ("similar", 30)]
    assert {one.name for one in guarded.judged.verdict.guardrails} == {"general", "similar"}
    assert {part.label for part in guarded.judged.guarded[0].parts} >= {"arithmetic", "safety"}


def test_what_was_asked_for_by_name_gets_the_usual_margin_into_the_recorded_rule(guarded: RunResult) -> None:
    assert (guarded.judged.rule.general_margin, guarded.judged.rule.similar_margin) == (0.05, 0.05)


def test_it_is_quoted_and_billed(guarded: RunResult) -> None:
    assert guarded.quote is not None
    parts = {line.part for line in guarded.quote.lines if line.item == "evaluation"}
    assert parts == {"base", "tuned", "general, base", "general, tuned", "similar, base", "similar, tuned"}
    quoted = sum(line.high_usd or 0 for line in guarded.quote.lines if line.item == "evaluation")
    assert guarded.billed.evaluation_usd is not None
    assert 0 < guarded.billed.evaluation_usd <= quoted


def test_a_sandbox_says_that_its_models_know_nothing_general(guarded: RunResult, heard: list[Notice]) -> None:
    assert any("know nothing general" in notice.text for notice in heard)


def test_deciding_again_needs_neither_key_nor_file(orchestrator: Orchestrator, guarded: RunResult, place: Path) -> None:
    (place / "similar.jsonl").unlink()
    again = orchestrator.decide(guarded.run.id)
    assert again.judged.guarded == guarded.judged.guarded
    assert again.billed.evaluation_usd == guarded.billed.evaluation_usd


def test_similar_tasks_that_cannot_be_read_are_refused_before_anything_is_bought(
    orchestrator: Orchestrator, place: Path
) -> None:
    before = len(orchestrator.runs())
    with pytest.raises(UsageError, match="no such file"):
        orchestrator.run(
            pairs(place / "more.jsonl", range(80)),
            to=["sandbox:small"],
            max_usd=Decimal(5),
            similar=place / "none.jsonl",
        )
    assert len(orchestrator.runs()) == before


@pytest.mark.parametrize(
    ("cap", "serving", "sandbox", "asked"),
    [
        (Decimal(5), "serverless", False, True),
        (None, "serverless", False, False),
        (Decimal(5), "dedicated", False, False),
        (Decimal(5), "serverless", True, False),
    ],
)
def test_unasked_the_general_prompts_are_asked_only_where_a_cap_bounds_them_and_nothing_is_rented(
    cap: Decimal | None, serving: str, sandbox: bool, asked: bool
) -> None:
    settings = merge(Config(), Path("pairs.jsonl"), max_usd=cap)
    assert guards_general(settings, serving, sandbox=sandbox) is asked
    assert guards_general(merge(Config(), Path("p"), general=True), serving, sandbox=sandbox)
    assert not guards_general(merge(Config(), Path("p"), general=False, max_usd=cap), serving, sandbox=sandbox)


def test_a_rule_of_the_configuration_keeps_its_own_margin() -> None:
    config = Config(rule=RuleConfig(general_margin=0.02, must_beat=("prompt",)))
    rule = merge(config, Path("p"), general=True).rule
    assert (rule.general_margin, rule.must_beat) == (0.02, ("prompt",))
    assert merge(Config(), Path("p")).rule.general_margin is None
