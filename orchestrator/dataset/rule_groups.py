"""Which rules belong together, so that a long list of them can be read. What a rule says is left to `rules`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from textwrap import fill

__all__ = ["by_group", "listed", "nearest"]

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "the file": ("file-name", "not-text", "byte-order-mark", "line-ends", "not-utf8", "empty-file", "file-too-large"),
    "lines and cells": (
        "not-json", "truncated", "row-too-long", "not-an-object", "two-objects", "duplicate-key", "not-a-number",
        "ragged", "broken-quote", "undecodable", "blank-line",
    ),
    "shape of a row": (
        "mixed-shape", "missing-field", "shape", "history", "rejected-row", "bad-time", "role", "role-order", "content",
        "no-final-assistant", "no-user-turn", "unknown-key", "weight", "nothing-to-learn", "plain-text", "too-long",
    ),
    "tools": (
        "tools", "tool-undeclared", "tool-call-id", "tool-arguments", "tool-misfit", "tool-name", "tool-schema",
        "deprecated-call", "double-encoded",
    ),
    "images": ("image-role", "image-count", "image-size", "image-type"),
    "preferences": ("preference", "preference-rows", "identical-outputs"),
    "words": (
        "special-token", "lone-surrogate", "nul", "mojibake", "boilerplate-answer", "repetitive-answer", "blank-answer",
        "blank-input",
    ),
    "rows like others": (
        "exact-duplicate", "near-duplicate", "contradiction", "held-out-overlap", "held-out-row",
        "trained-on-before",
    ),
    "labels": ("one-label", "rare-label", "label-imbalance", "near-labels", "label-not-in-test"),
    "how many": ("too-few-rows", "few-rows-warning", "many-rows", "too-many-rows", "nothing-held-out"),
    "secrets and people": ("provider-key", "possible-secret"),
}  # fmt: skip
_BY_PREFIX = {"personal-": "secrets and people", "tool-": "tools", "image-": "images"}
_REST = "others"
_WIDTH, _INDENT = 79, " " * 9
"""A screen of 80 columns, and where the text of an error's `fix:` begins."""
_NEAR = 5


def by_group(rules: Iterable[str]) -> dict[str, list[str]]:
    """Group → its rules, in the order of the groups; a rule that no group names comes by its prefix, or last."""
    known = {rule: group for group, members in _GROUPS.items() for rule in members}
    found: dict[str, list[str]] = {group: [] for group in (*_GROUPS, _REST)}
    for rule in rules:
        prefixed = (group for prefix, group in _BY_PREFIX.items() if rule.startswith(prefix))
        found[known.get(rule) or next(prefixed, _REST)].append(rule)
    return {group: members for group, members in found.items() if members}


def nearest(name: str, rules: Iterable[str]) -> list[str]:
    """The rules that may be meant: spelt nearly so, or with the same words in them."""
    known = list(rules)
    words = set(name.lower().replace("_", "-").split("-"))
    alike = get_close_matches(name.lower(), known, n=3)
    sharing = [rule for rule in known if any(_same(word, part) for word in words for part in rule.split("-"))]
    return list(dict.fromkeys([*alike, *sharing]))[:_NEAR]


def listed(rules: Iterable[str]) -> str:
    """All rules by group, a group a paragraph, indented as lines that follow on an error's `fix:`."""
    paragraphs = (
        fill(
            f"{group}: {', '.join(members)}",
            _WIDTH,
            initial_indent=_INDENT,
            subsequent_indent=f"{_INDENT}  ",
            break_on_hyphens=False,
        )
        for group, members in by_group(rules).items()
    )
    return "\n".join(paragraphs)


def _same(word: str, part: str) -> bool:
    return len(word) > 3 and (part.startswith(word) or (len(part) > 3 and word.startswith(part)))
