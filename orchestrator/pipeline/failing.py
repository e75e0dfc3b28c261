"""The failed rows of a run, from stored answers, written as a file for the next round."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..evaluation.failures import failures
from ..folders import replacing, writable
from .begun import Begun
from .deciding import sides_of
from .evaluating import Evaluated
from .grading import with_judgements
from .session import Session

__all__ = ["Failures", "write_failures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Where they are, and how many of how many held-out rows."""

    run: str
    path: Path
    failed: int
    of: int


async def write_failures(session: Session, begun: Begun, evaluated: Evaluated, path: Path) -> Failures:
    """One JSON object a line, readable by every command; by its owner only, as pairs may be private."""
    grader, *_ = await with_judgements(session, begun.settings, evaluated)
    sides = sides_of(evaluated, grader)
    labels = begun.dataset.task == "labels"
    rows = failures(evaluated.questions, sides["base"], sides["tuned"], run=begun.run.id, labels=labels)
    writable(path.absolute().parent)
    with replacing(path) as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False, default=dict) + "\n" for row in rows)
    return Failures(run=begun.run.id, path=path, failed=len(rows), of=len(evaluated.questions))
