"""Preference rows the whole way through the library, and rows of the wrong kind refused before anything is spent."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.config import Config, RuleConfig
from orchestrator.errors import UsageError
from providers.errors import Unsupported

SAMPLE = Path(__file__).parents[2] / "samples/support_replies.jsonl"
GIVEN: dict[str, Any] = {"method": "dpo", "to": ["sandbox:small"]}


@pytest.fixture
def orchestrator(tmp_path: Path) -> Orchestrator:
    """The sample holds out ten prompts, which the rule must be told to trust."""
    return Orchestrator(tmp_path / "home", config=Config(rule=RuleConfig(min_prompts=10)), environ={})


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rows = ({"input": f"question {n}", "output": ("yes", "no")[n % 2]} for n in range(40))
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_model_trained_by_preference_beats_its_base_on_held_out_prompts(orchestrator: Orchestrator) -> None:
    result = orchestrator.run(SAMPLE, max_usd=Decimal(5), **GIVEN)
    assert result.verdict == "deploy"
    assert result.quote is not None
    assert result.quote.method == "dpo"
    assert result.report.exists()


def test_the_same_preferences_again_are_the_same_job(orchestrator: Orchestrator) -> None:
    first = orchestrator.submit(SAMPLE, max_usd=Decimal(5), **GIVEN)
    again = orchestrator.submit(SAMPLE, max_usd=Decimal(5), **GIVEN)
    assert first.intent_id == again.intent_id
    assert len(orchestrator.jobs.ls()) == 1


def test_another_beta_is_another_job(orchestrator: Orchestrator) -> None:
    first = orchestrator.submit(SAMPLE, max_usd=Decimal(5), **GIVEN)
    other = orchestrator.submit(SAMPLE, max_usd=Decimal(5), beta=0.5, **GIVEN)
    assert first.intent_id != other.intent_id


def test_preference_training_goes_on_from_a_supervised_model(orchestrator: Orchestrator) -> None:
    before = orchestrator.run(SAMPLE, input="prompt", output="chosen", to=["sandbox:small"], max_usd=Decimal(5))
    assert before.job is not None
    after = orchestrator.run(SAMPLE, method="dpo", to=[f"sandbox:{before.job.tuned_model}"], max_usd=Decimal(5))
    assert after.judged.comparison.base > 0.5
    assert after.job is not None
    assert after.job.tuned_model != before.job.tuned_model


Verb = Callable[[Orchestrator, Path, Path, str], object]
VERBS: list[Verb] = [
    lambda tune, rows, _out, method: tune.estimate(rows, to=["sandbox:small"], method=method),
    lambda tune, rows, out, method: tune.prepare(rows, out, to=["sandbox:small"], method=method),
    lambda tune, rows, _out, method: tune.dry_run(rows, to=["sandbox:small"], method=method),
    lambda tune, rows, _out, method: tune.submit(rows, to=["sandbox:small"], method=method, max_usd=Decimal(5)),
]


@pytest.mark.parametrize("verb", VERBS)
def test_preferences_for_supervised_training_are_refused_with_the_way_out(
    orchestrator: Orchestrator, tmp_path: Path, verb: Verb
) -> None:
    with pytest.raises(UsageError, match="preferred and a rejected answer") as refused:
        verb(orchestrator, SAMPLE, tmp_path / "out", "sft")
    assert "--method dpo" in str(refused.value.fix)


@pytest.mark.parametrize("verb", VERBS)
def test_pairs_for_preference_training_are_refused_with_the_way_out(
    orchestrator: Orchestrator, tmp_path: Path, pairs: Path, verb: Verb
) -> None:
    with pytest.raises(UsageError, match="one answer each") as refused:
        verb(orchestrator, pairs, tmp_path / "out", "dpo")
    assert "--method sft" in str(refused.value.fix)


def test_a_model_that_takes_no_preferences_is_refused_with_those_that_do(orchestrator: Orchestrator) -> None:
    with pytest.raises(Unsupported, match="gpt-4o-mini-2024-07-18 does not train by it; these do"):
        orchestrator.estimate(SAMPLE, method="dpo", to=["openai:gpt-4o-mini-2024-07-18"])


def test_models_are_compared_on_preference_rows_whatever_the_method(orchestrator: Orchestrator) -> None:
    trained = orchestrator.run(SAMPLE, max_usd=Decimal(5), **GIVEN)
    assert trained.job is not None
    tuned = f"sandbox:{trained.job.tuned_model}"
    result = orchestrator.compare(SAMPLE, base="sandbox:small", tuned=tuned, max_usd=Decimal(5))
    assert result.judged.comparison.n == trained.judged.comparison.n
    assert result.judged.comparison.difference > 0
