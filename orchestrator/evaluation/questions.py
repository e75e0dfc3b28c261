"""What an evaluation asks of whom, and what came back: frozen records, named by what is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from providers.records import Example, JsonObject, Message, Sampling

from ..canonical import sha256_of
from ..dataset.records import Row

__all__ = ["Answer", "Candidate", "Question", "Spec", "questions"]

_SYSTEM = ("system", "developer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model to ask. `name` is its role ('base', 'tuned', 'also1' …); prices are dollars a million tokens, None if
    unknown.

    `system`: what stands in place of each prompt's own system message; `shots`: the turns put before each question.
    """

    name: str
    provider: str
    model: str
    label: str = ""
    serving: str = ""
    input_usd_per_mtok: Decimal | None = None
    output_usd_per_mtok: Decimal | None = None
    system: str | None = None
    shots: tuple[Message, ...] = ()

    @property
    def identity(self) -> tuple[Any, ...]:
        """Which model is asked, and in what words beside the question's own: by this, and no role, answers are its."""
        words = () if self.system is None and not self.shots else ({"system": self.system, "shots": self.shots},)
        return (self.provider, self.model, *words)

    def puts(self, example: Example) -> Example:
        """The question as this candidate is asked it."""
        if self.system is None and not self.shots:
            return example
        own = sum(message.role in _SYSTEM for message in example.messages[:1])
        head = example.messages[:own] if self.system is None else (Message("system", self.system),)
        return replace(example, messages=(*head, *self.shots, *example.messages[own:]))


@dataclass(frozen=True, slots=True)
class Question:
    """One held-out prompt and what counts as right. `key` is the hash of what is asked."""

    key: str
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One candidate's answer to one question. `error` instead of text when it could not be had; never dropped.

    `tool_calls`: as the platform reports them. `warm_up`: its time is no measure (a connection was opened for it, or it
    was among the candidate's first). `paid_by`: the earlier evaluation, or the file, that it was taken over from; it is
    not in this evaluation's bill.
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
    paid_by: str | None = None

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
            "candidates": [(candidate.name, *candidate.identity) for candidate in self.candidates],
            "questions": self.questions,
            "sampling": self.sampling,
            "seed": self.order_seed,
            "extra": self.extra,
        }
        if self.samples != 1:
            asked["samples"] = self.samples
        return sha256_of(asked).removeprefix("sha256:")[:16]

    def sampling_of(self, sample: int) -> Sampling:
        """How the sample of that number is asked for: with a seed of its own, or all of them would be one answer."""
        seed = self.sampling.seed
        return self.sampling if seed is None else replace(self.sampling, seed=seed + sample)


def questions(rows: Sequence[Row]) -> tuple[Question, ...]:
    """One question a row, keyed by what is asked; a prompt that occurs twice is told apart by its occurrence."""
    seen: Counter[str] = Counter()
    made = []
    for row in rows:
        prompt = sha256_of([row.example.prompt, row.example.tools])[7:39]
        seen[prompt] += 1
        made.append(Question(f"{prompt}-{seen[prompt]}", row))
    return tuple(made)
