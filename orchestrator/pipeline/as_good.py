"""Of a run that moved a model here: is the new one as good as the old one, by the margin that its record holds?"""

from __future__ import annotations

from dataclasses import replace

from ..evaluation.equivalence import Equivalence, equivalence
from ..evaluation.graders import Grader
from ..evaluation.judged import Judged
from ..evaluation.sides import groups_of
from ..ledger import Run
from .deciding import sides_of
from .evaluating import Evaluated

__all__ = ["as_good", "with_its_move"]

_TUNED, _OLD = "tuned", "also1"
"""The new model's role in such a run, and the old one's: the first further candidate."""


def as_good(run: Run, evaluated: Evaluated, grader: Grader) -> Equivalence | None:
    """The answer; None for a run that moved nothing, or whose old model is not among those that were asked."""
    moved = run.record.get("moved")
    if moved is None:
        return None
    sides = sides_of(evaluated, grader)
    if _OLD not in sides:
        return None
    groups = groups_of(evaluated.questions)
    missing = evaluated.rule.max_missing
    return equivalence(sides[_OLD], sides[_TUNED], moved["margin"], missing, grader.name, groups)


def with_its_move(judged: Judged, run: Run, evaluated: Evaluated) -> Judged:
    """The verdict, and what it says of the model that was left behind: in the report, and whenever it is decided."""
    found = as_good(run, evaluated, judged.grader)
    if found is None:
        return judged
    told = f"Moved from {run.record['moved']['old']}. {found.reason}"
    return replace(judged, verdict=replace(judged.verdict, advice=(told, *judged.verdict.advice)))
