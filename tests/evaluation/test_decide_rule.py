"""The rule's name is its hash, and a rule that makes no sense is refused."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.evaluation.decide import Rule
from orchestrator.ledger.codec import dump, load_json


def test_the_default_rules_hash_stays_what_it_was() -> None:
    assert Rule().sha256 == "sha256:2cfebd87accc02f2804a9b0c3dfe842815aa48a0939481a5d10a88d29d5f798f"


def test_the_same_rule_has_the_same_hash_however_its_numbers_are_written() -> None:
    assert Rule(max_cost_ratio=2).sha256 == Rule(max_cost_ratio=2.0).sha256


@pytest.mark.parametrize(
    "change",
    [
        {"confidence": 0.9},
        {"improvement": "points"},
        {"deploy_at": 0.21},
        {"skip_below": 0.11},
        {"max_missing": 0.02},
        {"max_latency_ratio": 2.0},
        {"max_cost_ratio": 2.0},
        {"min_prompts": 30},
        {"metric": "exact"},
        {"metrics": ("f1",)},
        {"must_beat": ("also1",)},
        {"general_margin": 0.05},
        {"similar_margin": 0.05},
        {"safety_margin": 0.01},
    ],
)
def test_every_setting_changes_the_hash(change: dict[str, Any]) -> None:
    assert Rule(**change).sha256 != Rule().sha256


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"confidence": 1.0}, "confidence"),
        ({"confidence": 0.4}, "confidence"),
        ({"improvement": "vibes"}, "improvement"),
        ({"deploy_at": float("nan")}, "deploy_at"),
        ({"skip_below": 0.3}, "skip_below"),
        ({"skip_below": -0.1}, "skip_below"),
        ({"max_missing": 1.1}, "max_missing"),
        ({"max_latency_ratio": 0.0}, "max_latency_ratio"),
        ({"max_cost_ratio": float("inf")}, "max_cost_ratio"),
        ({"general_margin": 0.0}, "general_margin"),
        ({"safety_margin": 1.0}, "safety_margin"),
        ({"must_beat": ("alsso1",)}, "must_beat"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_name(wrong: dict[str, Any], where: str) -> None:
    with pytest.raises(UsageError) as refused:
        Rule(**wrong)
    assert refused.value.where == where


def test_the_lines_may_fall_together() -> None:
    assert Rule(deploy_at=0.1, skip_below=0.1).limits == {}


def test_a_rule_read_back_from_the_ledger_is_the_same() -> None:
    rule = Rule(must_beat=("also1", "prompt"), metrics=("f1",), general_margin=0.05)
    again = Rule(**load_json(dump(rule)))
    assert (again, again.sha256) == (rule, rule.sha256)
