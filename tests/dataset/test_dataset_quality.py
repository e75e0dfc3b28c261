"""Promises on tools, images, wording and labels: what teaches wrongly is named, ordinary rows are left alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dataset import check, check_as_is
from orchestrator.dataset.answer_rules import boilerplate, misdecoded
from orchestrator.dataset.label_rules import label_problems
from providers.dialects import OPENAI_CHAT

Write = Callable[..., Path]
Pairs = Callable[..., list[dict[str, Any]]]

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}


def rules_of(jsonl: Write, row: dict[str, Any]) -> list[str]:
    return [finding.rule for finding in check(jsonl([row])).findings if finding.row]


def calling(arguments: str, schema: Any = SCHEMA, tools: int = 1) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [call]}]
    return {"messages": messages, "tools": [tool] * tools}


ARGUMENTS: list[tuple[str, list[str]]] = [
    ('{"city": "Oslo", "days": 2}', []),
    ('{"city": "Paris"}', ["tool-misfit"]),
    ('{"city": 5}', ["tool-misfit"]),
    ('{"city": "Oslo", "days": 0}', ["tool-misfit"]),
    ('{"city": "Oslo", "mood": 1}', ["tool-misfit"]),
    ('{"days": 1}', ["tool-arguments"]),
    ("not json", ["tool-arguments"]),
    ('"{\\"city\\": \\"Paris\\"}"', ["double-encoded", "tool-misfit"]),
]


@pytest.mark.parametrize(("arguments", "rules"), ARGUMENTS, ids=[case[0] for case in ARGUMENTS])
def test_arguments_are_held_against_the_declared_schema(jsonl: Write, arguments: str, rules: list[str]) -> None:
    pytest.importorskip("jsonschema")
    assert rules_of(jsonl, calling(arguments)) == rules


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "spaceship"},
        {"$ref": "https://example.com/never-fetched.json"},
        {"properties": {"a": {"$ref": "#/nowhere"}}},
        {"properties": {"a": {"description": "x" * 100_001}}},
    ],
    ids=["no-type", "remote", "dangling", "huge"],
)
def test_a_schema_that_cannot_be_applied_is_said_to_be_so(jsonl: Write, schema: dict[str, Any]) -> None:
    pytest.importorskip("jsonschema")
    assert rules_of(jsonl, calling('{"a": 1}', schema)) == ["tool-schema"]


DOUBLING = {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)} | {"40": {}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
        {"patternProperties": {"^(a|a)*$": {}}, "additionalProperties": False},
        {"properties": {"a": {"$ref": "#"}}},
        {"$ref": "#/$defs/0", "$defs": DOUBLING},
    ],
    ids=["endless", "slow-pattern", "slow-names", "recursive", "doubling"],
)
def test_a_schema_made_to_hang_does_not(jsonl: Write, schema: dict[str, Any]) -> None:
    pytest.importorskip("jsonschema")
    assert set(rules_of(jsonl, calling(json.dumps({"a": "a" * 60 + "b"}), schema))) <= {"tool-schema"}


def test_two_tools_of_one_name_are_refused(jsonl: Write) -> None:
    assert rules_of(jsonl, calling('{"city": "Oslo"}', tools=2)) == ["tools"]


def image(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
IMAGES: list[tuple[list[str], list[str]]] = [
    ([image("image/png", PNG)] * 10, []),
    (["https://example.com/a.png"], []),
    (["s3://bucket/a.png", "gs://bucket/a.png"], []),
    (["s3:bucket/a.png"], ["image-type"]),
    ([image("image/png", PNG)] * 11, ["image-count"]),
    ([image("image/png", PNG + b"\0" * 10_000_000)], ["image-size"]),
    ([image("image/gif", b"GIF89a")], ["image-type"]),
    ([image("image/png", b"GIF89a" + b"\0" * 20)], ["image-type"]),
    (["data:image/png;base64,*not base64*"], ["image-type"]),
    (["file:///etc/passwd"], ["image-type"]),
    (["data:image/png,raw"], ["image-type"]),
]


@pytest.mark.parametrize(("urls", "rules"), IMAGES, ids=[f"{n}-{rules}" for n, (_, rules) in enumerate(IMAGES)])
def test_images_are_judged_by_count_size_and_type(jsonl: Write, urls: list[str], rules: list[str]) -> None:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    row = {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "a"}]}
    assert rules_of(jsonl, row) == rules


@pytest.mark.parametrize(
    "answer",
    [
        "As an AI language model, I have no opinions.",
        "I'm sorry, but I can't assist with that request.",
        "I’m sorry, but as an AI I have no access.",
        "Sorry, I cannot help with that.",
        "I am unable to provide this.",
        "Unfortunately, I can't help.",
    ],
)
def test_boilerplate_at_the_beginning_of_an_answer_is_named(jsonl: Write, answer: str) -> None:
    assert rules_of(jsonl, {"input": "q", "output": answer}) == ["boilerplate-answer"]


@pytest.mark.parametrize(
    "answer",
    [
        "I am sorry for the delay; your parcel arrives on Friday.",
        "As an airline we charge for bags.",
        "Use the phrase: as an AI language model, I cannot.",
        "I can help with that.",
        "Unfortunately, the card was declined.",
        "",
    ],
)
def test_ordinary_answers_are_no_boilerplate(answer: str) -> None:
    assert boilerplate(answer) is None


@pytest.mark.parametrize("words", ["café", "naïve “quotes”", "日本語", "emoji 🎉", "£5", "coûte 5 €", "Ärger"])
def test_text_read_in_the_wrong_encoding_is_told_from_the_right_one(words: str) -> None:
    assert misdecoded(words) is None
    assert misdecoded(words.encode().decode("latin-1"))


def test_windows_encoding_and_lost_characters_are_told_too(jsonl: Write) -> None:
    assert misdecoded("it’s".encode().decode("cp1252")) == "â€™"
    assert rules_of(jsonl, {"input": "q\ufffd", "output": "a"}) == ["mojibake"]


@pytest.mark.parametrize("words", ["SÃO PAULO", "à propos", "« CAFÉ»", "NAÏVE—really", "Âge", "crème brûlée…"])
def test_accents_are_no_wrong_encoding(words: str) -> None:
    assert misdecoded(words) is None


LABELS: list[tuple[dict[str, int], list[str]]] = [
    ({"refund": 40, "shipping": 30}, []),
    ({"refund": 40, "Refund": 30}, ["near-labels"]),
    ({"card arrival": 40, "card_arrival": 30}, ["near-labels"]),
    ({"refund": 40, "refunds": 30}, ["near-labels"]),
    ({"shipping": 40, "shiping": 30}, ["near-labels"]),
    ({"level 1": 40, "level 2": 30}, []),
    ({"moral": 40, "amoral": 30}, []),
    ({"yes": 40, "no": 30}, []),
    ({"refund": 40, "shipping": 4}, ["rare-label"]),
    ({"refund": 101, "shipping": 5}, ["label-imbalance"]),
    ({"refund": 100, "shipping": 5}, []),
    ({"refund": 100}, []),
]


@pytest.mark.parametrize(("labels", "rules"), LABELS, ids=[f"{n}-{rules}" for n, (_, rules) in enumerate(LABELS)])
def test_labels_are_judged_by_balance_and_likeness(labels: dict[str, int], rules: list[str]) -> None:
    assert [problem.rule for problem in label_problems(labels)] == rules


def test_labels_are_judged_in_pairs_and_in_bytes_as_they_are(jsonl: Write, pairs: Pairs) -> None:
    rows = pairs(30, ("refund", "Refund"))
    chats = [
        {"messages": [{"role": "user", "content": row["input"]}, {"role": "assistant", "content": row["output"]}]}
        for row in rows
    ]
    assert "near-labels" in {finding.rule for finding in check(jsonl(rows)).findings}
    assert "near-labels" in {finding.rule for finding in check_as_is(jsonl(chats), OPENAI_CHAT)}


def test_a_last_line_cut_short_is_told_from_a_broken_one(raw: Write) -> None:
    whole = "".join(json.dumps({"input": f"q{n}", "output": f"a{n}"}) + "\n" for n in range(12))
    finding = check(raw(whole + '{"input": "q", "outp', "a.jsonl")).findings[0]
    assert (finding.rule, finding.row) == ("truncated", 13)
