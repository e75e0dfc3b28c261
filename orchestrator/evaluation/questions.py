"""What an evaluation asks of whom, and what came back: frozen records, named by what is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from providers.records import JsonObject, Sampling

from ..canonical import sha256_of
from ..dataset.records import Row

__all__ = ["Answer", "Candidate", "Question", "Spec", "questions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model to ask. `name` is its role ('base', 'tuned'); prices are dollars a million tokens, None if unknown."""

    name: str
    provider: str
    model: str
    label: str = ""
    serving: str = ""
    input_usd_per_mtok: Decimal | None = None
    output_usd_per_mtok: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One held-out prompt and what counts as right. `key` is the hash of what is asked."""

    key: str
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One candidate's answer to one question. `error` instead of text when it could not be had; never dropped.

    `tool_calls`: as the platform reports them. `warm_up`: its time is no measure (a connection was opened for it, or it
    was among the candidate's first).
    """

    text: str
    error: str | None = None
    refusal: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency_s: float | None = None
    first_token_s: float | None = None
    usd: Decimal | None = None
    warm_up: bool = False
    tool_calls: tuple[JsonObject, ...] = ()

    @property
    def missing(self) -> bool:
        """True when nothing was answered: an error or a refusal."""
        return self.error is not None or self.refusal is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What an evaluation asks of whom, `samples` times each; its hash names the evaluation."""

    candidates: tuple[Candidate, ...]
    questions: tuple[str, ...]
    sampling: Sampling
    samples: int = 1
    order_seed: int = 7
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Sixteen hex digits of the hash of everything asked."""
        asked = {
            "candidates": [(c.name, c.provider, c.model) for c in self.candidates],
            "questions": self.questions,
            "sampling": self.sampling,
            "seed": self.order_seed,
            "extra": self.extra,
        }
        if self.samples != 1:
            asked["samples"] = self.samples
        return sha256_of(asked).removeprefix("sha256:")[:16]


def questions(rows: Sequence[Row]) -> tuple[Question, ...]:
    """One question a row, keyed by what is asked; a prompt that occurs twice is told apart by its occurrence."""
    seen: Counter[str] = Counter()
    made = []
    for row in rows:
        prompt = sha256_of([row.example.prompt, row.example.tools])[7:39]
        seen[prompt] += 1
        made.append(Question(f"{prompt}-{seen[prompt]}", row))
    return tuple(made)
