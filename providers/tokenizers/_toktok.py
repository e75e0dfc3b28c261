"""toktok, the fastest exact engine for OpenAI's encodings, of the `[fast]` extra: used once all its tokens are known.

Its vocabularies are compiled in, so there is no file to check: the bytes of every token are read back instead.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from ._counter import Engine, label, lenient
from ._files import sha256

__all__ = ["PACKAGE", "load"]

PACKAGE = "toktok"


class _Vocabulary(NamedTuple):
    """Ordinary tokens, and the SHA-256 of their bytes one after the other in the order of their ids."""

    tokens: int
    sha256: str


# Of the ranks that tiktoken 0.14 checks: the same bytes in the same order.
_O200K = _Vocabulary(199_998, "3bf84d1481dd580b8c08ca6cdac1922903f362637d412c3bd591cd74d6189d53")
_CL100K = _Vocabulary(100_256, "5bee5a2e09ad048360d8bf85d771fb7e9c8039a86b125b1a39b81faaf4d4d7fc")
_VOCABULARIES = {"o200k_base": _O200K, "o200k_harmony": _O200K, "cl100k_base": _CL100K}


def load(name: str) -> Engine:
    """Raises `ModuleNotFoundError` without the package, `RuntimeError` where a token is not the known one."""
    # `_encoding` gives the whole tokenizer, as its manual says; the public `batch_count` gives no ids to check.
    tokenizer = import_module(PACKAGE)._encoding(name)
    known = _VOCABULARIES[name]
    if sha256(tokenizer.decode_bytes(list(range(known.tokens)))) != known.sha256:
        raise RuntimeError(f"toktok's {name} is not the known vocabulary, so it is not used")
    return Engine(
        label=label("toktok", "toktok-rs"),
        encode=tokenizer.encode_ordinary,
        tally=lenient(lambda texts: tokenizer.count_batch(list(texts), 1, False)),  # in this thread alone
    )
