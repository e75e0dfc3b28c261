"""What the facts say a chat template adds, beside the templates that models ship with, as TRL and others keep them."""

from __future__ import annotations

import importlib.util
import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from providers import facts
from providers.records import TokenRules
from providers.tokenizers import Counter, MissingTokenizer, counter

Conversation = list[dict[str, str]]
SPECIAL = re.compile(r"<\|[a-z_]+\|>|<｜[^｜]+｜>|</?think>|<(?:start|end)_of_turn>|<bos>")
WORDS = re.findall(
    r"\S+", "What is my balance today? I lost the card, please help. Add 3 and 4 to get 7; it's 'naïve'."
)


class Template(NamedTuple):
    """A file among TRL's templates and the word that begins a text; `off`: what the rule may miss for N answers."""

    file: str
    begin: str = ""
    off: Callable[[int], int] = lambda _: 0


DEEPSEEK = "<｜begin▁of▁sentence｜>"
TEMPLATES = {
    "Qwen/Qwen2.5-7B-Instruct": Template("qwen2_5"),
    "Qwen/Qwen3-8B": Template("qwen3"),
    "Qwen/Qwen3-235B-A22B-Instruct-2507": Template("qwen3_instruct_2507"),
    "Qwen/Qwen3.5-4B": Template("qwen3_5_nothink"),
    "Qwen/Qwen3.5-27B": Template("qwen3_5_think"),
    "Qwen/Qwen3.6-35B-A3B": Template("qwen3_6"),
    "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference": Template("llama3_1", "<|begin_of_text|>"),
    "meta-llama/Llama-3.2-3B-Instruct": Template("llama3_2", "<|begin_of_text|>"),
    "google/gemma-3-4b-it": Template("gemma3", "<bos>", lambda _: 1),
    "deepseek-ai/DeepSeek-V3": Template("deepseekv3", DEEPSEEK),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": Template("deepseek_r1_distill", DEEPSEEK, lambda n: n - 1),
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": Template("deepseek_r1_distill", DEEPSEEK, lambda n: n - 1),
    "openai/gpt-oss-20b": Template("gptoss", "", lambda _: 1),
}


def conversations() -> Iterator[Conversation]:
    """With and without a system turn, one to three answers, three texts of each."""
    rng = random.Random(5)

    def turn(role: str) -> dict[str, str]:
        return {"role": role, "content": " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 25)))}

    for number in range(18):
        pairs = [[turn("user"), turn("assistant")] for _ in range(1 + number // 2 % 3)]
        yield [*([turn("system")] if number % 2 else []), *(one for pair in pairs for one in pair)]


CONVERSATIONS = list(conversations())


def ours(model: str) -> tuple[TokenRules, Counter]:
    found = facts.model("together", model)
    try:
        return facts.token_rules("together", model), counter(found.tokenizer or "o200k_base")
    except MissingTokenizer as error:
        pytest.skip(str(error))


def predicted(rules: TokenRules, tokens: Counter, turns: Conversation) -> int:
    texts = [text for turn in turns for text in (turn["role"], turn["content"])]
    opening = 0 if turns[0]["role"] == "system" else rules.without_system
    return rules.per_example + opening + rules.per_message * len(turns) + sum(tokens.count(texts))


def counted(tokens: Counter, text: str) -> int:
    """Tokens of a rendered conversation: each special token is one, whatever stands between is counted apart."""
    return len(SPECIAL.findall(text)) + sum(tokens.count([piece for piece in SPECIAL.split(text) if piece]))


@cache
def template(name: str) -> Any:
    spec = importlib.util.find_spec("trl")
    if spec is None or spec.origin is None:
        pytest.skip("trl, which keeps the templates, is not installed (its dependencies are not needed)")
    text = (Path(spec.origin).parent / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8")
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    environment.globals["strftime_now"] = date(2026, 11, 23).strftime
    return environment.from_string(text)


def rendered(told: Template, turns: Conversation) -> str:
    text: str = template(told.file).render(messages=turns, bos_token=told.begin)
    return text


@pytest.mark.parametrize("model", TEMPLATES)
def test_the_facts_give_what_the_template_renders(model: str) -> None:
    told = TEMPLATES[model]
    rules, tokens = ours(model)
    for turns in CONVERSATIONS:
        answers = sum(turn["role"] == "assistant" for turn in turns)
        miss = counted(tokens, rendered(told, turns)) - predicted(rules, tokens, turns)
        assert abs(miss) <= told.off(answers)


@pytest.mark.parametrize("model", TEMPLATES)
def test_odd_texts_stay_within_the_stated_tolerance(model: str, varied_texts: Callable[[int], list[str]]) -> None:
    """Where a text touches the template's own characters, the two may make one token: on a few texts, of a few."""
    told = TEMPLATES[model]
    rules, tokens = ours(model)
    texts = [text for text in varied_texts(200) if text.strip() == text and text and not SPECIAL.search(text)]
    misses = []
    for question, answer in zip(texts[::2], texts[1::2], strict=False):
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        misses.append(abs(counted(tokens, rendered(told, turns)) - predicted(rules, tokens, turns)))
    assert max(misses) <= max(rules.tolerance, 2)


def llama4(turns: Conversation) -> str:
    """As llama-models 0.3.0 writes it, llama4/chat_format.py."""
    one = "<|header_start|>{role}<|header_end|>\n\n{content}<|eot|>"
    return "<|begin_of_text|>" + "".join(one.format(**turn) for turn in turns)


def deepseek_v31(turns: Conversation) -> str:
    """As DeepSeek-V3.1's template writes it for turns that alternate."""
    marks = {"system": "{}", "user": "<｜User｜>{}", "assistant": "<｜Assistant｜></think>{}<｜end▁of▁sentence｜>"}
    return DEEPSEEK + "".join(marks[turn["role"]].format(turn["content"]) for turn in turns)


SPELLED: dict[str, tuple[Callable[[Conversation], str], Callable[[int], int]]] = {
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": (llama4, lambda _: 0),
    "deepseek-ai/DeepSeek-V3.1": (deepseek_v31, lambda answers: answers - 1),
}


@pytest.mark.parametrize("model", SPELLED)
def test_the_facts_give_what_the_template_spells(model: str) -> None:
    render, off = SPELLED[model]
    rules, tokens = ours(model)
    for turns in CONVERSATIONS:
        answers = sum(turn["role"] == "assistant" for turn in turns)
        assert counted(tokens, render(turns)) - predicted(rules, tokens, turns) == off(answers)


def test_the_facts_give_what_mistrals_own_package_encodes() -> None:
    rules, tokens = ours("mistralai/Mistral-7B-Instruct-v0.2")
    package: Any = pytest.importorskip("mistral_common.tokens.tokenizers.mistral")
    request: Any = pytest.importorskip("mistral_common.protocol.instruct.request").ChatCompletionRequest
    from mistral_common.protocol.instruct.validator import ValidationMode

    file = Path(package.__file__).parents[2] / "data" / "tokenizer.model.v1"
    reference = package.MistralTokenizer.from_file(str(file), mode=ValidationMode.finetuning)
    for turns in CONVERSATIONS:
        ids = reference.encode_chat_completion(request(messages=turns)).tokens
        assert abs(len(ids) - predicted(rules, tokens, turns)) <= 1


def test_every_tokenizer_that_the_facts_name_is_known() -> None:
    from providers.tokenizers import families

    named = {model.tokenizer for platform in ("openai", "together", "sandbox") for model in facts.models(platform)}
    assert named - {None} <= set(families())


def test_a_model_without_a_tokenizer_states_its_margin() -> None:
    unknown = [model for model in facts.models("together") if model.tokenizer is None]
    assert unknown
    assert all(model.token_margin > 0 for model in unknown)
