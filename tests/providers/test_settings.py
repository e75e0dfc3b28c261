"""Hyperparameters are sent as given or refused by name; presets fill only what was left open."""

from __future__ import annotations

from typing import Any

import pytest

from providers.errors import Unsupported
from providers.records import Hyperparameters
from providers.settings import Setting, complete, refusal, refuse_unusable

TABLE = {
    "epochs": Setting(kind="int", low=1, high=50),
    "rate": Setting(kind="float", above=0, words=("auto",)),
    "flag": Setting(kind="bool"),
    "kind": Setting(kind="text", words=("cosine", "linear")),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 1), ("epochs", 50), ("rate", 0.1), ("rate", 2), ("rate", "auto"), ("flag", False), ("kind", "linear")],
)
def test_a_good_value_is_not_refused(name: str, value: Any) -> None:
    assert refusal(name, value, TABLE) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 51),
        ("epochs", 2.0),
        ("epochs", True),
        ("epochs", "3"),
        ("rate", 0),
        ("rate", "max"),
        ("rate", float("nan")),
        ("flag", 1),
        ("kind", "step"),
        ("unheard", 1),
    ],
)
def test_a_bad_value_is_refused(name: str, value: Any) -> None:
    assert refusal(name, value, TABLE)


def test_a_refusal_names_the_setting_and_proves_that_nothing_was_sent() -> None:
    with pytest.raises(Unsupported, match="epochs: 51 is above 50") as refused:
        refuse_unusable(Hyperparameters(epochs=51), TABLE, {}, "here")
    assert refused.value.nothing_created


def test_a_near_miss_is_told() -> None:
    with pytest.raises(Unsupported) as refused:
        refuse_unusable(Hyperparameters(extra={"epoch": 3}), TABLE, {}, "here")
    assert refused.value.fix == "did you mean 'epochs'?"


def test_a_reason_for_a_known_mistake_comes_first() -> None:
    with pytest.raises(Unsupported, match="takes a factor"):
        refuse_unusable(Hyperparameters(learning_rate=0.1), TABLE, {"learning_rate": "takes a factor"}, "here")


def test_presets_fill_only_what_is_open() -> None:
    recipe = complete(Hyperparameters(epochs=5), {"epochs": (3, "why"), "seed": (7, "fixed"), "rate": (0.1, "small")})
    assert recipe.hyperparameters == Hyperparameters(epochs=5, seed=7, extra={"rate": 0.1})
    assert recipe.reasons == {"seed": "fixed", "rate": "small"}


def test_false_is_a_choice_and_not_an_opening() -> None:
    assert complete(Hyperparameters(lora=False), {"lora": (True, "cheap")}).hyperparameters.lora is False
