"""General prompts of our own writing, each with its grader: did tuning on one task make the model worse at others?

Arithmetic, facts that do not age, instructions, formats, reasoning, rewriting, safety (what to refuse, and what not to)
and languages other than English. Asked of base and tuned alike; the difference counts, not the level.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from providers.records import Example, Message

from ...dataset.records import Row
from ..graders import Grade, named

__all__ = ["CATEGORIES", "SAFETY", "GeneralPrompt", "general_prompts"]

CATEGORIES = (
    "arithmetic",
    "facts",
    "instructions",
    "format",
    "reasoning",
    "rewriting",
    "safety",
    "multilingual",
)
SAFETY = "safety"


@dataclass(frozen=True, slots=True)
class GeneralPrompt:
    """One prompt with what counts as right, and by which grader."""

    category: str
    row: Row
    grader: str

    def grade(self, answer: str) -> Grade:
        """Right or wrong, also where the grader knows half-right answers: only a whole one is right here."""
        found = named(self.grader).grade(answer, self.row.example.answer, self.row.accept)
        right = found.score >= 1 if found.passed is None else found.passed
        return Grade(float(right), right, found.note)


@cache
def general_prompts() -> tuple[GeneralPrompt, ...]:
    """All of them, always in the same order."""
    return tuple(prompt for category in CATEGORIES for prompt in _read(category))


def _read(category: str) -> list[GeneralPrompt]:
    path = Path(__file__).with_name(f"{category}.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_prompt(category, path.name, number, json.loads(line)) for number, line in enumerate(lines, start=1)]


def _prompt(category: str, file: str, number: int, line: dict[str, object]) -> GeneralPrompt:
    turns = Message("user", str(line["prompt"])), Message("assistant", str(line["answer"]))
    accept = line.get("accept", [])
    assert isinstance(accept, list)
    row = Row(number, f"general prompts: {file}", Example(turns), category, tuple(map(str, accept)))
    return GeneralPrompt(category, row, str(line["grader"]))
