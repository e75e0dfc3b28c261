"""Promises on Parquet and Arrow: the rows of a table are the rows of the same JSON Lines, whatever Arrow adds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dataset import check, load
from orchestrator.errors import UsageError

pa: Any = pytest.importorskip("pyarrow")
Write = Callable[..., Path]
ROWS = [{"input": f"café {n}?", "output": f"naïve answer {n}"} for n in range(2500)]


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pytest.importorskip("pyarrow.parquet").write_table(pa.Table.from_pylist(rows), path)
    return path


def arrow(path: Path, rows: list[dict[str, Any]], stream: bool) -> Path:
    table = pa.Table.from_pylist(rows)
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, make(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=700)
    return path


def test_parquet_holds_the_same_rows_as_json_lines(tmp_path: Path, jsonl: Write) -> None:
    dataset = load(parquet(tmp_path / "a.parquet", ROWS))
    assert dataset.sha256 == load(jsonl(ROWS)).sha256
    assert (dataset.sources[0].format, dataset.sources[0].rows) == ("Parquet", 2500)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "file"])
def test_arrow_holds_the_same_rows_as_json_lines(tmp_path: Path, jsonl: Write, stream: bool) -> None:
    dataset = load(arrow(tmp_path / "a.arrow", ROWS, stream))
    assert dataset.sha256 == load(jsonl(ROWS)).sha256
    assert dataset.sources[0].format == "Arrow"


def test_fields_that_arrow_had_to_fill_are_left_out(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [call]}]
    odd = [{"role": "user", "content": "r", "mood": "good"}, {"role": "assistant", "content": "s"}]
    dataset = check(parquet(tmp_path / "a.parquet", [{"messages": turns}, {"messages": odd}]))
    assert [(f.rule, f.row) for f in dataset.findings if f.row] == [("tool-undeclared", 1), ("unknown-key", 2)]


def test_values_that_json_has_not_are_written_as_text(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"input": date(2026, 1, 1), "output": b"caf\xc3\xa9"},
        {"input": None, "output": b"a"},
    ]
    dataset = check(parquet(tmp_path / "a.parquet", rows))
    assert dataset.rows[0].example.prompt[0].text == "2026-01-01"
    assert dataset.rows[0].example.answer == "café"
    assert [(gone.rule, gone.row) for gone in dataset.dropped] == [("blank-input", 2)]


def test_bytes_that_are_no_text_are_named_by_row(tmp_path: Path) -> None:
    dataset = check(parquet(tmp_path / "a.parquet", [{"input": "q", "output": b"\xff\xfe"}]))
    assert (dataset.findings[0].rule, dataset.findings[0].row) == ("undecodable", 1)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_damaged_table_is_refused_saying_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    whole = parquet(path, ROWS) if name == "a.parquet" else arrow(path, ROWS, stream=False)
    path.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(UsageError, match="no readable"):
        load(path)


def test_a_table_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    rows = [{"input": "x" * 100_000, "output": "y"}] * 1000
    with pytest.raises(UsageError, match="bomb"):
        load(parquet(tmp_path / "a.parquet", rows))


def test_without_pyarrow_the_extra_is_named(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", ROWS[:3])
    code = (
        "import sys; sys.modules['pyarrow'] = None; from pathlib import Path\n"
        "from orchestrator.dataset import load; from orchestrator.errors import MissingExtra\n"
        f"try: load(Path({str(tmp_path / 'a.parquet')!r}))\n"
        "except MissingExtra as error: print(error.fix)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tunewright[formats]" in done.stdout


def test_messages_kept_as_json_text_in_a_column_are_read(tmp_path: Path) -> None:
    turns = json.dumps([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}])
    assert check(parquet(tmp_path / "a.parquet", [{"messages": turns}])).rows[0].example.answer == "a"
