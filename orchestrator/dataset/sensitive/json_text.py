"""Texts that are JSON themselves, such as a tool call's arguments: changed token by token, so that they stay JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Token", "is_json", "quoted", "tokens"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?', re.DOTALL)
_COLON = re.compile(r"\s*:")


class Token(NamedTuple):
    """A string or number within JSON text: where it stands, and the key before it ('' for a key itself)."""

    start: int
    end: int
    key: str
    is_text: bool


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or list."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def tokens(text: str) -> Iterator[Token]:
    """The strings and numbers of a text that is JSON, in order. Items of a list have the list's key."""
    key = ""
    for found in _TOKEN.finditer(text):
        is_text = text[found.start()] == '"'
        is_key = is_text and _COLON.match(text, found.end()) is not None
        yield Token(found.start(), found.end(), "" if is_key else key, is_text)
        if is_key:
            key = json.loads(found[0])


def quoted(value: str, like: str) -> str:
    """The value as a JSON string, with `\\u` escapes only where the text it goes into has such."""
    return json.dumps(value, ensure_ascii="\\u" in like)
