"""Keys of services in a row's text: a few shapes that are hardly ever anything else. Never repeats what it finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Secret", "find_secrets", "may_hold_secret"]


class Secret(NamedTuple):
    """What kind of key, and its first characters with the length of the rest."""

    kind: str
    masked: str


# Shapes as published by the services themselves and in gitleaks' MIT-licensed rules; the second item is what a
# text must contain before the expression is tried, which is what keeps this fast.
_SHAPES = (
    ("an API key", "sk-", r"\bsk-(?:proj-|svcacct-|admin-|ant-|or-)[A-Za-z0-9_-]{20,}|\bsk-[A-Za-z0-9]{40,}\b"),
    ("an API key", "tgp_v1_", r"\btgp_v1_[A-Za-z0-9_-]{30,}"),
    ("an AWS access key", "AKIA", r"\bAKIA[A-Z2-7]{16}\b"),
    ("an AWS access key", "ASIA", r"\bASIA[A-Z2-7]{16}\b"),
    ("a GitHub token", "ghp_", r"\bghp_[A-Za-z0-9]{36}\b"),
    ("a GitHub token", "gho_", r"\bgho_[A-Za-z0-9]{36}\b"),
    ("a GitHub token", "ghs_", r"\bghs_[A-Za-z0-9]{36}\b"),
    ("a GitHub token", "github_pat_", r"\bgithub_pat_\w{60,}"),
    ("a Google API key", "AIza", r"\bAIza[A-Za-z0-9_-]{35}\b"),
    ("a Hugging Face token", "hf_", r"\bhf_[A-Za-z]{34}\b"),
    ("a Slack token", "xox", r"\bxox[abpr]-[0-9]{10,}-[A-Za-z0-9-]{20,}"),
    ("a Stripe key", "k_live_", r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    ("a private key", "PRIVATE KEY-----", r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
)
_COMPILED = tuple((kind, needle, re.compile(shape)) for kind, needle, shape in _SHAPES)


# A single rare character tells soonest that most of the needles cannot be there.
_BY_CHARACTER = tuple(
    (character, tuple(needle for _, needle, _ in _SHAPES if character in needle)) for character in ("_", "-")
)
_OTHERS = tuple(needle for _, needle, _ in _SHAPES if "_" not in needle and "-" not in needle)


def may_hold_secret(text: str) -> bool:
    """False when no shape can be met; cheap enough for every row."""
    if any([needle in text for needle in _OTHERS]):  # noqa: C419  # a list beats a generator where nothing is found
        return True
    return any(character in text and any(map(text.__contains__, needles)) for character, needles in _BY_CHARACTER)


def find_secrets(text: str) -> Iterator[Secret]:
    """Every key shape met in the text, masked."""
    for kind, needle, shape in _COMPILED:
        if needle in text:
            for found in shape.finditer(text):
                yield Secret(kind, f"{found[0][:7]}… ({len(found[0])} characters)")
