"""The document's advice: the outcome follows the questions, what is not known is asked, nothing is guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.costing import Advice, AdviceInput, DataFacts, advise, data_facts
from orchestrator.dataset import check
from orchestrator.errors import UsageError

READY = AdviceInput(
    data=DataFacts(rows=600, held_out=60),
    domain_expertise=True,
    production=True,
    expected_improvement=Decimal("0.30"),
    real_time=False,
    situation="none",
    maintenance_planned=True,
    general_check=True,
)


def changed(**answers: Any) -> Advice:
    return advise(replace(READY, **answers))


def status(told: Advice, mistake: str) -> str:
    return next(found.status for found in told.mistakes if found.id == mistake)


def test_when_all_five_answers_speak_for_it_the_outcome_is_to_tune() -> None:
    told = advise(READY)
    assert (told.outcome, told.provisional, told.questions) == ("tune", False, ())
    assert all(found.status == "ok" for found in told.mistakes)


@pytest.mark.parametrize(
    ("gain", "outcome"),
    [("0.09", "prompt first"), ("0.10", "prompt first"), ("0.20", "prompt first"), ("0.21", "tune")],
)
def test_only_a_gain_over_twenty_percent_speaks_for_tuning(gain: str, outcome: str) -> None:
    assert changed(expected_improvement=Decimal(gain)).outcome == outcome


def test_a_gain_under_ten_percent_is_named_as_the_reason_to_skip() -> None:
    assert "under 10%" in changed(expected_improvement=Decimal("0.099")).reasons[0]
    assert "under 10%" not in changed(expected_improvement=Decimal("0.10")).reasons[0]


@pytest.mark.parametrize(("rows", "outcome"), [(499, "collect data"), (500, "tune")])
def test_five_hundred_rows_are_enough(rows: int, outcome: str) -> None:
    assert changed(data=DataFacts(rows=rows, held_out=1)).outcome == outcome


@pytest.mark.parametrize(("rows", "found"), [(99, "risk"), (100, "ok")])
def test_under_a_hundred_rows_a_model_memorises(rows: int, found: str) -> None:
    told = changed(data=DataFacts(rows=rows))
    assert status(told, "too_few") == found
    assert ("memorises" in " ".join(told.reasons)) == (found == "risk")


def test_information_that_changes_calls_for_retrieval_whatever_else_is_said() -> None:
    told = advise(AdviceInput(real_time=True))
    assert (told.outcome, told.provisional) == ("RAG", False)


@pytest.mark.parametrize("answer", ["domain_expertise", "production"])
def test_a_no_to_expertise_or_production_means_prompting_first(answer: str) -> None:
    assert changed(**{answer: False}).outcome == "prompt first"


@pytest.mark.parametrize(
    ("situation", "outcome", "saving"),
    [
        ("general_knowledge", "prompt first", "$1,000-$10,000"),
        ("general_content", "prompt first", "$5,000-$20,000"),
        ("early_prototype", "prompt first", "cost of tuning"),
        ("general_education", "prompt first", "$3,000-$15,000"),
        ("changing_information", "RAG", "whole investment"),
    ],
)
def test_each_situation_has_its_better_approach_and_what_skipping_saves(
    situation: str, outcome: str, saving: str
) -> None:
    told = changed(situation=situation)
    assert told.outcome == outcome
    assert saving in " ".join(told.reasons)


def test_what_the_data_cannot_answer_is_asked_with_its_flag() -> None:
    told = advise(AdviceInput(data=DataFacts(rows=600)))
    asked = {question.id for question in told.questions}
    assert asked == {"domain_expertise", "production", "expected_improvement", "real_time", "situation"}
    assert all(question.flag.startswith("--") for question in told.questions)


@given(st.sampled_from(["domain_expertise", "production", "expected_improvement", "real_time", "data"]))
def test_an_open_question_never_ends_in_tune(missing: str) -> None:
    told = changed(**{missing: None})
    assert told.outcome != "tune"


def test_an_outcome_with_open_questions_is_provisional() -> None:
    assert advise(AdviceInput(data=DataFacts(rows=600))).provisional


def test_trouble_in_the_data_is_counted_under_low_quality() -> None:
    data = DataFacts(rows=600, duplicates=3, unusable=2, contradictory_inputs=4, labels={"a": 590, "b": 4}, held_out=60)
    found = changed(data=data).mistakes[0]
    assert found.status == "risk"
    assert "3 duplicate rows, 2 unusable rows, 4 inputs" in found.detail
    assert "1 labels with fewer than 5 rows" in found.detail


def test_mistakes_that_only_the_user_can_rule_out_are_unknown_until_said() -> None:
    told = changed(maintenance_planned=None, general_check=False)
    assert status(told, "no_maintenance") == "unknown"
    assert status(told, "over_specialising") == "risk"


def test_nothing_held_out_is_a_risk() -> None:
    assert status(changed(data=DataFacts(rows=600, held_out=0)), "not_validating") == "risk"


def test_the_document_is_told_in_full() -> None:
    told = advise(READY)
    counts = (len(told.answers), len(told.mistakes), len(told.situations), len(told.approaches), len(told.domains))
    assert counts == (5, 5, 5, 4, 15)


def test_a_domain_says_what_it_asks_of_its_data() -> None:
    domain = changed(domain="medicine").domain
    assert domain is not None
    assert "de-identified" in domain["data"]


@pytest.mark.parametrize(("field", "value", "near"), [("domain", "medecine", "medicine"), ("situation", "general", "")])
def test_an_unknown_domain_or_situation_is_refused_with_the_nearest(field: str, value: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        changed(**{field: value})
    assert near in caught.value.fix


def test_the_advice_is_plain_json() -> None:
    assert json.loads(json.dumps(advise(READY).to_json()))["outcome"] == "tune"


def test_data_facts_are_read_from_a_checked_dataset(tmp_path: Path) -> None:
    pairs = [("where?", "a"), (" where? ", "b"), ("when?", "a"), ("when?", "a"), ("who?", " ")]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"input": asked, "output": said}) + "\n" for asked, said in pairs))
    found = data_facts(check(path))
    assert found == DataFacts(rows=3, duplicates=1, unusable=1, contradictory_inputs=1, labels=None, held_out=0)
