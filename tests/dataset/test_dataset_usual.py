"""Promises about speed's price: rows that are read the fast way are read, judged and named as all others are."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dataset import Dataset, check
from orchestrator.dataset.normal import names_of, names_of_texts
from providers.records import Example, Message

ODD = [
    "",
    " ",
    "\n",
    "sk-" + "a" * 44,
    "<|endoftext|>",
    "\0",
    "\ud800",
    "Ã©",
    "\ufffd",
    "I'm sorry, but I can't help",
    "é",
    "e\u0301",
]
TEXTS = st.one_of(
    st.text(max_size=30), st.sampled_from(ODD), st.sampled_from(["yes", "no", " yes", "what?", "What?  "])
)
ROLES = st.sampled_from(["system", "user", "assistant", "user", "assistant", "tool", "User", "developer"])
TURNS = st.builds(lambda role, content: {"role": role, "content": content}, ROLES, TEXTS)
USUAL = st.builds(
    lambda system, user, answer: {
        "messages": [
            *([{"role": "system", "content": system}] if system is not None else []),
            {"role": "user", "content": user},
            {"role": "assistant", "content": answer},
        ]
    },
    st.none() | TEXTS,
    TEXTS,
    TEXTS,
)
CHATS = st.one_of(USUAL, st.builds(lambda turns: {"messages": turns}, st.lists(TURNS, max_size=4)))
PAIRS = st.builds(lambda user, answer: {"question": user, "answer": answer}, TEXTS, TEXTS)


def both_ways(rows: list[dict[str, Any]], *, ensure_ascii: bool = True) -> tuple[Dataset, Dataset]:
    """The rows as lines, whose usual ones are read fast, and as one list, whose rows all go the long way."""
    with TemporaryDirectory() as folder:
        lines, whole = Path(folder, "rows.jsonl"), Path(folder, "rows.json")
        encode = json.JSONEncoder(ensure_ascii=ensure_ascii).encode
        lines.write_bytes("".join(encode(row) + "\n" for row in rows).encode("utf-8", "surrogatepass"))
        whole.write_text(json.dumps(rows))
        found = [check(path, tokenizers=["o200k_base"]) for path in (lines, whole)]
        for dataset in found:
            list(dataset.rows), list(dataset.split.test)  # read while the files are there
        return found[0], found[1]


def said(dataset: Dataset) -> list[tuple[Any, ...]]:
    return [(f.rule, f.severity, f.message.replace("line", "item"), f.row, f.field) for f in dataset.findings]


@given(st.lists(CHATS, min_size=1, max_size=25) | st.lists(PAIRS, min_size=1, max_size=25))
@settings(max_examples=60, deadline=None)
def test_lines_read_fast_give_what_the_long_way_gives(rows: list[dict[str, Any]]) -> None:
    fast, slow = both_ways(rows)
    assert said(fast) == said(slow)
    assert [row.example for row in fast.rows] == [row.example for row in slow.rows]
    assert (fast.sha256, fast.task, fast.labels, fast.counts) == (slow.sha256, slow.task, slow.labels, slow.counts)
    for side in ("train", "validation", "test"):
        one, other = fast.lengths(side, "o200k_base"), slow.lengths(side, "o200k_base")
        assert one is not None
        assert other is not None
        assert np.array_equal(one.usual, other.usual)
        assert np.array_equal(one.odd, other.odd)


@given(st.none() | TEXTS, TEXTS, TEXTS)
@settings(max_examples=200, deadline=None)
def test_a_usual_row_has_the_names_of_its_example(system: str | None, user: str, answer: str) -> None:
    turns = (Message("user", user), Message("assistant", answer))
    example = Example(turns if system is None else (Message("system", system), *turns))
    assert names_of_texts(system, user, answer) == names_of(example)


@pytest.mark.parametrize(
    "line",
    [
        '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","content":"c"}]}',
        '{"messages":[],"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}',
        '{"mess\\u0061ges":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"messages":[]}',
    ],
)
def test_a_key_that_stands_twice_is_never_read_fast(line: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"r"}]}\n'
    path.write_text(good + line + "\n")
    found = [(finding.rule, finding.row) for finding in check(path).findings]
    assert ("duplicate-key", 2) in found
