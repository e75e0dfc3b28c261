"""Promises of `check_as_is`: the bytes are judged as an upload, each defect by its rule and line, none converted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dataset import Finding, check_as_is
from orchestrator.errors import UsageError
from providers.dialects import OPENAI_CHAT, TOGETHER_CONVERSATION, TOGETHER_INSTRUCTION
from providers.records import ModelFacts, Support, TokenRules

Write = Callable[..., Path]
MALFORMED = Path(__file__).parents[2] / "../shared/data/malformed"
VERDICTS = json.loads((MALFORMED / "VERDICTS.json").read_text()) if MALFORMED.is_dir() else {}

# The rule and line by which each defect must be named; line None: the file as a whole.
NAMED = {
    "alpaca.jsonl": ("mixed-shape", 1),
    "arguments_empty_string.jsonl": ("tool-arguments", 6),
    "arguments_missing_required.jsonl": ("tool-arguments", 6),
    "assistant_first.jsonl": ("role-order", 6),
    "chat.txt": ("file-name", None),
    "comment_line.jsonl": ("not-json", 6),
    "content_missing.jsonl": ("content", 6),
    "content_null.jsonl": ("content", 6),
    "content_number.jsonl": ("content", 6),
    "content_whitespace.jsonl": ("blank-answer", 6),
    "double_encoded_arguments.jsonl": ("double-encoded", 6),
    "duplicate_key.jsonl": ("duplicate-key", 6),
    "empty.jsonl": ("empty-file", None),
    "empty_object.jsonl": ("missing-field", 6),
    "extra_message_key.jsonl": ("unknown-key", 6),
    "first_line_other_format.jsonl": ("mixed-shape", 1),
    "function_call_deprecated.jsonl": ("deprecated-call", 6),
    "gzip_named_jsonl.jsonl": ("not-text", None),
    "image_in_assistant.jsonl": ("image-role", 6),
    "instruction_number.jsonl": ("mixed-shape", 1),
    "latin1.jsonl": ("undecodable", 6),
    "line_is_list.jsonl": ("not-an-object", 6),
    "line_is_string.jsonl": ("not-an-object", 6),
    "messages_empty.jsonl": ("shape", 6),
    "messages_null.jsonl": ("shape", 6),
    "mixed_formats.jsonl": ("mixed-shape", 6),
    "nan_literal.jsonl": ("not-a-number", 6),
    "near_duplicates.jsonl": ("exact-duplicate", 7),
    "no_assistant.jsonl": ("no-final-assistant", 6),
    "one_label_only.jsonl": ("one-label", None),
    "only_blank_lines.jsonl": ("empty-file", None),
    "pii_and_secrets.jsonl": ("provider-key", 11),
    "pretty_printed.jsonl": ("not-json", 1),
    "ragged.csv": ("file-name", None),
    "same_input_other_output.jsonl": ("contradiction", 1),
    "single_quotes.jsonl": ("not-json", 6),
    "special_tokens.jsonl": ("special-token", 6),
    "system_in_middle.jsonl": ("role-order", 6),
    "table.csv": ("file-name", None),
    "tool_answer_wrong_id.jsonl": ("tool-call-id", 6),
    "tool_call_on_user.jsonl": ("tools", 6),
    "tool_calls_without_tools.jsonl": ("tool-undeclared", 6),
    "tool_turn_without_call.jsonl": ("tool-call-id", 6),
    "tool_unknown_name.jsonl": ("tool-undeclared", 6),
    "tools_no_function.jsonl": ("tools", 6),
    "tools_not_list.jsonl": ("tools", 6),
    "two_assistants.jsonl": ("role-order", 6),
    "two_objects_one_line.jsonl": ("two-objects", 6),
    "two_systems.jsonl": ("role-order", 6),
    "weight_all_zero.jsonl": ("nothing-to-learn", 6),
    "weight_bool.jsonl": ("weight", 6),
    "weight_float.jsonl": ("weight", 6),
    "weight_on_user.jsonl": ("weight", 6),
    "weight_two.jsonl": ("weight", 6),
}
ANSWERS = {"refuse": {"refuse"}, "warn": {"warn", "refuse"}, "pass": {"pass"}, "either": {"refuse", "warn", "pass"}}


def told(path: Path, **options: Any) -> list[Finding]:
    """The findings, but for the advice on how many rows are enough."""
    findings = check_as_is(path, options.pop("dialect", OPENAI_CHAT), **options)
    return [finding for finding in findings if finding.rule != "few-rows-warning"]


def verdict(findings: list[Finding]) -> str:
    severities = {finding.severity for finding in findings}
    return "refuse" if "error" in severities else "warn" if "warning" in severities else "pass"


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_each_malformed_file_gets_its_verdict_rule_and_line_within_a_second(name: str) -> None:
    begin = time.process_time()
    findings = told(MALFORMED / name)
    assert time.process_time() - begin < 1
    assert verdict(findings) in ANSWERS[VERDICTS[name]["expect"]]
    if name in NAMED:
        assert NAMED[name] in {(finding.rule, finding.row) for finding in findings}


def chat(question: str = "q", answer: str = "a", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


def lines(count: int = 12) -> list[bytes]:
    return [json.dumps(chat(f"question {n}", f"answer {n}")).encode() + b"\n" for n in range(count)]


def named(raw: Write, *content: bytes, name: str = "a.jsonl", **options: Any) -> list[tuple[str, int | None]]:
    return [(finding.rule, finding.row) for finding in told(raw(b"".join(content), name), **options)]


def test_a_good_file_has_nothing_to_say(raw: Write) -> None:
    assert named(raw, *lines()) == []


BYTES = [
    (b"\xef\xbb\xbf", "byte-order-mark", None),
    (b"\n", "blank-line", 1),
    (b"\xff\n", "undecodable", 1),
    (b'{"messages": "\\ud800"}\n', "shape", 1),
    (json.dumps(chat("\ud800")).encode() + b"\n", "lone-surrogate", 1),
    (json.dumps(chat("a\0b")).encode() + b"\n", "nul", 1),
    (b'{"messages": ' + b"[" * 100_000 + b"\n", "nesting", 1),
    (b'{"a": 1e999}\n', "not-a-number", 1),
    (b"{" + b'"a":1,' * 50_000 + b'"a":1}\n', "duplicate-key", 1),
]


@pytest.mark.parametrize(("first", "rule", "row"), BYTES, ids=[f"{n}-{rule}" for n, (_, rule, _) in enumerate(BYTES)])
def test_what_stands_before_good_lines_is_named(raw: Write, first: bytes, rule: str, row: int | None) -> None:
    assert named(raw, first, *lines()) == [(rule, row)]


def test_a_last_line_that_was_cut_is_told_from_a_broken_one(raw: Write) -> None:
    assert named(raw, *lines(), lines()[0][:40]) == [("truncated", 13)]
    assert named(raw, *lines(), b"{broken}\n") == [("not-json", 13)]


def test_utf_16_is_named_once_for_the_whole_file(raw: Write) -> None:
    findings = told(raw(b"".join(lines()).decode().encode("utf-16"), "a.jsonl"))
    assert [(finding.rule, finding.message) for finding in findings] == [("undecodable", "is utf-16, not UTF-8")]


def test_unknown_keys_hide_nothing_behind_them(raw: Write) -> None:
    row = chat(answer=" ") | {"id": 7, "a.b[0]": 1}
    row["messages"][0]["mood.x"] = "good"
    rules = named(raw, *lines(), json.dumps(row).encode() + b"\n")
    assert rules == [("unknown-key", 13)] * 3 + [("blank-answer", 13)]


def test_a_row_is_judged_by_the_platforms_own_format(raw: Write) -> None:
    row = json.dumps(chat(parallel_tool_calls=True)).encode() + b"\n"
    assert named(raw, *lines(), row) == []
    assert named(raw, *lines(), row, dialect=TOGETHER_CONVERSATION) == [("unknown-key", 13)]
    assert set(named(raw, *lines(1), dialect=TOGETHER_INSTRUCTION)) == {("mixed-shape", 1)}


def test_the_validation_file_is_judged_too_and_compared(raw: Write) -> None:
    train = raw(b"".join(lines()), "train.jsonl")
    validation = raw(lines(1)[0] + b"[]\n", "valid.jsonl")
    findings = told(train, validation=validation)
    assert [(f.rule, Path(f.file).name, f.row) for f in findings] == [
        ("not-an-object", "valid.jsonl", 2),
        ("held-out-overlap", "train.jsonl", 1),
    ]


def test_thousands_of_broken_lines_are_counted_not_listed(raw: Write) -> None:
    findings = told(raw(b"[]\n" * 3000, "a.jsonl"))
    assert len(findings) == 1001
    assert findings[-1].message == "2,000 more lines like these"


def judged(path: Path, most: int | None, **options: Any) -> list[Finding]:
    model = ModelFacts(name="m", tunable=Support(answer="yes"), context_tokens=most, tokenizer="o200k_base")
    return [finding for finding in told(path, model=model, **options) if finding.rule == "too-long"]


def test_a_row_over_the_models_limit_is_named_with_the_tokens_that_are_lost(raw: Write) -> None:
    row = json.dumps(chat("q", "word " * 100)).encode() + b"\n"
    path = raw(b"".join([*lines(), row]), "a.jsonl")
    (finding,) = judged(path, 50)
    # 3 a row, 4 for each of two roles, 1 for "q", 101 for the words and the blank at their end: the cookbook's rule.
    assert (finding.row, finding.message) == (13, "has 113 tokens, m takes 50: truncation loses 63 from its end")
    assert judged(path, 113) == []
    assert judged(path, None) == []


def test_the_rules_own_limit_goes_before_the_models(raw: Write) -> None:
    path = raw(b"".join([*lines(), json.dumps(chat("q", "word " * 100)).encode() + b"\n"]), "a.jsonl")
    assert judged(path, 10_000, rules=TokenRules(truncate_at=50))
    assert not judged(path, 50, rules=TokenRules(truncate_at=10_000))


def test_how_many_rows_are_enough_is_each_formats_own_rule(raw: Write) -> None:
    assert named(raw, *lines(5)) == [("too-few-rows", None)]
    assert named(raw, *lines(5), dialect=TOGETHER_CONVERSATION) == []


def test_a_defect_is_as_severe_as_its_platform_makes_it(raw: Write) -> None:
    tool = {"type": "function", "function": {"name": "my tool"}}
    path = raw(b"".join([*lines(), json.dumps(chat(tools=[tool])).encode() + b"\n"]), "a.jsonl")
    for dialect, severity in ((OPENAI_CHAT, "error"), (TOGETHER_CONVERSATION, "warning")):
        assert [(f.rule, f.severity) for f in told(path, dialect=dialect)] == [("tool-name", severity)]


def test_a_file_over_the_formats_size_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as stream:
        stream.write(lines(1)[0])
        stream.truncate(8 * 2**30 + 1)
    assert [finding.rule for finding in told(path)] == ["file-too-large"]


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_what_is_no_file_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        check_as_is(tmp_path / name, OPENAI_CHAT)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120), st.integers(0, 300), st.integers(0, 40))
def test_mutated_files_are_judged_without_a_crash(put: bytes, at: int, cut: int) -> None:
    whole = b"".join(lines(4))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(whole[:at] + put + whole[at + cut :])
        json.dumps([finding.to_json() for finding in check_as_is(path, OPENAI_CHAT)])
