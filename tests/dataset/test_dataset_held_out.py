"""Rows that were held out in an earlier round are tested again, whatever file they stand in, and never trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.dataset import Dataset, check

MARK = "tunewright_held_out"


def chat(number: int, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": f"question {number}"}, {"role": "assistant", "content": f"answer {number}"}]
    return {"messages": turns, **more}


def read(tmp_path: Path, rows: Sequence[dict[str, Any]], **more: Any) -> Dataset:
    path = tmp_path / f"pairs{len(list(tmp_path.iterdir()))}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return check(path, **more)


def numbers(rows: Sequence[Any]) -> set[int]:
    return {row.number for row in rows}


def test_marked_rows_are_tested_and_the_others_split_as_ever(tmp_path: Path) -> None:
    plain = read(tmp_path, [chat(n) for n in range(60)])
    train = sorted(numbers(plain.split.train))[:5]
    marked = read(tmp_path, [chat(n, **{MARK: n + 1 in train}) for n in range(60)])
    assert numbers(marked.split.test) == numbers(plain.split.test) | set(train)
    assert numbers(marked.split.train) == numbers(plain.split.train) - set(train)


def test_it_is_said_how_many(tmp_path: Path) -> None:
    found = read(tmp_path, [chat(n, **{MARK: n < 3}) for n in range(60)]).findings
    told = [(one.severity, one.message) for one in found if one.rule == "held-out-row"]
    assert told == [("info", "3 row(s) were held out in an earlier round, and are again")]


def test_a_pair_that_asks_the_same_as_a_marked_row_is_not_trained_on(tmp_path: Path) -> None:
    plain = read(tmp_path, [chat(n) for n in range(60)])
    trained = min(numbers(plain.split.train)) - 1
    again = {**chat(trained, **{MARK: True}), "accept": ["another"]}
    found = read(tmp_path, [again, *(chat(n) for n in range(60))])
    assert 1 in numbers(found.split.test)
    assert trained + 2 not in numbers(found.split.train)


def test_beside_a_test_file_of_ones_own_they_are_tested_too(tmp_path: Path) -> None:
    test = tmp_path / "test.jsonl"
    test.write_text("".join(json.dumps(chat(n)) + "\n" for n in range(100, 105)))
    found = read(tmp_path, [chat(n, **{MARK: n < 2}) for n in range(60)], test=test)
    assert sorted(row.number for row in found.split.test if "pairs" in Path(row.file).name) == [1, 2]
    assert len(found.split.test) == 7


def test_a_mark_in_a_validation_file_is_heeded(tmp_path: Path) -> None:
    validation = tmp_path / "validation.jsonl"
    validation.write_text("".join(json.dumps(chat(n, **{MARK: n == 100})) + "\n" for n in range(100, 105)))
    found = read(tmp_path, [chat(n) for n in range(60)], validation=validation)
    assert len(found.split.validation) == 4
    assert ("validation.jsonl", 1) in {(Path(row.file).name, row.number) for row in found.split.test}


def test_a_mark_that_comes_too_late_in_a_file_drops_the_row_with_its_reason(tmp_path: Path) -> None:
    found = read(tmp_path, [*(chat(n) for n in range(3000)), chat(3000, **{MARK: True})])
    assert [(one.row, one.rule) for one in found.dropped] == [(3001, "held-out-row")]


def test_a_table_marks_rows_in_words(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    rows = "".join(f"question {n},answer {n},{'true' if n < 2 else ''}\n" for n in range(60))
    path.write_text(f"input,output,{MARK}\n{rows}")
    assert {1, 2} <= numbers(check(path).split.test)
