"""What counts tokens, once it is loaded: a name, the engine that was chosen, and the loop over texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["Counter", "Engine", "MissingTokenizer", "label", "lenient", "replace_surrogates", "tally_with"]


@runtime_checkable
class Counter(Protocol):
    """Counts the tokens of texts in one family's vocabulary."""

    @property
    def name(self) -> str:
        """The family's name, as `families()` lists it."""

    @property
    def exact(self) -> bool:
        """Whether a count is the family's own, and not an estimate."""

    @property
    def engine(self) -> str:
        """What counts, with its version, and why it is not the faster one where that was refused."""

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        """Tokens of each text, in order. Spellings of special tokens are counted as the plain text they are."""


class MissingTokenizer(ImportError):
    """The package that holds a family's vocabulary is not installed; the message names the extra to install."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A loaded tokenizer: its name and version, ids for the guard, and its fastest way to count a batch in one thread.

    `encode` gives the ids of one text; `tally` gives the number of ids of each text, and takes any `str`.
    """

    label: str
    encode: Callable[[str], Sequence[int]]
    tally: Callable[[Sequence[str]], list[int]]


def label(engine: str, distribution: str) -> str:
    """The engine's name with the installed version of its distribution."""
    from importlib.metadata import version  # slow to import, and wanted only once something is counted

    return f"{engine} {version(distribution)}"


def lenient(tally: Callable[[Sequence[str]], list[int]]) -> Callable[[Sequence[str]], list[int]]:
    """The same batch count for engines that refuse half a surrogate pair, each with its own error: the half is read as
    U+FFFD, as tiktoken reads it. An error with any other cause is raised again by the second try."""

    def forgiving(texts: Sequence[str]) -> list[int]:
        try:
            return tally(texts)
        except (TypeError, UnicodeEncodeError, RuntimeError):
            return tally(list(map(replace_surrogates, _text_only(texts))))

    return forgiving


def tally_with(count: Callable[[str], int]) -> Callable[[Sequence[str]], list[int]]:
    """A lenient batch count out of the count of one text."""
    return lenient(lambda texts: list(map(count, texts)))


def _text_only(texts: Iterable[object]) -> Iterable[str]:
    """The same texts; raises `TypeError` for anything else, which would otherwise look like half a surrogate pair."""
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"only texts are counted, not {type(text).__name__}")
        yield text


def replace_surrogates(text: str) -> str:
    """The text with each half of a surrogate pair as U+FFFD; pairs that were split become their character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
