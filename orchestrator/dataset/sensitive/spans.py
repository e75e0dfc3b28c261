"""What was found in a text and where, without repeating it; and the plug for other ways of finding."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import NamedTuple, Protocol

__all__ = ["MOST_SHOWN", "PLACEHOLDER", "Detector", "Span", "fingerprint", "is_allowed", "mask", "without_overlaps"]

MOST_SHOWN = 7  # characters of a find that a message may repeat

# What a redacted value is replaced by; see `redacting`. Never taken for a find itself.
PLACEHOLDER = re.compile(r"\[[A-Z]+(?:_[A-Z]+)*_[A-Z2-7]{10}\]")


class Span(NamedTuple):
    """One find: `text[start:end]`, in characters.

    `kind`: for a secret the id of its shape (`github-token`), for personal data what it is (`email`). `rule`: the id
    of the dataset rule it falls under. `masked`: its first characters and its length, fit to be shown.
    `fingerprint`: names a secret without telling it; empty for personal data, which could be guessed from one.
    """

    start: int
    end: int
    kind: str
    rule: str
    masked: str
    fingerprint: str = ""


class Detector(Protocol):
    """A way to find secrets or personal data in one text; a model-based tool is plugged in as one.

    `find` must be pure: the same text gives the same spans, and nothing is sent anywhere. Its rule ids must be known
    ones, `personal-names` for what a model recognises as names, addresses or descriptions of people.
    """

    @property
    def name(self) -> str:
        """What it is called in findings."""
        ...

    def find(self, text: str) -> Iterable[Span]:
        """Every find, in any order; the earlier detector wins where two overlap."""
        ...


def mask(value: str, most: int = MOST_SHOWN) -> str:
    """At most a quarter of the value, and at most `most` characters of it, with its length."""
    shown = value[: min(most, MOST_SHOWN, len(value) // 4)]
    return f"{shown}… ({len(value)} characters)"


def fingerprint(value: str) -> str:
    """Twelve hexadecimal digits of the value's SHA-256: enough to name one key among those of a data set."""
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def is_allowed(span: Span, allowed: Collection[str]) -> bool:
    """Whether a secret was allowed by name: by the kind of its shape, or by its own fingerprint."""
    return bool(span.fingerprint) and (span.kind in allowed or span.fingerprint in allowed)


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """The spans in order of place; where two overlap, the one that came first stays."""
    kept: list[Span] = []
    for span in spans:
        place = bisect_left(kept, span)
        after_the_last = not place or kept[place - 1].end <= span.start
        before_the_next = place == len(kept) or span.end <= kept[place].start
        if span.start < span.end and after_the_last and before_the_next:
            kept.insert(place, span)
    return kept
