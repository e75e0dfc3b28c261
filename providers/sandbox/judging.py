"""The sandbox as a judge of answers: a planted preference, with a bias for the first place and noise as they are set.

A question is a judging prompt where it holds answers between fences, as in "=== BEGIN ANSWER A 0123456789abcdef ===" up
to "=== END ANSWER A 0123456789abcdef ===", and a REFERENCE, or else a QUESTION, to hold them against. Deterministic:
what is drawn at random is drawn by the prompt's own hash.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from .rows import message_text

__all__ = ["Judge", "Temper"]

_SECTION = re.compile(r"^=== BEGIN ([A-Z ]+) ([0-9a-f]{16,}) ===\n(.*?)\n=== END \1 \2 ===$", re.M | re.S)
_WORD = re.compile(r"\w+")
_MARK = "=== BEGIN ANSWER"
_Preference = Literal["reference", "longer", "shorter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How it judges. `prefers`: the answer that shares more words with the reference, or the longer or shorter one.

    Shares of judgements: `position_bias` takes the answer shown first (below 0: second) whatever stands there; `noise`
    answers at random; `unparsable` answers in no usable form. `tie_within`: differences up to that are a tie.
    """

    prefers: _Preference = "reference"
    position_bias: float = 0.0
    noise: float = 0.0
    unparsable: float = 0.0
    tie_within: float = 0.02

    def __post_init__(self) -> None:
        if self.prefers not in get_args(_Preference):
            raise ValueError(f"prefers is one of {get_args(_Preference)}, not {self.prefers!r}")
        for name, low in (("position_bias", -1), ("noise", 0), ("unparsable", 0), ("tie_within", 0)):
            if not low <= getattr(self, name) <= 1:
                raise ValueError(f"{name} lies from {low} to 1, not at {getattr(self, name)}")


class Judge:
    """Judges as its temper says. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._temper = Temper()

    def set(self, **fields: Any) -> Temper:
        """Judge like this from now on; what is not said is as by default. Raises `ValueError` or `TypeError`."""
        temper = Temper(**fields)
        with self._lock:
            self._temper = temper
        return temper

    def clear(self) -> None:
        """Judge fairly again."""
        self.set()

    def active(self) -> dict[str, Any]:
        """The temper, as JSON."""
        with self._lock:
            return asdict(self._temper)

    def answer(self, messages: Sequence[Mapping[str, Any]]) -> str | None:
        """The judgement, as JSON in a text; None where this is no judging prompt."""
        prompt = message_text(messages[-1])
        if _MARK not in prompt:
            return None
        sections = {name: text for name, _, text in _SECTION.findall(prompt)}
        with self._lock:
            temper = self._temper
        if "ANSWER A" in sections and "ANSWER B" in sections:
            told: dict[str, Any] = {"reason": "as planted", "winner": _winner(temper, sections, prompt)}
        elif "ANSWER" in sections:
            told = {"reason": "as planted", "score": _score(temper, sections, prompt)}
        else:
            return None
        if _draw("unparsable", prompt) < temper.unparsable:
            return f"Both have their merits, but all in all I would say {told}."
        return json.dumps(told)


def _winner(temper: Temper, sections: Mapping[str, str], prompt: str) -> str:
    if _draw("place", prompt) < abs(temper.position_bias):
        return "A" if temper.position_bias > 0 else "B"
    if _draw("noise", prompt) < temper.noise:
        return "A" if _draw("side", prompt) < 0.5 else "B"
    gap = _merit(temper, sections["ANSWER A"], sections) - _merit(temper, sections["ANSWER B"], sections)
    return "tie" if abs(gap) <= temper.tie_within else "A" if gap > 0 else "B"


def _score(temper: Temper, sections: Mapping[str, str], prompt: str) -> int:
    """From 1 to 5."""
    if _draw("noise", prompt) < temper.noise:
        return 1 + int(5 * _draw("side", prompt))
    return 1 + round(4 * _merit(temper, sections["ANSWER"], sections))


def _merit(temper: Temper, answer: str, sections: Mapping[str, str]) -> float:
    """In [0, 1]."""
    if temper.prefers != "reference":
        length = len(answer) / (len(answer) + 100)
        return length if temper.prefers == "longer" else 1 - length
    one, other = _words(answer), _words(sections.get("REFERENCE", sections.get("QUESTION", "")))
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def _draw(what: str, prompt: str) -> float:
    """A number from 0 to 1 that only the prompt decides."""
    return int.from_bytes(hashlib.sha256(f"{what}\n{prompt}".encode()).digest()[:7], "big") / (1 << 56)
