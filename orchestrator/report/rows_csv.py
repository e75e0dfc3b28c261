"""The prompts and all answers as CSV for a spreadsheet, with no cell that a spreadsheet would take for a formula.

The page makes the same file of the rows it shows (`csv.js`); a test holds the two against each other.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from .outcomes import answers_of, outcome
from .view import AnswerView, ReportView, RowView
from .words import visible

__all__ = ["cell", "rows_csv"]

_FORMULA = re.compile(r"\A(?:[\t\r\n]|\s*[=+\-@＝＋－＠])")
"""What makes a spreadsheet compute a cell, by OWASP's list, also behind white space."""

_BEFORE = ("row", "file", "label", "group", "prompt", "reference", "also right", "outcome")
_EACH = ("answer", "right", "score", "seconds", "usd", "problem")


def rows_csv(view: ReportView) -> str:
    """One line a prompt, under a header. Begins with a byte order mark, by which spreadsheets know UTF-8.

    `outcome` is between base and tuned; `right` is 1 or 0, empty where answers are scored.
    """
    evaluation = view.evaluation
    rows = evaluation.rows if evaluation else ()
    roles = list(dict.fromkeys(side.role for side in evaluation.sides)) if evaluation else []
    roles += sorted({role for row in rows for role, one in answers_of(row).items() if one} - set(roles))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*_BEFORE, *(cell(f"{role} {name}") for role in roles for name in _EACH)])
    for row in rows:
        answers = answers_of(row)
        writer.writerow([*_told(row), *(part for role in roles for part in _answer(answers.get(role)))])
    return "\ufeff" + text.getvalue()


def cell(text: str) -> str:
    """Foreign text for a cell: unseen characters as signs, an apostrophe before what would be a formula."""
    shown = visible(text)
    return f"'{shown}" if _FORMULA.match(shown) else shown


def _told(row: RowView) -> Iterator[str | int]:
    yield row.number
    for text in (row.file, row.label or "", row.group or "", row.prompt, row.reference, " | ".join(row.accept)):
        yield cell(text)
    yield outcome(row.base, row.tuned)


def _answer(answer: AnswerView | None) -> Iterator[str]:
    if answer is None:
        yield from ("",) * len(_EACH)
        return
    yield cell(answer.text or "")
    yield "" if answer.passed is None else str(int(answer.passed))
    yield _number(answer.score)
    yield _number(answer.latency_s)
    yield "" if answer.usd is None else format(answer.usd, "f")
    yield cell(answer.error or ("refused" if answer.refused else ""))


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:.6g}"
