"""Promises on folders and patterns: every data file is read in its order, and no split is swallowed by another."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dataset import load
from orchestrator.errors import UsageError

Pairs = Callable[..., list[dict[str, Any]]]


def put(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


@pytest.fixture
def folder(tmp_path: Path, pairs: Pairs) -> Path:
    """Three files of pairs, and things that are none."""
    rows = pairs(30)
    put(tmp_path / "a.jsonl", rows[:10])
    put(tmp_path / "deep" / "b.jsonl.gz", rows[10:20])
    put(tmp_path / "z.jsonl", rows[20:])
    put(tmp_path / ".hidden" / "c.jsonl", rows[:1])
    (tmp_path / "README.md").write_text("not data")
    return tmp_path


def test_every_data_file_of_a_folder_is_read_and_announced(folder: Path) -> None:
    dataset = load(folder)
    assert [Path(source.file).name for source in dataset.sources] == ["a.jsonl", "b.jsonl.gz", "z.jsonl"]
    assert [row.number for row in dataset.rows] == list(range(1, 11)) * 3


def test_a_pattern_reads_what_it_matches(folder: Path) -> None:
    assert len(load(folder / "*.jsonl").rows) == 20
    assert len(load(folder / "**/*.jsonl*").rows) == 30


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path, pairs: Pairs) -> None:
    put(tmp_path / "a[1].jsonl", pairs(12))
    assert len(load(tmp_path / "a[1].jsonl").rows) == 12


def test_a_row_repeated_in_another_file_of_the_folder_is_dropped(folder: Path, pairs: Pairs) -> None:
    put(folder / "again.jsonl", pairs(2))
    dataset = load(folder)
    assert {Path(gone.file).name for gone in dataset.dropped} == {"again.jsonl"}
    assert "a.jsonl, line 1" in dataset.dropped[0].reason


@pytest.mark.parametrize("names", [("train.jsonl", "test.jsonl"), ("x-train.jsonl", "x-dev.jsonl"), ("train/a.jsonl",)])
def test_splits_lying_side_by_side_are_asked_about(tmp_path: Path, pairs: Pairs, names: tuple[str, ...]) -> None:
    for name in (*names, "valid/b.jsonl"):
        put(tmp_path / name, pairs(12))
    with pytest.raises(UsageError, match="several splits") as refused:
        load(tmp_path)
    assert "--validation" in refused.value.fix


def test_a_held_out_file_that_lies_in_the_folder_is_not_trained_on(folder: Path) -> None:
    with pytest.raises(UsageError, match="twice"):
        load(folder, test=folder / "z.jsonl")


@pytest.mark.parametrize(("name", "says"), [("", "holds no data files"), ("*.jsonl", "matches no file")])
def test_nothing_to_read_is_refused(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load(tmp_path / name)


def saved(folder: Path, rows: list[dict[str, Any]], shards: int) -> None:
    """As `datasets.Dataset.save_to_disk` lays it out."""
    pa: Any = pytest.importorskip("pyarrow")
    folder.mkdir()
    names = [f"data-{n:05}-of-{shards:05}.arrow" for n in range(shards)]
    for n, name in enumerate(names):
        table = pa.Table.from_pylist(rows[n::shards])
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    (folder / "dataset_info.json").write_text("{}")
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))


def test_a_dataset_saved_to_disk_is_read(tmp_path: Path, pairs: Pairs) -> None:
    saved(tmp_path / "set", pairs(24), 2)
    dataset = load(tmp_path / "set")
    assert ([source.format for source in dataset.sources], len(dataset.rows)) == (["Arrow", "Arrow"], 24)


def test_a_saved_dict_of_splits_is_asked_about(tmp_path: Path, pairs: Pairs) -> None:
    for split in ("train", "test"):
        saved(tmp_path / split, pairs(12), 1)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(UsageError, match="splits test, train") as refused:
        load(tmp_path)
    assert "--test" in refused.value.fix


@pytest.mark.parametrize("state", ["{}", "no json", '{"_data_files": [{"filename": "../x.arrow"}]}'])
def test_a_state_that_names_no_files_of_its_folder_is_refused(tmp_path: Path, state: str) -> None:
    (tmp_path / "state.json").write_text(state)
    with pytest.raises(UsageError, match="data files"):
        load(tmp_path)
