"""tiktoken as an engine: one text at a time, and never a run that its pattern matcher cannot hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ._counter import Engine, label

__all__ = ["LONGEST_RUN", "engine"]

LONGEST_RUN = 100_000
"""tiktoken 0.14 ends the process on about a million blanks in a row; a run of so many characters that are no part of a
word is cut, which may make a token or two more of it."""

_RUN = re.compile(rf"\W{{{LONGEST_RUN}}}")


def engine(encode: Callable[[str], Sequence[int]]) -> Engine:
    """The engine of an encoding, given by its `encode_ordinary`."""

    def whole(text: str) -> Sequence[int]:
        return encode(text) if len(text) <= LONGEST_RUN else [token for part in _parts(text) for token in encode(part)]

    def tally(texts: Sequence[str]) -> list[int]:
        # Not tiktoken's batch call: it hands every text to a thread, five times slower where texts are short.
        return list(map(len, map(whole if max(map(len, texts), default=0) > LONGEST_RUN else encode, texts)))

    return Engine(label=label("tiktoken", "tiktoken"), encode=whole, tally=tally)


def _parts(text: str) -> Iterator[str]:
    start = 0
    for run in _RUN.finditer(text):
        yield text[start : run.end()]
        start = run.end()
    yield text[start:]
