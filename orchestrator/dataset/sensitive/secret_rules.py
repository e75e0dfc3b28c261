"""Reads shapes of keys from a file in the format of gitleaks' configuration: ours, or gitleaks' own."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

from ...errors import UsageError
from .engine import Expression, InvalidExpression, expression
from .shapes import Extent, Shape

__all__ = ["SERVICES", "entropy_bits", "read_secret_rules"]

SERVICES = Path(__file__).with_name("services.toml")

# gitleaks gives no severities; of these rules it says itself, or its users do, that most of what they find is none.
_OFTEN_NONE = re.compile(r"generic-|^jwt|curl-auth|password|kubernetes-secret")


@dataclass(frozen=True, slots=True)
class _Allowlist:
    """What is no secret after all. `target`: what the expressions see, the secret, the match or its line."""

    expressions: tuple[Expression, ...]
    stopwords: tuple[bytes, ...]
    target: str
    needs_both: bool

    def holds(self, data: bytes, at: Extent) -> bool:
        secret = data[at.start : at.end]
        seen = _line(data, at) if self.target in ("match", "line") else secret
        answers = []
        if self.expressions:
            answers.append(any(compiled.search(seen) for compiled in self.expressions))
        if self.stopwords:
            answers.append(any(word in secret.lower() for word in self.stopwords))
        return bool(answers) and (all(answers) if self.needs_both else any(answers))


@dataclass(frozen=True, slots=True)
class _Judge:
    """A candidate must be varied enough (`entropy`, bits a character) and on no allowlist."""

    entropy: float
    allowlists: tuple[_Allowlist, ...]

    def __call__(self, data: bytes, at: Extent) -> Extent | None:
        if at.start == at.end or (self.entropy and entropy_bits(data[at.start : at.end]) < self.entropy):
            return None
        return None if any(allowlist.holds(data, at) for allowlist in self.allowlists) else at


def entropy_bits(value: bytes) -> float:
    """Shannon entropy of the bytes, in bits a byte: 0 for one byte repeated, 4 for even hexadecimal."""
    counts = Counter(value).values()
    return -sum(count / len(value) * log2(count / len(value)) for count in counts)


def read_secret_rules(path: Path = SERVICES) -> tuple[Shape, ...]:
    """The shapes of the file, in its order. Rules about paths are left out: a data set has none.

    Raises `UsageError` where the file cannot be read, or holds an expression that the engine cannot take.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        everywhere = _allowlists([table.get("allowlist", {}), *table.get("allowlists", ())])
        return tuple(_shape(rule, everywhere) for rule in table.get("rules", ()) if "regex" in rule)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"rules for secrets cannot be read: {error}"
        raise UsageError(what, where=str(path), fix="give a file in the format of gitleaks.toml") from error


def _shape(rule: Mapping[str, Any], everywhere: Sequence[_Allowlist]) -> Shape:
    own = _allowlists([rule.get("allowlist", {}), *rule.get("allowlists", ())])
    try:
        expression(_bytes(rule["regex"]))
    except InvalidExpression as error:
        raise ValueError(f"{rule['id']}: {error}") from error
    warns = "warning" in rule.get("tags", ()) or _OFTEN_NONE.search(rule["id"])
    return Shape(
        kind=rule["id"],
        rule="possible-secret" if warns else "provider-key",
        hint=_bytes(rule["hint"]) if "hint" in rule else _keyword_hint(rule),
        pattern=_bytes(rule["regex"]),
        verdict=_Judge(float(rule.get("entropy", 0)), (*own, *everywhere)),
        description=rule.get("description", rule["id"]),
    )


def _keyword_hint(rule: Mapping[str, Any]) -> bytes:
    """Any of the keywords; a rule without any is hinted at by its expression, which costs a full search."""
    words = "|".join(re.escape(word) for word in rule.get("keywords", ()))
    return _bytes(f"(?i:{words})" if words else f"(?:{rule['regex']})")


def _allowlists(tables: Iterable[Mapping[str, Any]]) -> tuple[_Allowlist, ...]:
    return tuple(
        _Allowlist(
            tuple(expression(_bytes(regex)) for regex in table.get("regexes", ())),
            tuple(_bytes(word.lower()) for word in table.get("stopwords", ())),
            table.get("regexTarget", "secret"),
            str(table.get("condition", "OR")).upper() in ("AND", "&&"),
        )
        for table in tables
        if table.get("regexes") or table.get("stopwords")
    )


def _line(data: bytes, at: Extent) -> bytes:
    end = data.find(b"\n", at.end)
    return data[data.rfind(b"\n", 0, at.start) + 1 : len(data) if end < 0 else end]


def _bytes(pattern: str) -> bytes:
    return pattern.encode()
