"""What the library is given by name: nothing misspelt is passed over, and one stands for several where it may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.config import Config
from orchestrator.errors import UsageError
from orchestrator.options import merge
from orchestrator.settings import RunSettings, Target


def merged(**given: Any) -> RunSettings:
    return merge(Config(), Path("pairs.csv"), **given)


@pytest.mark.parametrize(("name", "near"), [("grup", "group"), ("near_duplicate", "near_duplicates")])
def test_an_unknown_option_is_refused_with_the_nearest_name(name: str, near: str) -> None:
    with pytest.raises(UsageError, match=name) as refused:
        merged(**{name: "x"})
    assert refused.value.fix == f"did you mean {near!r}?"


@pytest.mark.parametrize(
    ("given", "choices"),
    [
        ({"near_duplicates": "drp"}, "drop, warn, refuse"),
        ({"skip": ["foo"]}, "near-duplicates, sensitive"),
        ({"method": "dop"}, "sft, dpo"),
    ],
)
def test_a_wrong_choice_is_refused_with_the_choices(given: dict[str, Any], choices: str) -> None:
    with pytest.raises(UsageError) as refused:
        merged(**given)
    assert refused.value.where in given
    assert choices in refused.value.fix


def test_one_where_several_are_meant_is_taken_as_one() -> None:
    chosen = merged(to="sandbox:small", skip="sensitive", allow_secrets="api-key")
    assert chosen.to == (Target("sandbox", "small"),)
    assert (chosen.policy.skip, chosen.policy.allowed_secrets) == (("sensitive",), ("api-key",))


def test_one_format_is_taken_as_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bedrok-nova"):
        Orchestrator(home=tmp_path).prepare(tmp_path / "absent.csv", tmp_path / "out", formats="bedrok-nova")


@pytest.mark.parametrize("name", ["redact", "test", "validation", "prices"])
def test_a_path_may_be_text(name: str) -> None:
    assert getattr(merged(**{name: "file.json"}), name) == Path("file.json")
