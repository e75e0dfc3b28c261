"""Promises of the rules: each defect is found once, where it is, and what happens to the row is the policy's choice."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dataset import RULES, Dataset, PairsRefused, Policy, check, explain, load
from orchestrator.errors import DataRefused, UsageError

Write = Callable[..., Path]
Pairs = Callable[..., list[dict[str, Any]]]

KEY = "sk-proj-" + "A1b2" * 8
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"city": "x"}'}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "required": ["city"]}}}


def user(content: Any = "q") -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any = "a", **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def called(arguments: str = '{"city": "x"}', name: str = "f", id: str = "c1") -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{**CALL, "id": id, "function": {"name": name, "arguments": arguments}}]}


def answered(id: str = "c1") -> dict[str, Any]:
    return {"role": "tool", "content": "1", "tool_call_id": id}


def found(dataset: Dataset) -> list[tuple[str, int | None]]:
    return [(finding.rule, finding.row) for finding in dataset.findings if finding.rule != "few-rows-warning"]


CHATS: list[tuple[dict[str, Any], str]] = [
    ({"messages": [user()]}, "no-final-assistant"),
    ({"messages": [{"role": "system", "content": "s"}, assistant()]}, "no-user-turn"),
    ({"messages": [assistant(), user(), assistant()]}, "role-order"),
    ({"messages": [user(), {"role": "system", "content": "s"}, assistant()]}, "role-order"),
    ({"messages": [user(), assistant(), assistant()]}, "role-order"),
    ({"messages": [user(" \n"), assistant()]}, "blank-input"),
    ({"messages": [user(), assistant("")]}, "blank-answer"),
    ({"messages": [user(), assistant([{"type": "text", "text": " "}])]}, "blank-answer"),
    ({"messages": [user(), assistant(weight=0)]}, "nothing-to-learn"),
    ({"messages": [user(), assistant(weight=True)]}, "weight"),
    ({"messages": [user(), {"role": "narrator", "content": "a"}]}, "role"),
    ({"messages": [user(7), assistant()]}, "content"),
    ({"messages": [user(), assistant(mood="good")]}, "unknown-key"),
    ({"messages": [user(), assistant(function_call={"name": "f", "arguments": "{}"})]}, "deprecated-call"),
    ({"messages": [user(), called()]}, "tool-undeclared"),
    ({"messages": [user(), called(name="g")], "tools": [TOOL]}, "tool-undeclared"),
    ({"messages": [user(), called("")], "tools": [TOOL]}, "tool-arguments"),
    ({"messages": [user(), called("{}")], "tools": [TOOL]}, "tool-arguments"),
    ({"messages": [user(), called('"{\\"city\\": \\"x\\"}"')], "tools": [TOOL]}, "double-encoded"),
    ({"messages": [user(), called(), answered("c2"), assistant()], "tools": [TOOL]}, "tool-call-id"),
    ({"messages": [user(), called(), assistant()], "tools": [TOOL]}, "tool-call-id"),
    ({"messages": [user(), called(id=""), assistant()], "tools": [TOOL]}, "tool-call-id"),
    ({"messages": [user(), answered(), assistant()]}, "tool-call-id"),
    ({"messages": [user(), assistant()], "tools": {"f": 1}}, "tools"),
]


@pytest.mark.parametrize(("row", "rule"), CHATS, ids=[f"{n}-{rule}" for n, (_, rule) in enumerate(CHATS)])
def test_each_defect_of_a_chat_row_is_found_at_its_line(jsonl: Write, row: dict[str, Any], rule: str) -> None:
    good = [{"messages": [user(f"question {n}"), assistant(f"answer {n}")]} for n in range(12)]
    rules = {finding.rule for finding in check(jsonl([*good[:5], row, *good[5:]])).findings if finding.row == 6}
    assert rules == {rule}


def test_tools_that_are_whole_pass(jsonl: Write) -> None:
    row = {"messages": [user(), called(), answered(), assistant()], "tools": [TOOL]}
    assert not [finding for finding in check(jsonl([row])).findings if finding.row]


def test_a_finding_in_a_table_names_the_users_own_column(raw: Write) -> None:
    dataset = check(raw("question,answer\n" + "".join(f"q{n},a{n}\n" for n in range(12)) + "q12,\n"))
    assert (dataset.findings[0].field, dataset.findings[0].row) == ("answer", 13)


def test_blank_rows_are_dropped_with_their_reason(jsonl: Write, pairs: Pairs) -> None:
    dataset = load(jsonl([*pairs(12), {"input": "q", "output": " "}, {"input": "", "output": "a"}]))
    assert [(gone.rule, gone.row) for gone in dataset.dropped] == [("blank-answer", 13), ("blank-input", 14)]


def test_duplicates_are_found_whatever_their_case_and_spacing_and_the_first_is_kept(jsonl: Write, pairs: Pairs) -> None:
    data = pairs(12)
    dataset = load(jsonl([*data, {"input": "  QUESTION  3? ", "output": data[3]["output"]}]))
    finding = dataset.findings[0]
    assert (finding.rule, finding.row, finding.related) == ("exact-duplicate", 13, (4,))
    assert [row.number for row in dataset.rows] == list(range(1, 13))


def test_contradictions_are_warned_about_and_both_rows_stay(jsonl: Write, pairs: Pairs) -> None:
    dataset = load(jsonl([*pairs(12), {"input": "question 3?", "output": "something else"}]))
    finding = dataset.findings[0]
    assert (finding.rule, finding.severity, finding.row, finding.related) == ("contradiction", "warning", 4, (13,))
    assert "something else" in finding.message
    assert len(dataset.rows) == 13


def test_an_accepted_answer_is_no_contradiction(jsonl: Write, pairs: Pairs) -> None:
    data = pairs(12)
    data[3]["accept"] = ["something else"]
    assert found(load(jsonl([*data, {"input": "question 3?", "output": "something else"}]))) == []


def test_contradictions_can_be_dropped_or_refused(jsonl: Write, pairs: Pairs) -> None:
    path = jsonl([*pairs(12), {"input": "question 3?", "output": "something else"}])
    assert len(load(path, policy=Policy(contradictions="drop")).rows) == 11
    with pytest.raises(DataRefused, match="several answers"):
        load(path, policy=Policy(contradictions="refuse"))


def test_duplicates_can_be_kept_by_policy(jsonl: Write, pairs: Pairs) -> None:
    data = pairs(12)
    assert len(load(jsonl([*data, data[0]]), policy=Policy(duplicates="warn")).rows) == 13


def test_a_service_key_refuses_the_data_and_is_never_repeated(jsonl: Write, pairs: Pairs) -> None:
    path = jsonl([*pairs(12), {"input": "my key", "output": f"is {KEY}."}])
    with pytest.raises(PairsRefused) as refused:
        load(path)
    finding = next(finding for finding in refused.value.findings if finding.severity == "error")
    assert (finding.rule, finding.row, finding.field) == ("provider-key", 13, "output")
    assert KEY not in str(refused.value.findings)


@pytest.mark.parametrize(
    "key", [KEY, "AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1" * 18, "AIza" + "b" * 35, "-----BEGIN RSA PRIVATE KEY-----"]
)
def test_key_shapes_are_known(jsonl: Write, key: str) -> None:
    assert ("provider-key", 1) in found(check(jsonl([{"input": "q", "output": f"use {key} here"}])))


@pytest.mark.parametrize("words", ["ask-me-anything-about-the-project-plan", "risk-proj-abc", "AKIA is a brand", "sk-"])
def test_ordinary_words_are_no_keys(jsonl: Write, words: str) -> None:
    assert ("provider-key", 1) not in found(check(jsonl([{"input": "q", "output": words}])))


def test_three_rows_are_refused_saying_how_many_are_needed(jsonl: Write, pairs: Pairs) -> None:
    with pytest.raises(DataRefused, match="3 usable row"):
        load(jsonl(pairs(3)))


@pytest.mark.parametrize(
    ("count", "rules"),
    [(99, {"few-rows-warning"}), (100, {"few-rows-warning"}), (500, set()), (5000, set()), (5001, {"many-rows"})],
)
def test_the_number_of_rows_is_judged_at_100_500_and_5000(
    jsonl: Write, pairs: Pairs, count: int, rules: set[str]
) -> None:
    dataset = load(jsonl(pairs(count)))
    assert {finding.rule for finding in dataset.findings} == rules


def test_one_answer_for_everything_is_warned_about(jsonl: Write, pairs: Pairs) -> None:
    assert ("one-label", None) in found(load(jsonl(pairs(12, ("yes",)))))


def test_plain_text_is_read_and_said_to_be_incomparable(jsonl: Write) -> None:
    dataset = load(jsonl([{"text": f"document {n}"} for n in range(12)]))
    assert found(dataset) == [("plain-text", None)]
    assert len(dataset.split.train) == 10


def test_every_row_read_is_kept_or_listed_as_dropped(jsonl: Write, pairs: Pairs) -> None:
    data = pairs(20)
    dataset = check(jsonl([*data, data[0], {"input": "x", "output": ""}, {"wrong": 1}, ["list"], {"input": "y"}]))
    numbers = sorted([row.number for row in dataset.rows] + [gone.row for gone in dataset.dropped])
    assert numbers == list(range(1, 26))


def test_a_refusal_names_the_first_place_and_counts_the_rest(jsonl: Write, pairs: Pairs) -> None:
    with pytest.raises(PairsRefused) as refused:
        load(jsonl([*pairs(12), ["list"], ["list"]]))
    assert "(and 1 more)" in refused.value.what
    assert refused.value.where.endswith("pairs.jsonl, line 13")
    assert refused.value.exit_code == 3


def test_a_refusal_survives_pickling_with_its_findings(jsonl: Write, pairs: Pairs) -> None:
    with pytest.raises(PairsRefused) as refused:
        load(jsonl(pairs(3)))
    assert pickle.loads(pickle.dumps(refused.value)).findings == refused.value.findings


def test_every_rule_says_why_and_how_to_fix_it() -> None:
    assert all(rule.why.endswith(".") and rule.fix for rule in RULES.values())
    assert explain("blank-answer").policy == "blank"
    with pytest.raises(UsageError) as refused:
        explain("blank-anser")
    assert "blank-answer" in refused.value.fix


def test_the_summary_is_plain_json(jsonl: Write, pairs: Pairs) -> None:
    import json

    dataset = check(jsonl([*pairs(30, ("a", "b", "c")), {"input": "x", "output": ""}]))
    summary = json.loads(json.dumps(dataset.to_json()))
    assert summary["rows"] == 30
    assert summary["labels"] == {"a": 10, "b": 10, "c": 10}
    assert summary["findings"][0]["rule"] == "blank-answer"


def test_a_preference_and_its_opposite_contradict_each_other(jsonl: Write) -> None:
    rows = [{"prompt": f"question {n}?", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(20)]
    dataset = check(jsonl([*rows, {"prompt": "question 3?", "chosen": "bad 3", "rejected": "good 3"}]))
    assert [(one.row, one.related) for one in dataset.findings if one.rule == "contradiction"] == [(21, (4,))]
