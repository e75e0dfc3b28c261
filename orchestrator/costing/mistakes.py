"""The document's five common mistakes, each held against what is known. Advising is left to `advice`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .advice_records import AdviceInput, MistakeCheck, Status
from .document import document

__all__ = ["FEWEST_ROWS", "check_mistakes"]

FEWEST_ROWS = 100
_FEW_PER_LABEL = 5


class _Found(NamedTuple):
    status: Status
    detail: str


_NO_PAIRS = _Found("unknown", "no pairs were given")


def check_mistakes(given: AdviceInput) -> tuple[MistakeCheck, ...]:
    """All five, in the document's order."""
    return tuple(
        MistakeCheck(row["id"], row["title"], *_CHECKS[row["id"]](given), row["advice"])
        for row in document()["mistakes"]
    )


def _low_quality(given: AdviceInput) -> _Found:
    data = given.data
    if data is None:
        return _NO_PAIRS
    troubles = {
        "duplicate rows": data.duplicates,
        "unusable rows": data.unusable,
        "inputs with contradicting answers": data.contradictory_inputs,
        f"labels with fewer than {_FEW_PER_LABEL} rows": sum(n < _FEW_PER_LABEL for n in (data.labels or {}).values()),
    }
    found = [f"{count:,} {what}" for what, count in troubles.items() if count]
    if found:
        return _Found("risk", ", ".join(found))
    return _Found("ok", "no duplicates, no unusable rows, no contradictions")


def _too_few(given: AdviceInput) -> _Found:
    if given.data is None:
        return _NO_PAIRS
    rows = given.data.rows
    return _Found("ok" if rows >= FEWEST_ROWS else "risk", f"{rows:,} rows left after cleaning")


def _not_validating(given: AdviceInput) -> _Found:
    if given.data is None:
        return _NO_PAIRS
    held = given.data.held_out
    return (
        _Found("ok", f"{held:,} rows are held out, never uploaded") if held else _Found("risk", "no rows are held out")
    )


def _no_maintenance(given: AdviceInput) -> _Found:
    return _from_answer(given.maintenance_planned, "retraining is planned", "no retraining is planned")


def _over_specialising(given: AdviceInput) -> _Found:
    return _from_answer(given.general_check, "general tasks are tested too", "only the task itself is tested")


def _from_answer(value: bool | None, yes: str, no: str) -> _Found:
    if value is None:
        return _Found("unknown", "not said")
    return _Found("ok", yes) if value else _Found("risk", no)


_CHECKS: dict[str, Callable[[AdviceInput], _Found]] = {
    "low_quality": _low_quality,
    "too_few": _too_few,
    "not_validating": _not_validating,
    "no_maintenance": _no_maintenance,
    "over_specialising": _over_specialising,
}
