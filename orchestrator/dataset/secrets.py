"""Keys of services in a text that may be no whole row, such as a broken line. Rows go through `sensitive` itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .sensitive import describe, find, may_hold

__all__ = ["Secret", "find_secrets", "may_hold_secret"]


class Secret(NamedTuple):
    """What kind of key, and its first characters with the length of the rest."""

    kind: str
    masked: str


def may_hold_secret(text: str) -> bool:
    """False when no shape can be met; cheap enough for every row."""
    return may_hold(text)


def find_secrets(text: str) -> Iterator[Secret]:
    """Every key shape met in the text, masked."""
    return (Secret(describe(span.kind), span.masked) for span in find(text) if span.rule == "provider-key")
