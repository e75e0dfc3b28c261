"""Promises of the split: fixed sides, nothing leaks, labels are tested, the user's own held-out files are used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.dataset import Columns, Dataset, Policy, check, load
from orchestrator.dataset.normal import input_key, share_of
from orchestrator.errors import DataRefused, UsageError
from providers.records import Example, Message

Write = Callable[..., Path]
Pairs = Callable[..., list[dict[str, Any]]]


def sides(dataset: Dataset) -> dict[str, str]:
    split = dataset.split
    shares = {"train": split.train, "validation": split.validation, "test": split.test}
    return {row.example.messages[0].text: side for side, share in shares.items() for row in share}


def inputs(rows: tuple[Any, ...]) -> set[str]:
    return {row.example.messages[0].text.casefold() for row in rows}


def test_the_shares_are_near_80_10_10(jsonl: Write, pairs: Pairs) -> None:
    balance = load(jsonl(pairs(3000))).split.balance
    assert balance["shares"]["train"] == pytest.approx(0.8, abs=0.03)
    assert balance["shares"]["test"] == pytest.approx(0.1, abs=0.02)
    assert balance["train"] + balance["validation"] + balance["test"] == 3000


def test_added_rows_move_none_of_those_there(jsonl: Write, pairs: Pairs) -> None:
    before, after = sides(load(jsonl(pairs(300)))), sides(load(jsonl(pairs(900), "more.jsonl")))
    assert before.items() <= after.items()


def test_the_order_of_rows_changes_no_side(jsonl: Write, pairs: Pairs) -> None:
    data = pairs(300)
    assert sides(load(jsonl(data))) == sides(load(jsonl(data[::-1], "other.jsonl")))


@given(st.text(max_size=30), st.sampled_from([str.upper, str.title, lambda text: f"  {text}\n", str.casefold]))
def test_inputs_that_differ_by_case_or_spaces_have_one_side(text: str, change: Callable[[str], str]) -> None:
    one = input_key(Example((Message("user", text.casefold()), Message("assistant", "a"))))
    other = input_key(Example((Message("user", change(text.casefold()).casefold()), Message("assistant", "b"))))
    assert share_of(one) == share_of(other)


def test_rows_of_a_group_stay_together(jsonl: Write) -> None:
    data = [{"input": f"q{n}", "output": f"a{n}", "customer": f"c{n % 40}"} for n in range(400)]
    split = load(jsonl(data), columns=Columns(group="customer")).split
    groups = [{row.group for row in share} for share in (split.train, split.validation, split.test)]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 40


def test_one_input_in_two_groups_does_not_leak(jsonl: Write) -> None:
    data = [{"input": f"q{n // 2}", "output": f"a{n}", "customer": f"c{n}"} for n in range(400)]
    dataset = load(jsonl(data), columns=Columns(group="customer"))
    assert not inputs(dataset.split.train) & (inputs(dataset.split.test) | inputs(dataset.split.validation))
    assert {gone.rule for gone in dataset.dropped} == {"held-out-overlap"}


def test_each_label_with_five_rows_is_in_test_and_the_move_is_reported(jsonl: Write) -> None:
    data = [{"input": f"q{n}", "output": f"label {n % 20}"} for n in range(120)]
    dataset = load(jsonl(data))
    assert {row.example.answer for row in dataset.split.test} == {f"label {n}" for n in range(20)}
    assert dataset.split.balance["moved"][0]["to"] == "test"
    assert dataset.split.balance["labels"]["label 3"]["test"] >= 1


@pytest.mark.parametrize(("count", "train", "held_out"), [(10, 10, 0), (11, 10, 1), (12, 10, 2), (13, 10, 3)])
def test_a_small_file_trains_on_ten_rows_before_anything_is_held_out(
    jsonl: Write, pairs: Pairs, count: int, train: int, held_out: int
) -> None:
    split = load(jsonl(pairs(count))).split
    assert len(split.train) >= train
    assert 0 <= len(split.test) + len(split.validation) <= held_out
    assert (len(split.test) > 0) == (count > 10)


def test_a_given_test_file_replaces_the_test_share_alone(jsonl: Write, pairs: Pairs) -> None:
    other = [{"input": f"held {n}", "output": "x"} for n in range(20)]
    dataset = load(jsonl(pairs(400)), test=jsonl(other, "test.jsonl"))
    assert inputs(dataset.split.test) == {f"held {n}" for n in range(20)}
    assert 20 < len(dataset.split.validation) < 60
    assert len(dataset.split.train) + len(dataset.split.validation) == 400


def test_a_given_validation_file_replaces_the_validation_share_alone(jsonl: Write, pairs: Pairs) -> None:
    other = [{"input": f"held {n}", "output": "x"} for n in range(20)]
    dataset = load(jsonl(pairs(400)), validation=jsonl(other, "validation.jsonl"))
    assert len(dataset.split.validation) == 20
    assert 20 < len(dataset.split.test) < 60


def test_with_both_held_out_files_all_pairs_train(jsonl: Write, pairs: Pairs) -> None:
    held = [[{"input": f"{name} {n}", "output": "x"} for n in range(20)] for name in ("test", "validation")]
    dataset = load(jsonl(pairs(100)), test=jsonl(held[0], "t.jsonl"), validation=jsonl(held[1], "v.jsonl"))
    assert len(dataset.split.train) == 100


def test_rows_that_leak_into_the_test_file_are_dropped_from_training(jsonl: Write, pairs: Pairs) -> None:
    leak = {"input": "  Question 7?", "output": "whatever"}
    test = jsonl([leak, *({"input": f"held {n}", "output": "x"} for n in range(9))], "test.jsonl")
    dataset = load(jsonl(pairs(100)), test=test)
    finding = next(finding for finding in dataset.findings if finding.rule == "held-out-overlap")
    assert (finding.row, len(dataset.split.test)) == (8, 10)
    assert "test.jsonl, line 1" in finding.message
    assert [(gone.row, gone.rule) for gone in dataset.dropped] == [(8, "held-out-overlap")]


def test_leaks_can_be_refused(jsonl: Write, pairs: Pairs) -> None:
    data = pairs(100)
    with pytest.raises(DataRefused, match="also in"):
        load(jsonl(data), test=jsonl(data[:5], "test.jsonl"), policy=Policy(leaks="refuse"))


def test_a_test_file_needs_no_group_column(jsonl: Write) -> None:
    data = [{"input": f"q{n}", "output": f"a{n}", "customer": f"c{n}"} for n in range(60)]
    test = jsonl([{"input": "held", "output": "x"}], "test.jsonl")
    assert len(load(jsonl(data), columns=Columns(group="customer"), test=test).split.test) == 1


def dated(count: int = 50) -> list[dict[str, str]]:
    """Pairs of one day each, the latest first."""
    days = [f"2026-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(count)]
    return [{"input": f"q{day}", "output": f"a{day}", "day": day} for day in reversed(days)]


def test_the_latest_rows_are_held_out_and_the_times_of_each_side_reported(jsonl: Write) -> None:
    balance = load(jsonl(dated()), columns=Columns(time="day")).split.balance
    assert balance["by"] == "time"
    assert balance["times"] == {
        "train": ["2026-01-01T00:00:00Z", "2026-02-12T00:00:00Z"],
        "validation": ["2026-02-13T00:00:00Z", "2026-02-17T00:00:00Z"],
        "test": ["2026-02-18T00:00:00Z", "2026-02-22T00:00:00Z"],
    }


def test_rows_are_split_by_time_beside_a_test_file_without_times(jsonl: Write) -> None:
    test = jsonl([{"input": "held", "output": "x"}], "test.jsonl")
    split = load(jsonl(dated()), columns=Columns(time="day"), test=test).split
    assert (split.balance["by"], split.balance["times"]["test"]) == ("time", None)
    assert max(row.example.prompt[0].text for row in split.train) < min(
        row.example.prompt[0].text for row in split.validation
    )


def test_the_groups_of_each_side_are_counted_and_rows_without_one(jsonl: Write) -> None:
    data = [{"input": f"q{n}", "output": f"a{n}", "customer": f"c{n % 40}" if n else ""} for n in range(400)]
    groups = load(jsonl(data), columns=Columns(group="customer")).split.balance["groups"]
    assert (groups["train"] + groups["validation"] + groups["test"], groups["none"]) == (40, 1)


def test_the_hash_names_rows_and_sides(jsonl: Write, pairs: Pairs) -> None:
    data = pairs(50)
    one = load(jsonl(data))
    assert one.sha256 == load(jsonl(data, "copy.jsonl")).sha256
    assert one.sha256 != load(jsonl(data), columns=Columns(system_text="s")).sha256
    assert one.sha256 != load(jsonl(data), test=jsonl(pairs(60)[50:], "t.jsonl")).sha256


def test_a_new_system_prompt_moves_no_row_to_another_side(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(f'{{"input": "question {n}", "output": "answer {n}"}}\n' for n in range(200)))
    bare, told = load(path), load(path, columns=Columns(system_text="Answer in one word."))
    assert [row.number for row in bare.split.test] == [row.number for row in told.split.test]


def test_rows_whose_question_stands_in_the_system_prompt_are_still_split(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(
        "".join(f'{{"system": "question {n}", "input": "go", "output": "answer {n}"}}\n' for n in range(200))
    )
    split = load(path, columns=Columns(system="system")).split
    assert 5 < len(split.test) < 50


def test_rows_are_split_by_group_or_by_time_never_by_both(jsonl: Write, pairs: Pairs) -> None:
    rows = [{**row, "who": "a", "when": f"2026-01-{n + 1:02d}"} for n, row in enumerate(pairs(20))]
    with pytest.raises(UsageError, match="by group or by time"):
        check(jsonl(rows), columns=Columns(group="who", time="when"))
