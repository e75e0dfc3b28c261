"""Promises on files of others, and on bytes of no sense: nothing crashes, hangs, or is guessed in silence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dataset import check, load
from orchestrator.errors import UsageError

SHARED = Path(__file__).parents[2] / "../shared/data"
MALFORMED = SHARED / "malformed"
VERDICTS = json.loads((MALFORMED / "VERDICTS.json").read_text()) if MALFORMED.is_dir() else {}
# Read as input these are only another format, or have too few rows; `--as-is` is another question.
READABLE = {"chat.txt", "gzip_named_jsonl.jsonl", "pretty_printed.jsonl"}
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")


def verdict(path: Path) -> str:
    try:
        dataset = check(path)
    except UsageError:
        return "refuse"
    severities = {finding.severity for finding in dataset.findings if finding.rule != "few-rows-warning"}
    return "refuse" if "error" in severities else "warn" if "warning" in severities else "pass"


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_each_malformed_file_is_judged_without_a_crash_within_a_second(name: str) -> None:
    begin = time.process_time()
    judged, expect = verdict(MALFORMED / name), VERDICTS[name]["expect"]
    assert time.process_time() - begin < 1
    if name in READABLE or expect == "either":
        return
    assert judged in {"refuse": ["refuse"], "warn": ["warn", "refuse"], "pass": ["pass"]}[expect]


@needs_shared
def test_malformed_rows_are_named_by_their_line() -> None:
    for name, rule in (
        ("weight_two", "weight"),
        ("nan_literal", "not-a-number"),
        ("tool_unknown_name", "tool-undeclared"),
    ):
        assert [(f.rule, f.row) for f in check(MALFORMED / f"{name}.jsonl").errors] == [(rule, 6)]


@needs_shared
def test_overlapping_files_are_told_row_by_row() -> None:
    dataset = check(MALFORMED / "leak_train.jsonl", validation=MALFORMED / "leak_validation.jsonl")
    assert sum(finding.rule == "held-out-overlap" for finding in dataset.findings) == 4


@needs_shared
def test_banking77_is_labels_in_either_format() -> None:
    table, lines = load(SHARED / "banking77/train.csv"), load(SHARED / "banking77/train.pairs.jsonl")
    assert table.sha256 == lines.sha256
    assert (lines.task, len(lines.labels or ())) == ("labels", 77)
    assert len({row.example.answer for row in lines.split.test}) == 77


@needs_shared
def test_banking77_pairs_in_train_and_test_that_differ_by_spacing_alone_are_found() -> None:
    dataset = load(SHARED / "banking77/train.pairs.jsonl", test=SHARED / "banking77/test.pairs.jsonl")
    assert sum(finding.rule == "held-out-overlap" for finding in dataset.findings) == 7


@needs_shared
@pytest.mark.parametrize(("name", "task"), [("train", "text"), ("train.shortanswer", "number")])
def test_gsm8k_loads(name: str, task: str) -> None:
    dataset = load(SHARED / f"gsm8k/{name}.jsonl")
    assert (len(dataset.rows), dataset.task) == (7473, task)


@needs_shared
def test_nq_open_keeps_every_accepted_answer() -> None:
    row = load(SHARED / "nq_open/NQ-open.dev.jsonl").rows[0]
    assert (row.example.answer, row.accept) == ("14 December 1972 UTC", ("December 1972",))


@needs_shared
def test_tool_calls_of_a_real_set_are_whole() -> None:
    pytest.importorskip("jsonschema")
    dataset = check(SHARED / "llamafactory_toolcall/glaive_toolcall_en_demo.openai_chat.jsonl")
    assert dataset.errors == ()
    assert [f.row for f in dataset.findings if f.rule == "tool-misfit"] == [260]  # a list where a number is declared


@needs_shared
def test_a_conversation_without_a_user_turn_is_named() -> None:
    findings = check(SHARED / "openai_cookbook/toy_chat_fine_tuning.jsonl").findings
    assert [finding.row for finding in findings if finding.rule == "no-user-turn"] == [4]


def judge(content: bytes, name: str) -> None:
    """Any outcome is fine but an exception other than a clear refusal."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            dataset = check(path)
        except UsageError:
            return
        assert len(dataset.rows) + len(dataset.dropped) == sum(source.rows for source in dataset.sources)
        json.dumps(dataset.to_json())


NAMES = st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt"])
GOOD = [
    b'{"input": "q\xc3\xa91", "output": "a"}\n{"input": "q2", "output": "b"}\n' * 5,
    b'input,output\nq1,"a, b"\nq2,c\n' * 5,
    b'[{"question": "q", "answer": ["a", "b"]}, {"question": "r", "answer": 5}]',
    b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 1}]}\n' * 3,
    "input\toutput\nq\ta\n".encode("utf-16"),
]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), NAMES)
def test_random_bytes_are_judged_or_refused(content: bytes, name: str) -> None:
    judge(content, name)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='{}[]":,\n\t\r ;|ainputo\\u0\ud83d', max_size=120), NAMES)
def test_nearly_json_and_nearly_tables_are_judged_or_refused(content: str, name: str) -> None:
    judge(content.encode("utf-8", "surrogatepass"), name)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(GOOD), NAMES, st.integers(0, 400), st.binary(max_size=4), st.integers(0, 8))
def test_mutated_and_truncated_files_are_judged_or_refused(
    content: bytes, name: str, at: int, put: bytes, cut: int
) -> None:
    judge(content[:at] + put + content[at + cut :], name)


def test_a_hundred_thousand_problems_take_no_more_than_one_pass(jsonl: Callable[..., Path]) -> None:
    begin = time.process_time()
    dataset = check(jsonl({"input": "same", "output": str(n % 7)} for n in range(20_000)))
    assert len(dataset.rows) == 7
    assert time.process_time() - begin < 20
