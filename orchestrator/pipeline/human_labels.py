"""People's labels from a CSV file, to hold a judge against."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import UsageError
from ..evaluation.judging import HumanLabels
from ..evaluation.questions import Question

__all__ = ["read_labels"]

_COLUMN = "human"
_PAIRS = ("base", "tuned", "tie")
_SCORES = tuple("12345")
_FIX = (
    "columns: row (its number in the pairs), your label, candidate (base, tuned) where you score single answers, "
    "and file where rows come from several"
)


def read_labels(told: str, asked: Sequence[Question]) -> HumanLabels:
    """Labels of `FILE` or `FILE:COLUMN` (by default the column `human`): 1 to 5 for one answer of a `candidate`, or
    base, tuned or tie for both. Rows that were not asked and blank labels are passed over. Raises `UsageError`.
    """
    path, column = _parts(told)
    keys: dict[tuple[str, int], list[str]] = {}
    for question in asked:
        for file in ("", question.row.file):
            keys.setdefault((file, question.row.number), []).append(question.key)
    found: dict[tuple[str, str], str] = {}
    for line, row in _rows(path, column):
        label = (row.get(column) or "").strip().lower().removesuffix(".0")
        if label:
            key = (row.get("file") or "").strip(), _number(path, line, row.get("row"))
            candidate = _candidate(path, line, label, (row.get("candidate") or "").strip())
            found |= {(question, candidate): label for question in keys.get(key, ())}
    return found


def _parts(told: str) -> tuple[Path, str]:
    path, colon, column = told.rpartition(":")
    if Path(told).is_file() or not colon:
        return Path(told), _COLUMN
    return Path(path), column


def _rows(path: Path, column: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            absent = [name for name in ("row", column) if name not in (reader.fieldnames or ())]
            if absent:
                raise UsageError(f"there is no column {absent[0]!r}", where=str(path), fix=_FIX)
            for row in reader:
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"the labels cannot be read: {what}", where=str(path), fix=_FIX) from error


def _number(path: Path, line: int, told: str | None) -> int:
    try:
        return int((told or "").strip())
    except ValueError:
        raise UsageError(f"{told!r} is no row number", where=f"{path}, line {line}", fix=_FIX) from None


def _candidate(path: Path, line: int, label: str, candidate: str) -> str:
    """Whose answer it is about; blank for a choice between both."""
    if label in _PAIRS:
        return ""
    where = f"{path}, line {line}"
    if label not in _SCORES:
        raise UsageError(f"{label[:40]!r} is no label", where=where, fix="1 to 5, or base, tuned or tie")
    if not candidate:
        raise UsageError("a score of one answer must say whose", where=where, fix="a column candidate: base or tuned")
    return candidate
