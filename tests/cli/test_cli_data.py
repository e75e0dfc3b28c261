"""`check --page`, what `prepare` keeps beside its files, and rules explained: for people and in the document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")


@pytest.fixture
def repeated(work: Path) -> Path:
    """Sixty pairs with labels, ten of which are there twice, and one without an answer."""
    rows = [f"question number {n} about thing {n % 7},label {n % 3}" for n in range(60)]
    path = work / "repeated.csv"
    path.write_text("text,label\n" + "\n".join([*rows, *rows[:10], "and this one?,"]) + "\n", encoding="utf-8")
    return path


def test_check_writes_the_page_and_names_it(tunewright: Any, repeated: Path, work: Path) -> None:
    (work / "pages").mkdir()
    answer = tunewright("check", repeated, "--page", "pages/data.html")
    assert answer.code == 0
    assert "page: pages/data.html" in answer.out
    assert "Name a target to count with its tokenizer" in (work / "pages" / "data.html").read_text(encoding="utf-8")


def test_a_target_gives_the_page_its_tokens_and_its_limit(tunewright: Any, repeated: Path, work: Path) -> None:
    answer = tunewright("check", repeated, *TO, "--page", "data.html", "--json")
    assert answer.json["page"] == "data.html"
    page = (work / "data.html").read_text(encoding="utf-8")
    assert "Counted with o200k_base, exactly." in page
    assert "65,536" in page


def test_a_refused_file_has_its_page_too(tunewright: Any, work: Path) -> None:
    (work / "few.csv").write_text("text,label\na,b\n", encoding="utf-8")
    assert tunewright("check", "few.csv", "--page", "data.html").code == 3
    assert "Not usable yet" in (work / "data.html").read_text(encoding="utf-8")


def test_a_page_of_bytes_as_they_are_is_refused_in_words(tunewright: Any, repeated: Path) -> None:
    answer = tunewright("check", repeated, *TO, "--as-is", "--page", "data.html")
    assert answer.code == 2
    assert "leave one of the two out" in answer.err


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (".", "is a folder"),
        ("..", "is a folder"),
        ("nope/data.html", "nope does not exist"),
        ("repeated.csv/data.html", "repeated.csv is no folder"),
    ],
)
def test_a_page_that_has_no_place_is_refused_before_anything_is_read(
    tunewright: Any, work: Path, repeated: Path, page: str, says: str
) -> None:
    error = tunewright("check", "not-there.csv", "--page", page, "--json").error
    assert (error["exit_code"], error["what"], error["where"]) == (2, says, f"--page {page}")
    assert list(work.iterdir()) == [repeated]


def test_prepare_keeps_what_it_dropped_and_the_page_beside(tunewright: Any, repeated: Path, work: Path) -> None:
    document = tunewright("prepare", repeated, "-o", "out", *TO, "--json").json
    rows = [json.loads(line) for line in (work / document["dropped_file"]).read_text(encoding="utf-8").splitlines()]
    assert [row["rule"] for row in rows] == ["exact-duplicate"] * 10 + ["blank-answer"]
    assert rows[-1]["source"] == {"text": "and this one?", "label": ""}
    assert "out/dropped.jsonl" in (work / document["page"]).read_text(encoding="utf-8")


def test_dropped_rows_are_counted_by_rule_for_people(tunewright: Any, repeated: Path) -> None:
    out = tunewright("check", repeated).out
    assert "60 rows kept: " in out
    assert "11 dropped:\n         10  exact-duplicate\n          1  blank-answer\n" in out


def test_a_rule_that_is_not_there_names_the_nearest(tunewright: Any) -> None:
    answer = tunewright("check", "--explain", "duplicates")
    assert answer.code == 2
    assert "did you mean 'duplicate-key' or 'near-duplicate' or 'exact-duplicate'?" in answer.err


def test_a_name_like_no_rule_lists_all_by_group_within_80_columns(tunewright: Any) -> None:
    answer = tunewright("check", "--explain", "nonsens")
    assert "         labels: one-label, rare-label" in answer.err
    assert max(map(len, answer.err.splitlines())) < 80


def test_prepare_fix_lists_each_fix_for_people_in_the_document_and_on_the_page(tunewright: Any, work: Path) -> None:
    rows = [{"input": f"question {n}?\r\nIt is number {n * 7}.", "output": f"label {n % 3}"} for n in range(40)]
    (work / "rough.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    answer = tunewright("prepare", "rough.jsonl", "-o", "out", *TO, "--fix")
    assert "         40  line-ends: Line ends of Windows (CR LF) become LF" in answer.out
    assert "Fixed on the way" in (work / "out" / "data.html").read_text(encoding="utf-8")
    assert b"\\r" not in (work / "out" / "openai" / "train.jsonl").read_bytes()
    document = tunewright("prepare", "rough.jsonl", "-o", "again", *TO, "--fix", "--json").json
    assert [one["rule"] for one in document["fixed"]] == ["line-ends"] * 40


def test_explain_says_which_platforms_and_methods_judge_otherwise_and_who_says_so(tunewright: Any) -> None:
    out = tunewright("check", "--explain", "tool-name").out
    assert "  severity: warning, but\n    error for OpenAI supervised chat; OpenAI preference (DPO); " in out
    assert "FunctionObject.name" in out
    assert "(checked 2026-11-22)" in out


def test_explain_says_when_all_platforms_judge_alike(tunewright: Any) -> None:
    out = tunewright("check", "--explain", "role").out
    assert "severity: the same for every platform and method, as far as is known" in out


def test_the_document_of_a_rule_lists_its_rulings_by_format(tunewright: Any) -> None:
    rulings = tunewright("check", "--explain", "unknown-key", "--json").json["rulings"]
    assert {row["format"]: row["severity"] for row in rulings} == {
        "openai-reinforcement": "info",
        "bedrock-claude": "error",
    }
    assert all(row["source"] and row["as_of"] == "2026-11-22" for row in rulings)


@pytest.fixture
def instructions(work: Path) -> Path:
    rows = [{"prompt": f"what of number {n}?", "completion": f"it is {n}"} for n in range(40)]
    path = work / "instructions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_bytes_are_judged_for_a_format_by_its_name(tunewright: Any, instructions: Path) -> None:
    assert tunewright("check", instructions, "--as-is", "--format", "together-instruction").code == 0
    assert tunewright("check", instructions, "--as-is", "--format", "bedrock-nova").code == 3


def test_a_format_beside_a_target_is_measured_by_its_model(tunewright: Any, instructions: Path) -> None:
    row = {"prompt": "what?" + " word" * 70_000, "completion": "that"}
    instructions.write_text(instructions.read_text(encoding="utf-8") + json.dumps(row) + "\n", encoding="utf-8")
    format = ("check", instructions, "--as-is", "--format", "together-instruction", "--json")
    assert "too-long" not in {finding["rule"] for finding in tunewright(*format).json["findings"]}
    assert "too-long" in {finding["rule"] for finding in tunewright(*format, *TO).json["findings"]}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--as-is",), "--to PLATFORM:MODEL, or --format NAME"),
        (("--format", "text"), "add --as-is"),
        (("--as-is", "--format", "bedrok-nova"), "did you mean 'bedrock-nova'?"),
    ],
)
def test_what_is_judged_as_it_is_needs_one_format(tunewright: Any, repeated: Path, flags: Any, said: str) -> None:
    answer = tunewright("check", repeated, *flags)
    assert answer.code == 2
    assert said in answer.err


@pytest.fixture
def letters(work: Path) -> Path:
    """Fifty pairs of ten customers on fifty days, with two addresses in them."""
    rows = [
        {"input": f"what of number {n}?", "output": f"it is {n}", "day": f"2026-{1 + n // 28:02}-{1 + n % 28:02}"}
        | {"customer": f"c{n % 10}"}
        for n in range(50)
    ]
    rows[3]["input"] += " Write to jane@mail.net or jo@mail.net, and to jane@mail.net again."
    path = work / "letters.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_split_by_time_says_from_when_to_when(tunewright: Any, letters: Path) -> None:
    out = tunewright("check", letters, "--time", "day").out
    assert "    train       2026-01-01 to 2026-02-12 (UTC)\n    validation  2026-02-13 to 2026-02-17 (UTC)\n" in out
    assert "    held out    2026-02-18 to 2026-02-22 (UTC)\n" in out


def test_a_split_by_group_says_how_many_groups(tunewright: Any, letters: Path) -> None:
    assert "  split by group: 10 groups, " in tunewright("check", letters, "--group", "customer").out


@pytest.mark.parametrize("verb", [("check",), ("prepare", "-o", "out", *TO)])
def test_what_was_redacted_is_counted_by_kind_and_the_map_named(tunewright: Any, letters: Path, verb: Any) -> None:
    out = tunewright(*verb, letters, "--redact", "map.json").out
    assert "redacted, each value counted once: 2 EMAIL\n  the map: map.json (for you alone, never uploaded)" in out
    document = tunewright(*verb, letters, "--redact", "map.json", "--json").json
    assert (document["redacted"], document["redaction_map"]) == ({"EMAIL": 2}, "map.json")


def test_where_nothing_is_redacted_that_is_said_too(tunewright: Any, repeated: Path) -> None:
    assert "redacted: nothing" in tunewright("check", repeated, "--redact", "map.json").out


def test_prepare_refused_for_its_data_leaves_no_folder_and_names_the_page_that_shows_why(
    tunewright: Any, work: Path
) -> None:
    (work / "few.csv").write_text("text,label\na,b\n", encoding="utf-8")
    answer = tunewright("prepare", "few.csv", *TO, "-o", "out")
    assert answer.code == 3
    assert "see:   tunewright check PAIRS --page data.html shows every row and why" in answer.err
    assert not (work / "out").exists()


def test_a_check_that_refuses_says_so_last(tunewright: Any, work: Path) -> None:
    (work / "few.csv").write_text("text,label\na,b\n", encoding="utf-8")
    answer = tunewright("check", "few.csv")
    assert answer.out.splitlines()[-1] == (
        "refused: 1 rule must be mended first (too-few-rows); run and prepare will not go on"
    )


@pytest.mark.parametrize(("command", "console"), [("prepare", "out"), ("estimate", "out"), ("submit", "err")])
def test_doubtful_data_is_said_before_it_is_used(
    tunewright: Any, work: Path, server: Any, command: str, console: str
) -> None:
    rows = [f"question number {n} about thing {n % 7},label {n % 3}" for n in range(60)]
    rows.append("question number 5 about thing 5,label 0")
    (work / "pairs.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    more = {"prepare": ("-o", "out"), "estimate": (), "submit": ("--max-usd", "500")}[command]
    answer = tunewright(command, "pairs.csv", *TO, *more, env=server.environ)
    assert "1 contradiction" in getattr(answer, console), answer
    assert "(tunewright check PAIRS shows them)" in getattr(answer, console)


def test_bytes_are_judged_under_a_heading_and_with_a_verdict(tunewright: Any, work: Path) -> None:
    turns = [[{"role": "user", "content": f"ask {n} of {n * 31}"}, {"role": "assistant", "content": f"it is {n}"}]
             for n in range(200)]  # fmt: skip
    lines = [json.dumps({"messages": pair}) for pair in turns]
    (work / "chat.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    answer = tunewright("check", "chat.jsonl", "--as-is", *TO)
    assert (answer.code, answer.out.splitlines()[0]) == (0, f"chat.jsonl, judged as openai-chat for {TO[1]}:")
    assert answer.out.splitlines()[-1].endswith("it would be taken")


def test_preference_rows_judged_as_supervised_ones_give_one_hint(tunewright: Any, work: Path) -> None:
    row = json.dumps({"prompt": "a?", "chosen": "b", "rejected": "c"})
    (work / "ranked.jsonl").write_text(f"{row}\n" * 12, encoding="utf-8")
    answer = tunewright("check", "ranked.jsonl", "--as-is", "--to", "together:Qwen/Qwen3-8B")
    assert answer.code == 3
    assert "which is not what together-conversation holds" in answer.out
    assert answer.out.count("--method dpo may be meant") == 1


@pytest.mark.parametrize(
    ("name", "code"), [("nonsense", 2), ("aws-access-keys", 2), ("aws-access-key", 0), ("0" * 12, 0)]
)
def test_a_secret_is_allowed_by_a_name_that_can_allow_one(
    tunewright: Any, repeated: Path, name: str, code: int
) -> None:
    assert tunewright("check", repeated, "--allow-secret", name).code == code
