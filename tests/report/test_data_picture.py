"""A checked dataset as a picture: everything counted, only the first rows kept, short names, clipped texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.dataset import Dataset, check
from orchestrator.report.data_building import picture_of
from orchestrator.report.data_lengths import Limit, TokenCounts


@pytest.fixture
def checked(tmp_path: Path) -> Callable[[list[dict[str, str]]], Dataset]:
    """Checks some rows."""

    def make(rows: list[dict[str, str]]) -> Dataset:
        path = tmp_path / "pairs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return check(path)

    return make


def _pairs(count: int, labels: int = 2) -> list[dict[str, str]]:
    return [{"input": f"question {n}?", "output": f"label {n % labels}"} for n in range(count)]


def test_rows_read_are_those_kept_and_those_left_out(checked: Callable[..., Dataset]) -> None:
    picture = picture_of(checked([*_pairs(60), *_pairs(20)]), pairs="pairs.jsonl")
    assert (picture.rows_read, picture.rows_kept, picture.rows_dropped) == (80, 60, 20)
    assert sum(picture.sides) == 60


def test_a_rule_keeps_its_first_rows_and_counts_all(checked: Callable[..., Dataset]) -> None:
    (group,) = picture_of(checked([*_pairs(60), *_pairs(20)])).dropped
    assert (group.rule, group.count, len(group.first)) == ("exact-duplicate", 20, 4)
    assert group.first[0].where == "line 61"


def test_repeats_that_were_looked_for_and_not_found_count_none(checked: Callable[..., Dataset]) -> None:
    repeats = {one.kind: one.count for one in picture_of(checked(_pairs(60))).repeats}
    assert repeats["exact"] == repeats["contradiction"] == repeats["leak"] == 0


def test_many_labels_show_the_first_thirty_and_count_the_rest(checked: Callable[..., Dataset]) -> None:
    labels = picture_of(checked(_pairs(330, labels=33))).labels
    assert labels
    assert (labels.labels, len(labels.top), labels.rest_labels, labels.rest_rows) == (33, 30, 3, 30)


def test_free_text_has_no_labels(checked: Callable[..., Dataset]) -> None:
    rows = [{"input": f"question {n}?", "output": f"answer number {n}, in words of its own"} for n in range(40)]
    assert picture_of(checked(rows)).labels is None


def test_an_error_makes_the_picture_not_usable(checked: Callable[..., Dataset]) -> None:
    assert not picture_of(checked(_pairs(3))).usable
    assert picture_of(checked(_pairs(60))).usable


def test_a_long_text_is_clipped(checked: Callable[..., Dataset]) -> None:
    rows = [{"input": "same", "output": f"{n}{'x' * 500}"} for n in range(2)]
    picture = picture_of(checked([*_pairs(60), *rows]))
    assert max(len(spot.message) for group in picture.findings for spot in group.first) <= 160


def test_tokens_and_limits_become_lengths(checked: Callable[..., Dataset]) -> None:
    dataset = checked(_pairs(60))
    picture = picture_of(dataset, tokens=TokenCounts([10] * 60, [2] * 60, "t"), limits=[Limit("a:b", 11)])
    assert picture.lengths
    assert picture.lengths.limits[0].tokens_lost == 60
    assert picture_of(dataset).lengths is None


def test_a_picture_is_plain_json(checked: Callable[..., Dataset]) -> None:
    assert json.loads(json.dumps(picture_of(checked(_pairs(60))).to_json()))["rows_kept"] == 60
