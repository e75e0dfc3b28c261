"""Every dropped row is kept with its reason, as it was read, from every format; or nothing is written."""

from __future__ import annotations

import base64
import gzip
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.dataset.dropped_rows import write_dropped
from orchestrator.dataset.records import Dropped
from orchestrator.errors import TunewrightError, UsageError


def _kept(tmp_path: Path, source: Path, *rows: int) -> list[dict[str, Any]]:
    """What is written of these rows."""
    out = tmp_path / "out" / "dropped.jsonl"
    count = write_dropped([Dropped(row, str(source), "exact-duplicate", "repeats row 1") for row in rows], out)
    lines = out.read_bytes().decode().removesuffix("\n").split("\n")
    assert count == len(lines)
    return [json.loads(line) for line in lines]


def test_a_kept_row_has_its_file_number_rule_reason_and_source(tmp_path: Path, jsonl: Callable[..., Path]) -> None:
    path = jsonl([{"input": "a", "output": "b"}, {"input": "é", "output": "d"}])
    assert _kept(tmp_path, path, 2) == [
        {
            "file": str(path),
            "row": 2,
            "rule": "exact-duplicate",
            "reason": "repeats row 1",
            "source": {"input": "é", "output": "d"},
        }
    ]


def test_an_object_in_json_lines_is_kept_byte_by_byte(tmp_path: Path, raw: Callable[..., Path]) -> None:
    line = '{"b": 1.0, "a":  0.1000000000000000055, "c": "\\u00e9\\ud800"}'
    path = raw(f"{line}\n", "pairs.jsonl")
    _kept(tmp_path, path, 1)
    assert f'"source": {line}}}' in (tmp_path / "out" / "dropped.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", ['{"a": 1, "a": 2}', "not json", '{"a": ', "[1]", '{"a": NaN}', "{'a': 1}"])
def test_a_line_that_is_no_row_is_kept_as_its_text(tmp_path: Path, raw: Callable[..., Path], line: str) -> None:
    path = raw('{"input": "a", "output": "b"}\n' * 3 + f"{line}\n", "pairs.jsonl")
    assert _kept(tmp_path, path, 4)[0]["source"] == line


def test_bytes_that_are_no_text_are_kept_as_base64(tmp_path: Path, raw: Callable[..., Path]) -> None:
    broken = b'{"input": "caf\xe9", "output": "x"}'
    path = raw(b'{"input": "caf\xc3\xa9", "output": "b"}\n' * 3 + broken + b"\n", "pairs.jsonl")
    (row,) = _kept(tmp_path, path, 4)
    assert row["encoding"] == "base64"
    assert base64.b64decode(row["source"]) == broken


def test_a_row_of_a_table_is_kept_as_its_cells(tmp_path: Path, raw: Callable[..., Path]) -> None:
    path = raw('text,label\n"two\nlines",a\nx,b\n')
    assert [row["source"] for row in _kept(tmp_path, path, 1, 2)] == [
        {"text": "two\nlines", "label": "a"},
        {"text": "x", "label": "b"},
    ]


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_ragged_row_of_a_table_is_kept_as_its_text(tmp_path: Path, raw: Callable[..., Path], place: int) -> None:
    rows = ["a,b", "c,d", "e,f"]
    rows[place - 1] = 'x,"y, z",too,many'
    path = raw("text,label\n" + "\n".join(rows) + "\n")
    assert _kept(tmp_path, path, place)[0]["source"] == 'x,"y, z",too,many'


def test_a_row_whose_quotes_are_broken_is_kept_as_its_text(tmp_path: Path, raw: Callable[..., Path]) -> None:
    path = raw('text,label\na,b\nc,"d" e\nf,g\n')
    assert _kept(tmp_path, path, 2)[0]["source"] == 'c,"d" e'


def test_items_of_a_json_list_are_kept_whatever_they_are(tmp_path: Path, raw: Callable[..., Path]) -> None:
    path = raw('{"data": [{"input": "a", "output": "b"}, [1, 2], "text"]}', "pairs.json")
    assert [row["source"] for row in _kept(tmp_path, path, 1, 2, 3)] == [
        {"input": "a", "output": "b"},
        [1, 2],
        "text",
    ]


def test_rows_of_a_packed_file_and_of_utf_16_are_kept(tmp_path: Path, raw: Callable[..., Path]) -> None:
    line = '{"input": "é", "output": "b"}\n'
    packed = raw(gzip.compress(line.encode()), "pairs.jsonl.gz")
    wide = raw(line.encode("utf-16"), "wide.jsonl")
    assert _kept(tmp_path, packed, 1)[0]["source"] == _kept(tmp_path, wide, 1)[0]["source"] == json.loads(line)


def test_rows_of_parquet_are_kept(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "pairs.parquet"
    parquet.write_table(pyarrow.table({"input": ["a", "c"], "output": ["b", "d"]}), path)
    assert _kept(tmp_path, path, 2)[0]["source"] == {"input": "c", "output": "d"}


def test_a_row_of_parquet_with_bytes_that_are_no_text_is_kept(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "pairs.parquet"
    parquet.write_table(pyarrow.table({"input": [b"a", b"\xff"], "score": [1.5, float("nan")]}), path)
    assert _kept(tmp_path, path, 2)[0]["source"] == {"input": {"base64": "/w=="}, "score": "nan"}


def test_rows_of_several_files_are_kept_together(tmp_path: Path, jsonl: Callable[..., Path]) -> None:
    one, other = jsonl([{"input": "1", "output": "x"}], "1.jsonl"), jsonl([{"input": "2", "output": "y"}], "2.jsonl")
    out = tmp_path / "dropped.jsonl"
    assert write_dropped([Dropped(1, str(file), "blank-answer", "") for file in (one, other)], out) == 2
    assert [json.loads(line)["source"]["input"] for line in out.read_text().splitlines()] == ["1", "2"]


def test_a_row_that_the_file_no_longer_has_is_still_named(tmp_path: Path, jsonl: Callable[..., Path]) -> None:
    (row,) = _kept(tmp_path, jsonl([{"input": "a", "output": "b"}]), 7)
    assert (row["row"], row["source"]) == (7, None)


def test_nothing_dropped_is_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "dropped.jsonl").write_text("of an earlier time\n", encoding="utf-8")
    assert write_dropped([], tmp_path / "dropped.jsonl") == 0
    assert (tmp_path / "dropped.jsonl").read_text(encoding="utf-8") == ""


def test_only_the_owner_can_read_it(tmp_path: Path, jsonl: Callable[..., Path]) -> None:
    _kept(tmp_path, jsonl([{"input": "a", "output": "b"}]), 1)
    assert stat.S_IMODE((tmp_path / "out" / "dropped.jsonl").stat().st_mode) == 0o600


def test_a_source_that_is_gone_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        write_dropped([Dropped(1, str(tmp_path / "gone.jsonl"), "shape", "")], tmp_path / "out" / "dropped.jsonl")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_place_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(TunewrightError, match="cannot be written"):
        write_dropped([], tmp_path / "out" / "dropped.jsonl")


_CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=6))
def test_any_rows_of_json_lines_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    made = [{"input": a, "output": b} for a, b in rows]
    path = folder / "pairs.jsonl"
    path.write_bytes("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made).encode())
    assert [row["source"] for row in _kept(folder, path, *range(1, len(rows) + 1))] == made
