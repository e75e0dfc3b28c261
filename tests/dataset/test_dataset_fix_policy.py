"""Rows with safe fixes on: what is read, judged, split and read again is the mended row, and each fix is listed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dataset import Dataset, Policy, Split, check, load
from orchestrator.ledger.codec import dump
from orchestrator.ledger.codec import load as decode

Write = Callable[..., Path]
_FIX = Policy(fix=True)


def _rows(count: int = 30) -> list[dict[str, Any]]:
    return [{"input": f"question {n}?\r\nIt is number {n * 7}.", "output": f"label {n % 3}"} for n in range(count)]


def test_rows_are_mended_each_time_they_are_read(jsonl: Write) -> None:
    dataset = load(jsonl(_rows()), policy=_FIX)
    for _ in range(2):
        assert not any("\r" in row.example.messages[0].text for row in dataset.rows)
    assert dataset.rows[3].example.messages[0].text == "question 3?\nIt is number 21."


def test_every_fix_is_listed_with_its_row_and_column(jsonl: Write) -> None:
    dataset = load(jsonl(_rows(), "pairs.jsonl"), policy=_FIX)
    assert [row.row for row in dataset.fixed] == list(range(1, 31))
    assert {row.fixed.rule for row in dataset.fixed} == {"line-ends"}


def test_without_the_policy_nothing_is_mended(jsonl: Write) -> None:
    dataset = load(jsonl(_rows()))
    assert dataset.fixed == ()
    assert "\r" in dataset.rows[0].example.messages[0].text


def test_what_was_an_error_only_by_its_form_can_be_used(jsonl: Write) -> None:
    answer = {"role": "assistant", "content": "a fine answer", "weight": True}
    rows = [{"messages": [{"role": "User", "content": f"hello {n}"}, answer]} for n in range(20)]
    path = jsonl(rows)
    assert check(path).errors
    dataset = check(path, policy=_FIX)
    assert not dataset.errors
    assert Counter(row.fixed.rule for row in dataset.fixed) == {"role": 20, "weight": 20}
    assert dataset.rows[0].example.messages[1].weight == 1


def test_rows_that_differ_only_in_what_is_mended_are_duplicates(jsonl: Write) -> None:
    row = {"input": "one and the same", "output": "a"}
    dataset = load(jsonl([*_rows(), row, {**row, "input": "\ufeffone and the same\0"}]), policy=_FIX)
    assert [(item.row, item.rule) for item in dataset.dropped] == [(32, "exact-duplicate")]


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.json"])
def test_other_formats_are_mended_too(raw: Write, name: str) -> None:
    rows = [{"input": f"cafe\u0301 {n}", "output": "x"} for n in range(20)]
    text = "input,output\n" + "".join(f"{row['input']},{row['output']}\n" for row in rows)
    dataset = load(raw(text if name.endswith("csv") else json.dumps(rows), name), policy=_FIX)
    assert dataset.rows[5].example.messages[0].text == "café 5"


def test_fixes_survive_the_archive_of_a_data_set(jsonl: Write) -> None:
    dataset = load(jsonl(_rows()), policy=_FIX)
    none = Split((), (), (), dataset.split.balance)
    kept = replace(dataset, rows=(), split=none, measured=None)
    assert decode(Dataset, dump(kept)).fixed == dataset.fixed


def test_fixes_are_part_of_the_summary(jsonl: Write) -> None:
    assert load(jsonl(_rows()), policy=_FIX).to_json()["fixed"][0]["rule"] == "line-ends"
    assert load(jsonl(_rows())).to_json()["fixed"] == []
