"""The frozen records of the advice: what is known, what is still to be asked, what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from .records import jsonable

__all__ = ["Advice", "AdviceInput", "Answer", "DataFacts", "MistakeCheck", "Outcome", "Question", "Status"]

Outcome = Literal["tune", "prompt first", "RAG", "collect data"]
Status = Literal["ok", "risk", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """What the pairs themselves tell. `rows` are left after cleaning; `labels` None where answers are no labels."""

    rows: int
    duplicates: int = 0
    unusable: int = 0
    contradictory_inputs: int = 0
    labels: Mapping[str, int] | None = None
    held_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceInput:
    """What is known. Every None is asked, unless the data answers it.

    `expected_improvement` is a share (0.2 means 20 %). `situation` and `domain` are ids of the document's lists;
    "none" is a situation too. `general_check`: similar and general tasks will be tested as well.
    """

    data: DataFacts | None = None
    domain_expertise: bool | None = None
    production: bool | None = None
    expected_improvement: Decimal | None = None
    real_time: bool | None = None
    situation: str | None = None
    domain: str | None = None
    maintenance_planned: bool | None = None
    general_check: bool | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the five questions as it stands. `yes` None: nobody has answered it."""

    id: str
    text: str
    yes: bool | None
    known_from: Literal["data", "you", "nobody"]
    detail: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is still to be asked, and the flag that answers it without asking."""

    id: str
    text: str
    flag: str
    kind: Literal["bool", "share", "choice"]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MistakeCheck:
    """One of the five mistakes, held against what is known."""

    id: str
    title: str
    status: Status
    detail: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The outcome and why. `provisional`: questions are open, and their answers may change it."""

    outcome: Outcome
    provisional: bool
    reasons: tuple[str, ...]
    answers: tuple[Answer, ...]
    mistakes: tuple[MistakeCheck, ...]
    questions: tuple[Question, ...]
    situation: Mapping[str, Any] | None
    situations: tuple[Mapping[str, Any], ...]
    domain: Mapping[str, Any] | None
    domains: tuple[Mapping[str, Any], ...]
    approaches: tuple[Mapping[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Every field, Decimals as plain strings."""
        told: dict[str, Any] = jsonable(self)
        return told
