"""Keys of services: every shape is found, no line that holds one is passed over, and none is ever repeated."""

from __future__ import annotations

import json
import pickle
import random
import re
import string
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dataset.row_rules import row_problems
from orchestrator.dataset.sensitive import Patterns, find, is_allowed, may_hold, suspects
from orchestrator.dataset.sensitive.engine import installed
from orchestrator.dataset.sensitive.secret_rules import entropy_bits, read_secret_rules
from orchestrator.dataset.sensitive.shapes import Shape
from orchestrator.dataset.sensitive.spans import MOST_SHOWN
from orchestrator.errors import UsageError
from providers.records import Example, Message

WITH_RE = Patterns(engine="re")
SHAPES = read_secret_rules()
parse: Any = re._parser.parse  # type: ignore[attr-defined]  # the expression's own tree, to draw texts from it
WORDS = st.text(st.sampled_from(string.ascii_letters + '  \n\t"\\é日🙂.,;!?'), max_size=40)


def drawn(tree: Any, chance: random.Random) -> str:
    """A text that an expression matches, its repetitions near their least."""
    return "".join(_drawn(str(name), value, chance) for name, value in tree)


def _drawn(name: str, value: Any, chance: random.Random) -> str:
    match name:
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return "A"
        case "IN":
            return _character(value, chance)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inner = value
            return "".join(drawn(inner, chance) for _ in range(chance.randint(least, min(most, least + 3))))
        case "SUBPATTERN":
            return drawn(value[3], chance)
        case "BRANCH":
            return drawn(chance.choice(value[1]), chance)
    assert name == "AT", name
    return ""


def _character(options: Any, chance: random.Random) -> str:
    names = {str(name) for name, _ in options}
    allowed = re.compile("[" + "".join(map(_class, options)) + "]")
    pool = [c for c in string.ascii_letters + string.digits + string.punctuation + " " if allowed.match(c)]
    return chance.choice([c for c in pool if c.isalnum()] or pool) if "NEGATE" in names else chance.choice(pool)


def _class(option: Any) -> str:
    name, value = str(option[0]), option[1]
    if name == "RANGE":
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    if name == "CATEGORY":
        return {"CATEGORY_WORD": r"\w", "CATEGORY_DIGIT": r"\d", "CATEGORY_SPACE": " ", "CATEGORY_NOT_SPACE": r"\S"}[
            str(value)
        ]
    return "^" if name == "NEGATE" else re.escape(chr(value))


def as_json(value: Any) -> str:
    r"""JSON with no `\u` escapes: lines that have such are looked at closely whatever the first look says."""
    return json.dumps(value, ensure_ascii=False)


def key_of(shape: Shape, chance: random.Random) -> str:
    """A made-up text of that shape that passes its own verdict."""
    tree = parse(shape.pattern.decode("latin-1"))
    for _ in range(200):
        text = drawn(tree, chance).encode("latin-1").decode("utf-8", "replace")
        if any(span.kind == shape.kind for span in find(f" {text} ")):
            return text
    raise AssertionError(f"no text of {shape.kind} is found")


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
def test_every_shape_is_found_and_its_line_is_suspected(shape: Shape) -> None:
    text = f"first line\n{key_of(shape, random.Random(1))} and more"
    row = json.dumps({"a": "b"}).encode() + b"\n" + json.dumps({"messages": [{"content": text}]}).encode() + b"\n"
    assert [row.count(b"\n", 0, offset) for offset in suspects(row)] == [1]


@settings(deadline=None)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 2**32), before=WORDS, after=WORDS)
def test_a_key_anywhere_in_a_text_is_found_and_its_line_suspected(
    shape: Shape, seed: int, before: str, after: str
) -> None:
    text = f"{before} \n{key_of(shape, random.Random(seed))}\n {after}"
    assert any(span.rule in ("provider-key", "possible-secret") for span in find(text))
    for raw in (as_json(text), as_json(text).replace("/", r"\/"), as_json(as_json(text))):
        assert suspects(raw.encode())


@settings(deadline=None)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 2**32))
def test_no_find_is_repeated(shape: Shape, seed: int) -> None:
    text = f"see {key_of(shape, random.Random(seed))} "
    for span in find(text):
        value = text[span.start : span.end]
        assert not any(value[at : at + MOST_SHOWN + 1] in span.masked for at in range(len(value) - MOST_SHOWN))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_finds_do_not_overlap_and_lie_within_the_text(text: str) -> None:
    spans = find(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@settings(deadline=None, max_examples=50)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 2**32), before=WORDS)
def test_both_engines_find_the_same(shape: Shape, seed: int, before: str) -> None:
    text = f"{before} {key_of(shape, random.Random(seed))} and jane@mail.net"
    assert find(text) == WITH_RE.find(text)


def test_re2_is_what_searches() -> None:
    assert installed() == "re2"


def test_a_text_without_anything_is_left_at_once() -> None:
    assert not may_hold("What is the capital of France? It is Paris, 2 million people, since 508.")


def test_secrets_go_before_personal_data_where_they_overlap() -> None:
    (span,) = find("postgres://jane:h8s9xk2@db.acme-corp.com/x")
    assert span.kind == "password-in-url"


def test_a_made_up_key_is_allowed_by_the_name_of_its_shape_or_its_own() -> None:
    (span,) = find("AKIAIOSFODNN7EXAMPLE")
    assert is_allowed(span, ["aws-access-key"])
    assert is_allowed(span, [span.fingerprint])
    assert not is_allowed(span, ["github-token", "0123456789ab"])


def test_personal_data_has_no_fingerprint_that_could_be_guessed_from() -> None:
    assert [span.fingerprint for span in find("jane@mail.net")] == [""]


def test_a_key_in_the_arguments_of_a_call_is_found_in_its_row() -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"k": "ghp_" + "aB3" * 12})},
    }
    turns = (Message("user", "hello"), Message("assistant", None, tool_calls=(call,)))
    tools = ({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},)
    keys = [problem for problem in row_problems(Example(turns, tools)) if problem.rule == "provider-key"]
    assert [problem.field for problem in keys] == ["messages[1].tool_calls"]


def test_each_kind_is_told_once_a_field_with_how_many_there_are() -> None:
    turns = (Message("user", "a@mail.net b@mail.net c@mail.net"), Message("assistant", "d@mail.net"))
    problems = [(problem.field, problem.message) for problem in row_problems(Example(turns))]
    assert [field for field, _ in problems] == ["messages[0].content", "messages[1].content"]
    assert problems[0][1].endswith(", and 2 more")


GITLEAKS = r"""
[allowlist]
stopwords = ["abcdef"]
[[rules]]
id = "acme-key"
description = "Acme"
regex = '''(?i)[\w.-]{0,50}?(?:acme)[\s'"]{0,3}(?:=|:)[\s'"]{0,5}([a-z0-9]{20})(?:['"\s;]|$)'''
entropy = 3
keywords = ["acme"]
[[rules.allowlists]]
regexTarget = "line"
regexes = ['''only-a-test''']
[[rules]]
id = "by-path"
path = '''\.p12$'''
"""


@pytest.fixture
def gitleaks(tmp_path: Path) -> Patterns:
    path = tmp_path / "gitleaks.toml"
    path.write_text(GITLEAKS, encoding="utf-8")
    return Patterns(path)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("acme: 'k3j8s7d6f5g4h3j2k1l0'", ["acme-key"]),
        ("acme: 'aaaaaaaaaaaaaaaaaaaa'", []),  # too even
        ("acme: 'k3j8abcdeff5g4h3j2k1'", []),  # a stopword
        ("acme: 'k3j8s7d6f5g4h3j2k1l0' # only-a-test", []),  # its line is allowed
        ("acme: 'k3j8s7d6f5g4h3j2k1l0'\n# only-a-test", ["acme-key"]),
    ],
)
def test_a_file_of_gitleaks_own_format_is_understood(gitleaks: Patterns, text: str, kinds: list[str]) -> None:
    assert [span.kind for span in gitleaks.find(text)] == kinds


def test_rules_of_ones_own_reach_another_process(gitleaks: Patterns) -> None:
    text = "acme: 'k3j8s7d6f5g4h3j2k1l0'"
    assert pickle.loads(pickle.dumps(gitleaks)).find(text) == gitleaks.find(text)


@pytest.mark.parametrize("content", ["[[rules]]\nid = 'x'\nregex = '''(?=a)'''", "not toml", "rules = 3", ""])
def test_a_broken_file_of_rules_is_refused_in_words(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(content, encoding="utf-8")
    if not content:
        path.unlink()
    with pytest.raises(UsageError, match="rules for secrets cannot be read"):
        Patterns(path)


def test_entropy_is_that_of_shannon() -> None:
    assert [entropy_bits(text) for text in (b"aaaa", b"abab", b"0123456789abcdef")] == [0, 1, 4]
