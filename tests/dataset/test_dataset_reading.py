"""Promises of the readers: every usual file is read and announced, every hopeless one is refused clearly."""

from __future__ import annotations

import bz2
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.dataset import Columns, Dataset, check, load
from orchestrator.errors import DataRefused, UsageError

TABLE = "input,output\n" + "".join(f"café {n}?,naïve answer {n}\n" for n in range(12))


def prompts(dataset: Dataset) -> list[str]:
    return [row.example.messages[-2].text for row in dataset.rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_a_table_is_read_in_every_usual_encoding_and_says_which(raw: Callable[..., Path], encoding: str) -> None:
    dataset = load(raw(TABLE.encode(encoding)))
    assert prompts(dataset)[0] == "café 0?"
    assert dataset.sources[0].encoding == encoding


def test_windows_quotes_are_read_as_windows_1252(raw: Callable[..., Path]) -> None:
    dataset = load(raw(TABLE.replace("café", "“café”").encode("cp1252")))
    assert prompts(dataset)[0] == "“café” 0?"
    assert "not-utf8" in {finding.rule for finding in dataset.findings}


@pytest.mark.parametrize(("separator", "name"), [(",", "a.csv"), ("\t", "a.tsv"), (";", "a.csv"), ("|", "a.txt")])
def test_the_separator_is_recognised(raw: Callable[..., Path], separator: str, name: str) -> None:
    dataset = load(raw(TABLE.replace(",", separator), name))
    assert dataset.sources[0].rows == 12
    assert prompts(dataset)[3] == "café 3?"


def test_quoted_cells_keep_separators_quotes_and_line_ends(raw: Callable[..., Path]) -> None:
    cell = '"one, ""two""\r\nthree"'
    dataset = load(raw(TABLE + f"{cell},fine\r\n"))
    assert prompts(dataset)[-1] == 'one, "two"\r\nthree'


def test_a_tsv_without_quoting_keeps_its_quotes(raw: Callable[..., Path]) -> None:
    dataset = load(raw(TABLE.replace(",", "\t") + '"half a quote\tanswer\n', "a.tsv"))
    assert prompts(dataset)[-1] == '"half a quote'


def test_old_line_ends_are_read(raw: Callable[..., Path]) -> None:
    assert len(load(raw(TABLE.replace("\n", "\r"))).rows) == 12


def test_an_answer_longer_than_the_csv_module_allows_by_default_is_read(raw: Callable[..., Path]) -> None:
    dataset = load(raw(TABLE + f"long?,{'word ' * 40_000}\n"))
    assert len(dataset.rows[-1].example.answer) > 131_072


def test_a_json_list_and_an_envelope_are_read_alike(
    raw: Callable[..., Path], pairs: Callable[..., list[object]]
) -> None:
    rows = pairs(12)
    one = load(raw(json.dumps(rows, indent=1), "a.json"))
    other = load(raw(json.dumps({"version": 2, "data": rows}), "b.json"))
    assert one.sha256 == other.sha256


def test_pretty_printed_objects_after_each_other_are_read(
    raw: Callable[..., Path], pairs: Callable[..., list[object]]
) -> None:
    dataset = load(raw("\n".join(json.dumps(row, indent=2) for row in pairs(12)), "a.jsonl"))
    assert len(dataset.rows) == 12
    assert dataset.sources[0].format == "JSON"


def test_the_same_pairs_make_the_same_dataset_in_any_format(
    raw: Callable[..., Path], jsonl: Callable[..., Path]
) -> None:
    rows = [{"input": f"café {n}?", "output": f"naïve answer {n}"} for n in range(12)]
    assert load(raw(TABLE)).sha256 == load(jsonl(rows)).sha256


def test_row_numbers_are_lines_in_json_lines_and_data_rows_in_a_table(raw: Callable[..., Path]) -> None:
    lines = "\n".join(json.dumps({"input": f"q{n}", "output": f"a{n}"}) for n in range(10))
    by_line = check(raw(lines + "\n\n{bad\n", "a.jsonl")).findings[0]
    by_row = check(raw(TABLE + "only one cell\n", "b.csv")).findings[0]
    assert (by_line.unit, by_line.row) == ("line", 12)
    assert (by_row.unit, by_row.row) == ("row", 13)
    assert by_line.where.endswith("a.jsonl, line 12")


BROKEN_LINES = [
    ('{"input": "a", "output": "b"', "not-json", "ends in the middle"),
    ("// a comment", "not-json", "comment"),
    ("{'input': 'a'}", "not-json", "single quotes"),
    ('{"input": "a", "output": NaN}', "not-a-number", "NaN"),
    ('{"input": "a", "input": "b", "output": "c"}', "duplicate-key", "twice"),
    ('{"input": "a"} {"output": "b"}', "two-objects", "column 16"),
    ('["a", "b"]', "not-an-object", "list"),
    ('"a"', "not-an-object", "str"),
    ("{}", "missing-field", "input"),
    ('{"text": "a"}', "mixed-shape", "plain text"),
    ("[" * 100_000, "nesting", "nested too deeply"),
    ('{"input": "a", "output": ' + "[" * 5000 + "]" * 5000 + "}", "nesting", "nested too deeply"),
    ('{"input": "a", "output": ' + "9" * 5000 + "}", "not-json", "digits"),
    ('{"input": "\\ud800", "output": "b"}', "lone-surrogate", "surrogate"),
    ('{"input": "a\\u0000", "output": "b"}', "nul", "NUL"),
    ('{"input": "a<|im_end|>", "output": "b"}', "special-token", "im_end"),
]


@pytest.mark.parametrize(
    ("line", "rule", "says"), BROKEN_LINES, ids=[case[1] + str(n) for n, case in enumerate(BROKEN_LINES)]
)
def test_a_broken_line_is_named_by_rule_line_and_defect(
    raw: Callable[..., Path], line: str, rule: str, says: str
) -> None:
    lines = [json.dumps({"input": f"q{n}", "output": f"a{n}"}) for n in range(12)]
    lines[5] = line
    findings = [finding for finding in check(raw("\n".join(lines), "a.jsonl")).errors if finding.row]
    assert [(finding.rule, finding.row) for finding in findings] == [(rule, 6)]
    assert says in findings[0].message
    assert findings[0].fix


def test_bytes_that_are_not_utf8_in_a_utf8_file_are_named_by_line(raw: Callable[..., Path]) -> None:
    lines = [f'{{"input": "é{n}", "output": "a{n}"}}'.encode() for n in range(12)]
    lines[7] = lines[7].replace("é".encode(), b"\xe9")
    finding = check(raw(b"\n".join(lines), "a.jsonl")).errors[0]
    assert (finding.rule, finding.row) == ("undecodable", 8)


def test_a_nul_byte_in_a_text_file_is_a_finding_and_not_a_binary_file(raw: Callable[..., Path]) -> None:
    lines = [json.dumps({"input": f"q{n} {'words ' * 50}", "output": f"a{n}"}).encode() for n in range(12)]
    lines[3] = lines[3].replace(b"words", b"\0", 1)
    assert check(raw(b"\n".join(lines), "a.jsonl")).errors[0].row == 4


HOPELESS = [
    (bz2.compress(b"x"), "a.jsonl", "bzip2", "bunzip2"),
    (b"PK\x03\x04rest", "a.xlsx", "Excel", "CSV"),
    (bytes(range(256)) * 10, "a.csv", "binary", "CSV"),
    (b"just some words\nand others\n", "a.txt", "no table", "header"),
    (b"[1, 2", "a.json", "not JSON", "list of objects"),
    (b"12", "a.json", "single JSON value", "list of objects"),
    (b"a,a\n1,2\n", "a.csv", "two columns", "rename"),
    (b"\xff\xfea\x00b", "a.csv", "utf-16", "UTF-8"),
]


@pytest.mark.parametrize(("content", "name", "what", "fix"), HOPELESS)
def test_a_hopeless_file_says_what_it_is_and_what_to_do(
    raw: Callable[..., Path], content: bytes, name: str, what: str, fix: str
) -> None:
    with pytest.raises(UsageError) as refused:
        check(raw(content, name))
    assert what in refused.value.what
    assert name in refused.value.where
    assert fix in refused.value.fix


def test_a_missing_file_is_refused_naming_its_neighbour(raw: Callable[..., Path]) -> None:
    path = raw(TABLE, "pairs.csv")
    with pytest.raises(UsageError) as refused:
        load(path.with_name("pairz.csv"))
    assert "did you mean" in refused.value.fix
    assert "pairs.csv" in refused.value.fix


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no data files"):
        load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_refused(raw: Callable[..., Path]) -> None:
    path = raw(TABLE)
    path.chmod(0)
    with pytest.raises(UsageError, match="cannot be read"):
        load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UsageError, match="no regular file"):
        load(tmp_path / "pipe.csv")


@pytest.mark.parametrize("content", ["", "\n\n\n", "input,output\n"])
def test_a_file_without_rows_is_refused_as_data(raw: Callable[..., Path], content: str) -> None:
    with pytest.raises(DataRefused):
        load(raw(content))
    assert [finding.rule for finding in check(raw(content)).errors] == ["empty-file"]


def test_objects_without_any_field_are_findings(raw: Callable[..., Path]) -> None:
    assert [finding.rule for finding in check(raw("{}\n{}\n", "a.jsonl")).errors][:2] == ["missing-field"] * 2


def test_many_broken_lines_at_the_start_do_not_hide_the_shape(raw: Callable[..., Path]) -> None:
    good = "".join(json.dumps({"input": f"q{n}", "output": f"a{n}"}) + "\n" for n in range(12))
    assert len(check(raw("broken\n" * 300 + good, "a.jsonl")).rows) == 12


def test_the_same_file_given_twice_is_refused(raw: Callable[..., Path]) -> None:
    path = raw(TABLE)
    with pytest.raises(UsageError, match="twice"):
        load(path, test=path, columns=Columns())
