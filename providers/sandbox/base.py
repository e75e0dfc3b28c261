"""What the sandbox's base models answer: untrained, by word overlap alone.

Where the prompt lists labels it picks the one that shares most words with the user's text; without a list it answers
from the input's own words. Deterministic.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from .rows import message_text

__all__ = ["base_answer", "labels_in"]

_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(.+?)\s*$")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]+")
_STEM = 5  # letters: enough to match "arrival" with "arriving", few enough to be no dictionary
_LABEL_WORDS = 5
_SEPARATOR = re.compile(r",\s*(?:or\s+|and\s+)?|\s+or\s+")


def base_answer(messages: Sequence[Mapping[str, Any]]) -> str:
    """The answer to the last user turn."""
    users = [message_text(m) for m in messages if m.get("role") == "user"]
    asked = users[-1] if users else ""
    for message in messages:
        labels = labels_in(message_text(message))
        if labels:
            return _nearest(labels, asked)
    return _own_words(asked)


@lru_cache(maxsize=256)
def labels_in(text: str) -> tuple[str, ...]:
    """The labels that a prompt lists, as bullets, as lines or comma-separated after a colon; () when it lists none."""
    found = [_bullets(text), _lines(text), _commas(text)]
    return max(found, key=len)


def _bullets(text: str) -> tuple[str, ...]:
    return _plausible([match.group(1) for line in text.splitlines() if (match := _BULLET.match(line))])


def _lines(text: str) -> tuple[str, ...]:
    head, colon, tail = text.partition(":\n")
    return _plausible([line for line in tail.splitlines() if line.strip()]) if colon and head else ()


def _commas(text: str) -> tuple[str, ...]:
    runs = [part.split(". ")[0] for line in text.splitlines() for part in line.split(": ")[1:]]
    return max((_plausible(_SEPARATOR.split(run)) for run in runs), key=len, default=())


def _plausible(items: Sequence[str]) -> tuple[str, ...]:
    stripped = (item.strip(" .;'\"`") for item in items)
    labels = tuple(dict.fromkeys(label for label in stripped if label))
    short = all(len(label.split()) <= _LABEL_WORDS for label in labels)
    return labels if len(labels) >= 2 and short else ()


def _nearest(labels: Sequence[str], text: str) -> str:
    words = _stems(text)
    return max(labels, key=lambda label: (_overlap(label, words), zlib.crc32(f"{label}\n{text}".encode())))


def _overlap(label: str, words: frozenset[str]) -> float:
    stems = _stems(label)
    return len(stems & words) / (len(stems) ** 0.5) if stems else 0.0


@lru_cache(maxsize=4096)
def _stems(text: str) -> frozenset[str]:
    return frozenset(word.lower()[:_STEM] for word in _WORD.findall(text))


def _own_words(text: str) -> str:
    words = text.split()
    telling = sorted(set(words), key=lambda word: (-len(word), words.index(word)))[:6]
    return " ".join(sorted(telling, key=words.index)) or "..."
