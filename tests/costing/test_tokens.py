"""Token counts: exact against tiktoken, bounded where the tokenizer is not ours, truncation never hidden."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.costing import count
from providers.records import Example, Message, ModelFacts, Support, TokenRules
from providers.tokenizers import counter

DATA = Path(__file__).parents[2] / "../shared/data"
EXACT = ModelFacts(name="m", tunable=Support(answer="yes"), tokenizer="o200k_base")
CL100K = ModelFacts(name="m", tunable=Support(answer="yes"), tokenizer="cl100k_base")
BOUNDED = ModelFacts(name="m", tunable=Support(answer="yes"), token_margin=Decimal("0.20"))
RULES = TokenRules()


def pair(question: str, answer: str) -> Example:
    return Example((Message("user", question), Message("assistant", answer)))


def by_hand(examples: list[Example], name: str = "o200k_base") -> int:
    """The cookbook's count: 3 a message and 3 an example beside the tokens of role and content."""
    tokens = counter(name, fast=False).count
    return sum(3 + sum(3 + sum(tokens([m.role, m.text])) for m in e.messages) for e in examples)


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), max_size=5))
@settings(max_examples=50, deadline=None)
def test_counts_equal_tiktokens_own_for_any_text(texts: list[tuple[str, str]]) -> None:
    examples = [pair(*text) for text in texts]
    found = count(examples, RULES, EXACT)
    assert found.exact
    assert found.tokens == found.low == found.high == by_hand(examples)


def test_cl100k_models_are_counted_by_cl100k() -> None:
    examples = [pair("Ünïcode 你好 12345", "ok")]
    assert count(examples, RULES, CL100K).tokens == by_hand(examples, "cl100k_base")


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("file", "question", "answer", "tokens"),
    [
        ("banking77/train.pairs.jsonl", "input", "output", 287_754),
        ("gsm8k/train.jsonl", "question", "answer", 1_252_605),
    ],
)
def test_public_sets_are_counted_exactly(file: str, question: str, answer: str, tokens: int) -> None:
    rows = [json.loads(line) for line in (DATA / file).read_text(encoding="utf-8").splitlines()]
    examples = [pair(row[question], row[answer]) for row in rows]
    found = count(examples, RULES, EXACT)
    assert found.tokens == by_hand(examples) == tokens


def test_special_tokens_in_text_are_counted_as_text() -> None:
    assert count([pair("<|endoftext|>", "x")], RULES, EXACT).tokens == by_hand([pair("<|endoftext|>", "x")])


def test_a_model_without_our_tokenizer_is_bounded_by_its_margin() -> None:
    found = count([pair("hello " * 100, "world")] * 10, RULES, BOUNDED)
    assert not found.exact
    assert (found.low, found.high) == (found.tokens * 8 // 10, found.tokens * 12 // 10)


def test_a_vocabulary_that_we_do_not_carry_gets_the_widest_margin() -> None:
    unknown = ModelFacts(name="m", tunable=Support(answer="yes"), tokenizer="klingon")
    found = count([pair("hello " * 100, "world")], RULES, unknown)
    assert not found.exact
    assert found.low < found.tokens < found.high


@pytest.mark.parametrize(("limit", "rows", "lost"), [(111, 0, 0), (110, 1, 1), (11, 1, 100)])
def test_rows_over_the_context_are_cut_and_counted(limit: int, rows: int, lost: int) -> None:
    example = pair("hello" + " hello" * 98, "a")
    whole = count([example], RULES, EXACT).tokens
    assert whole == 111
    found = count([example], TokenRules(truncate_at=limit), EXACT)
    assert (found.truncated_rows, found.truncated_tokens, found.tokens) == (rows, lost, whole - lost)


def test_unpacked_training_bills_rows_times_context() -> None:
    found = count([pair("a", "b")] * 7, TokenRules(truncate_at=4096, pads_to_context=True), BOUNDED)
    assert found.tokens == found.low == found.high == 7 * 4096


def test_prompts_and_reference_answers_are_counted_apart() -> None:
    found = count([pair("hello world", "yes")], RULES, EXACT)
    assert found.prompt_tokens == 3 + 3 + 1 + 2
    assert found.answer_tokens == 1
    assert found.tokens == found.prompt_tokens + 3 + 1 + found.answer_tokens


def test_a_prompt_without_an_answer_is_counted_once() -> None:
    found = count([Example((Message("user", "hello world"),))], RULES, EXACT)
    assert found.tokens == found.prompt_tokens == 9
    assert found.answer_tokens == 0


def test_tools_make_the_count_a_range_because_their_form_is_unpublished() -> None:
    tool: dict[str, Any] = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
    example = Example((Message("user", "hi"), Message("assistant", "ok")), tools=(tool,))
    found = count([example], RULES, EXACT)
    assert not found.exact
    assert found.low < found.tokens < found.high


@pytest.mark.parametrize(("detail", "exact"), [("low", True), ("high", False)])
def test_an_image_is_exact_only_at_low_detail(detail: str, exact: bool) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": detail}}
    content = ({"type": "text", "text": "what is this?"}, image)
    plain = count([pair("what is this?", "a cat")], RULES, EXACT)
    found = count([Example((Message("user", content), Message("assistant", "a cat")))], RULES, EXACT)
    assert found.low == plain.tokens + 85
    assert found.exact is exact


def test_nothing_counts_as_nothing() -> None:
    found = count([], RULES, BOUNDED)
    assert (found.rows, found.tokens, found.low, found.high) == (0, 0, 0, 0)


def test_names_and_reasoning_are_counted() -> None:
    bare = count([Example((Message("user", "hi"), Message("assistant", "ok")))], RULES, EXACT)
    named = count([Example((Message("user", "hi", name="ann"), Message("assistant", "ok")))], RULES, EXACT)
    thought = count([Example((Message("user", "hi"), Message("assistant", "ok", reasoning="so")))], RULES, EXACT)
    assert named.tokens > bare.tokens
    assert thought.tokens == bare.tokens + 1


PREFERENCE = Example(
    (Message("user", "hello " * 50), Message("assistant", "Good day!")), rejected=(Message("assistant", "what?"),)
)


def test_a_rejected_answer_counts_once_or_as_a_conversation_of_its_own() -> None:
    plain = count([replace(PREFERENCE, rejected=())], RULES, EXACT).tokens
    once = count([PREFERENCE], TokenRules(counts_rejected="once"), EXACT)
    own = count([PREFERENCE], TokenRules(counts_rejected="with_prompt"), EXACT)
    assert once.exact
    assert own.exact
    assert once.tokens == plain + by_hand([Example(PREFERENCE.rejected)]) - RULES.per_example
    assert own.tokens == plain + by_hand([Example((PREFERENCE.messages[0], *PREFERENCE.rejected))])


def test_where_no_source_says_how_a_rejected_answer_counts_the_bounds_hold_both() -> None:
    once, own = (count([PREFERENCE], TokenRules(counts_rejected=how), EXACT).tokens for how in ("once", "with_prompt"))
    found = count([PREFERENCE], TokenRules(), EXACT)
    assert not found.exact
    assert (found.low, found.high) == (once, own)


def test_a_turn_that_a_template_adds_where_no_system_speaks_is_counted() -> None:
    asked = [pair("where?", "here"), Example((Message("system", "be short"), *pair("where?", "here").messages))]
    plain = [count([example], RULES, EXACT).tokens for example in asked]
    added = [count([example], TokenRules(without_system=7), EXACT).tokens for example in asked]
    assert added == [plain[0] + 7, plain[1]]
