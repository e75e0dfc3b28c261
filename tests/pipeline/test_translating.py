"""Hyperparameters in another platform's words: what is carried, what is not, and why; nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest

import providers
from orchestrator.pipeline.translating import Carried, Translation, chosen_there, source_settings, translate
from providers.errors import Unsupported
from providers.evaluation_only import EvaluationOnlyPlatform
from providers.records import Hyperparameters, Method, Recipe
from providers.settings import Setting, complete, refuse_unusable

MODELS = {"openai": "gpt-4.1-mini-2025-04-14", "together": "Qwen/Qwen3-8B", "sandbox": "small", "stepwise": "any"}


class Stepwise(EvaluationOnlyPlatform):
    """A platform that takes steps in place of epochs, and a rank under another name."""

    name = "stepwise"

    def recipe(self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
        taken = dict.fromkeys(("max_steps", "batch_size", "lora_rank"), Setting(kind="int", low=1))
        refuse_unusable(given, taken, {}, self.name)
        return complete(given, {"max_steps": (100, "a cautious start")})


def _to(platform: Any, source: Hyperparameters, given: Hyperparameters | None = None, **more: Any) -> Translation:
    return translate(source, given or Hyperparameters(), platform, MODELS[platform.name], Method.SFT, 800, 80, **more)


def _line(found: Translation, setting: str) -> Carried:
    (line,) = [line for line in found.lines if line.setting == setting]
    return line


def test_epochs_become_steps_where_the_batch_size_is_known() -> None:
    found = _to(Stepwise(), Hyperparameters(epochs=3, batch_size=16))
    assert found.hyperparameters.extra["max_steps"] == 150
    assert _line(found, "epochs").text.startswith("epochs 3 → max_steps 150: 800 rows / 16 a step × 3 epochs")


def test_epochs_stay_behind_where_steps_would_be_a_guess() -> None:
    found = _to(Stepwise(), Hyperparameters(epochs=3))
    assert _line(found, "epochs").new is None
    assert "batch size" in _line(found, "epochs").reason
    assert _line(found, "preset").name == "max_steps"


def test_steps_become_whole_epochs() -> None:
    found = _to(providers.platform("together"), Hyperparameters(batch_size=16, extra={"max_steps": 160}))
    assert found.hyperparameters.epochs == 3
    assert "rounded" in _line(found, "steps").reason


def test_a_rank_goes_under_the_name_it_has_there() -> None:
    found = _to(Stepwise(), Hyperparameters(extra={"lora_r": 16}))
    assert found.hyperparameters.extra["lora_rank"] == 16
    assert "lora_rank 16" in _line(found, "LoRA rank").text


def test_rank_and_alpha_go_together_whatever_their_order() -> None:
    found = _to(providers.platform("together"), Hyperparameters(extra={"lora_alpha": 32, "lora_rank": 16}))
    assert found.hyperparameters.extra == {"lora_r": 16, "lora_alpha": 32}


def test_a_multiplier_is_never_made_an_absolute_rate() -> None:
    found = _to(providers.platform("together"), Hyperparameters(extra={"learning_rate_multiplier": 1.8}))
    assert found.hyperparameters.learning_rate is None
    assert _line(found, "learning-rate multiplier").new is None


def test_an_absolute_rate_is_never_made_a_multiplier() -> None:
    found = _to(providers.platform("openai"), Hyperparameters(learning_rate=1e-4))
    assert found.hyperparameters == Hyperparameters()
    assert "multiplier" in _line(found, "learning rate").reason


def test_an_absolute_rate_is_carried_where_one_is_taken() -> None:
    found = _to(providers.platform("together"), Hyperparameters(learning_rate=3e-4))
    assert found.hyperparameters.learning_rate == 3e-4


def test_what_the_account_refuses_is_told_and_not_sent() -> None:
    found = _to(
        providers.platform("together"), Hyperparameters(batch_size=1), refused={"batch_size": "batch_size: too small"}
    )
    assert found.hyperparameters.batch_size is None
    assert _line(found, "batch size").reason == "batch_size: too small"


def test_a_checkpoint_of_the_old_platform_stays_behind() -> None:
    found = _to(providers.platform("together"), Hyperparameters(extra={"from_checkpoint": "ft-1"}))
    assert found.hyperparameters.extra == {}


def test_what_the_user_says_goes_before_and_silences_what_it_replaces() -> None:
    found = _to(
        providers.platform("together"),
        Hyperparameters(epochs=3, extra={"learning_rate_multiplier": 2.0}),
        Hyperparameters(epochs=5, learning_rate=1e-5),
    )
    assert (found.hyperparameters.epochs, found.hyperparameters.learning_rate) == (5, 1e-5)
    assert not [line for line in found.lines if line.setting == "learning-rate multiplier"]


def test_what_the_user_says_is_refused_by_name_where_it_is_not_taken() -> None:
    with pytest.raises(Unsupported, match="learning_rate"):
        _to(providers.platform("openai"), Hyperparameters(), Hyperparameters(learning_rate=1e-5))


def test_what_was_never_told_is_said_to_be_unknown() -> None:
    found = _to(providers.platform("together"), Hyperparameters(epochs=2))
    for setting in ("learning rate", "batch size", "adapter or full weights", "LoRA rank and alpha"):
        assert (_line(found, setting).old, _line(found, setting).new) == (None, None)


def test_every_translation_has_a_reason() -> None:
    everything = Hyperparameters(
        epochs=3, learning_rate=1e-4, batch_size=8, seed=1, lora=True, extra={"lora_r": 8, "odd": "x"}
    )
    for name in ("openai", "together", "sandbox"):
        assert all(line.reason for line in _to(providers.platform(name), everything).lines)


def test_the_plan_goes_before_what_the_platform_tells_and_auto_is_no_value() -> None:
    told = source_settings(
        Hyperparameters(epochs=2, extra={"beta": 0.1}),
        Hyperparameters(epochs=9, batch_size=4, extra={"learning_rate_multiplier": "auto", "shape": {"a": 1}}),
    )
    assert told == Hyperparameters(epochs=2, batch_size=4, extra={"beta": 0.1})


def test_a_batch_size_that_the_old_platform_chose_goes_only_where_its_rate_goes() -> None:
    """A thousandth as a rate, with one row a step, undoes a small model; with four it does not."""
    alone = Hyperparameters(batch_size=16, extra={"learning_rate_multiplier": 2.0})
    chosen = {"chosen_there": {"batch_size", "learning_rate_multiplier"}}
    left = _to(providers.platform("together"), alone, **chosen)
    assert (left.hyperparameters.batch_size, _line(left, "batch size").new) == (None, None)
    assert "a rate that is not carried" in _line(left, "batch size").reason
    with_rate = _to(providers.platform("together"), Hyperparameters(batch_size=16, learning_rate=1e-4), **chosen)
    assert with_rate.hyperparameters.batch_size == 16
    wished = _to(providers.platform("together"), alone)
    assert wished.hyperparameters.batch_size == 16


def test_what_the_old_platform_chose_is_what_nobody_asked_for() -> None:
    planned = Hyperparameters(epochs=3, seed=7)
    trained = Hyperparameters(epochs=3, batch_size=1, seed=7, extra={"learning_rate_multiplier": 2.0})
    assert chosen_there(planned, trained) == {"batch_size", "learning_rate_multiplier"}
