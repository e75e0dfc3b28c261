"""Evaluations made by hand: who answered what, without a model or a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from orchestrator.dataset.records import Row
from orchestrator.evaluation.decide import Rule
from orchestrator.evaluation.questions import Answer, Candidate, Spec, questions
from orchestrator.pipeline.evaluating import Evaluated
from providers.records import Example, Message, Sampling

__all__ = ["answer", "evaluation", "row", "said"]


def row(number: int, asked: str, right: str, *, group: str | None = None, file: str = "pairs.jsonl") -> Row:
    return Row(number, file, Example((Message("user", asked), Message("assistant", right))), group)


def answer(text: str, usd: str | None = None, latency_s: float | None = None) -> Answer:
    """None of a text that says so: "!" is an error."""
    if text == "!":
        return Answer(text="", error="platform_fault: it broke")
    return Answer(text=text, usd=None if usd is None else Decimal(usd), latency_s=latency_s)


def said(right: str, wrong: int, n: int, first: int = 0) -> list[str]:
    """`n` answers, of which those from `first` on are wrong, `wrong` of them."""
    return ["wrong" if first <= place < first + wrong else right for place in range(n)]


def evaluation(
    answers: dict[str, Sequence[Any]],
    right: Sequence[str],
    *,
    asked: Sequence[str] = (),
    groups: Sequence[str | None] = (),
    rule: Rule | None = None,
    samples: int = 1,
    models: dict[str, str] | None = None,
    serving: dict[str, str] | None = None,
) -> Evaluated:
    """`answers`: candidate → one text (or `Answer`, or a list of samples) a question. `models`: other than the name."""
    rows = [
        row(place + 1, asked[place] if asked else f"question {place}", text, group=groups[place] if groups else None)
        for place, text in enumerate(right)
    ]
    made = questions(rows)
    candidates = tuple(
        Candidate(
            name=name,
            provider="somewhere",
            model=(models or {}).get(name, name),
            label=f"{name} model",
            serving=(serving or {}).get(name, "serverless"),
        )
        for name in answers
    )
    stored = {
        (name, question.key, sample): one if isinstance(one, Answer) else answer(one)
        for name, given in answers.items()
        for question, each in zip(made, given, strict=True)
        for sample, one in enumerate(each if isinstance(each, list) else [each])
    }
    keys = tuple(question.key for question in made)
    spec = Spec(candidates=candidates, questions=keys, sampling=Sampling(max_tokens=8), samples=samples)
    return Evaluated(spec=spec, questions=made, answers=stored, rule=rule or Rule())
