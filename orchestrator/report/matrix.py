"""The prompts and all answers as compact JSON for the page: lists instead of objects, in the order told here.

    row     [number, file, prompt, reference, label, group, accept, answers]   file, label, group: place in their list
    answer  0: not asked, or [text, passed, score, latency_s, tokens, finish, note, error, refused, usd, samples]

An answer's empty end is left off. Texts are cut, so that the page opens quickly; the JSON file beside it has the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .outcomes import answers_of
from .scales import known
from .view import AnswerView, EvaluationView, ReportView, RowView

__all__ = ["longest_text", "matrix"]

_MOST_CHARACTERS = 24_000_000
_LONGEST = (20_000, 8_000, 4_000, 2_000, 1_000, 500)
"""Characters of one text that the page keeps: the most with which all of them stay under `_MOST_CHARACTERS`."""


def matrix(view: ReportView) -> dict[str, Any] | None:
    """Everything that the page's table needs; None without rows."""
    evaluation = view.evaluation
    if evaluation is None or not evaluation.rows:
        return None
    longest = longest_text(evaluation.rows)
    files, labels, groups = (_Places() for _ in range(3))
    roles = _roles(evaluation)
    rows = [
        [
            row.number,
            files[row.file],
            _cut(row.prompt, longest),
            _cut(row.reference, longest),
            labels[row.label],
            groups[row.group],
            [_cut(text, longest) for text in row.accept] or 0,
            [_answer(answers_of(row).get(role), longest) for role in roles],
        ]
        for row in evaluation.rows
    ]
    return {
        "run": view.run_id,
        "candidates": [[role, _model(evaluation, role)] for role in roles],
        "binary": view.verdict is None or view.verdict.kind == "binary",
        "files": files.names,
        "labels": labels.names,
        "groups": groups.names,
        "rows": rows,
    }


def longest_text(rows: Sequence[RowView]) -> int:
    """How many characters of one text the page keeps."""
    lengths = [len(text) for row in rows for text in _texts(row)]
    fits = (limit for limit in _LONGEST if sum(min(length, limit) for length in lengths) <= _MOST_CHARACTERS)
    return next(fits, _LONGEST[-1])


def _texts(row: RowView) -> Iterable[str]:
    yield row.prompt
    yield row.reference
    for answer in answers_of(row).values():
        if answer is not None:
            yield answer.text or ""
            yield answer.error or ""
            yield from answer.samples


def _roles(evaluation: EvaluationView) -> list[str]:
    asked = dict.fromkeys(side.role for side in evaluation.sides)
    asked |= dict.fromkeys(role for row in evaluation.rows for role, one in answers_of(row).items() if one is not None)
    return list(asked)


def _model(evaluation: EvaluationView, role: str) -> str:
    return next((side.model for side in evaluation.sides if side.role == role), "")


def _answer(answer: AnswerView | None, longest: int) -> list[Any] | int:
    if answer is None:
        return 0
    told = [
        None if answer.text is None else _cut(answer.text, longest),
        None if answer.passed is None else int(answer.passed),
        answer.score if known(answer.score) and (answer.passed is None or answer.score not in (0.0, 1.0)) else None,
        answer.latency_s if known(answer.latency_s) else None,
        answer.answer_tokens,
        answer.finish_reason if answer.finish_reason != "stop" else None,
        _cut(answer.note, longest),
        None if answer.error is None else _cut(answer.error, longest),
        int(answer.refused),
        None if answer.usd is None else format(answer.usd, "f"),
        [_cut(text, longest) for text in answer.samples],
    ]
    while len(told) > 1 and not told[-1]:
        told.pop()
    return told


def _cut(text: str, longest: int) -> str:
    more = len(text) - longest
    return text if more <= 0 else f"{text[:longest]}… [{more:,} more characters in the JSON file]"


class _Places(dict[str | None, int]):
    """Each text's place in the list of those seen; −1 for none."""

    def __missing__(self, text: str | None) -> int:
        self[text] = -1 if text is None else len(self) - (None in self)
        return self[text]

    @property
    def names(self) -> list[str]:
        return [name for name in self if name is not None]
