"""Rules in groups, and the nearest of a name that is none."""

from __future__ import annotations

import pytest

from orchestrator.dataset.rule_groups import _GROUPS, by_group, nearest
from orchestrator.dataset.rules import RULES


def test_every_rule_stands_in_exactly_one_group() -> None:
    members = [rule for group in by_group(RULES).values() for rule in group]
    assert sorted(members) == sorted(RULES)


def test_the_groups_name_no_rule_that_is_not_there() -> None:
    assert {rule for group in _GROUPS.values() for rule in group} <= set(RULES)


def test_a_rule_that_no_group_names_comes_last() -> None:
    assert by_group(["brand-new", "mojibake", "personal-shoe-size"]) == {
        "words": ["mojibake"],
        "secrets and people": ["personal-shoe-size"],
        "others": ["brand-new"],
    }


@pytest.mark.parametrize(
    ("name", "meant"), [("mojibke", "mojibake"), ("LABEL", "rare-label"), ("tool_schemas", "tool-schema")]
)
def test_a_name_nearly_right_finds_its_rule(name: str, meant: str) -> None:
    assert meant in nearest(name, RULES)


def test_a_name_like_nothing_finds_nothing() -> None:
    assert nearest("nonsens", RULES) == []
