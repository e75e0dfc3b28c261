"""What stands behind `--grader`: the graders that code or a library is, and those that ask a judge.

Whatever comes from a file is loaded when it is named, so that it is refused before anybody is asked or paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from .graders import Grader, named
from .judge_graders import PairJudge, ScoreJudge
from .judge_prompt import load_rubric

__all__ = ["checked_graders", "grader_named", "needs_judge"]

_JUDGES: dict[str, type[ScoreJudge] | type[PairJudge]] = {"judge": ScoreJudge, "pairwise": PairJudge}
_FILES = (*_JUDGES, "json-schema")


def needs_judge(name: str) -> bool:
    """Whether this grader asks a judge: `judge:RUBRIC.md`, `pairwise:RUBRIC.md`."""
    return name.partition(":")[0] in _JUDGES


def checked_graders(names: Sequence[str], has_judge: bool) -> tuple[str, ...]:
    """The names with their files' whole paths, each loaded once. Raises `UsageError` for what cannot be used."""
    found = tuple(_located(name) for name in names)
    for name in found:
        if needs_judge(name) and not has_judge:
            fix = "add --judge PLATFORM:MODEL, best a strong one that is no candidate"
            raise UsageError(f"the grader {_short(name)} needs to know who judges", where="--judge", fix=fix)
        grader_named(name, "")
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"the grader {_short(twice)} is named twice", where="grader", fix="name each once")
    return found


def grader_named(name: str, judge: str) -> Grader:
    """As `named`, and the two that ask `judge`; those know no judgements yet."""
    kind, _, path = name.partition(":")
    if kind not in _JUDGES:
        return named(name)
    return _JUDGES[kind](load_rubric(path), judge)


def _located(name: str) -> str:
    """A later step may work in another folder."""
    kind, colon, path = name.partition(":")
    if kind in _FILES and colon and path:
        return f"{kind}:{Path(path).absolute()}"
    if ".py:" in name:
        path, _, function = name.rpartition(":")
        return f"{Path(path).absolute()}:{function}"
    return name


def _short(name: str) -> str:
    kind, _, path = name.partition(":")
    return f"{kind}:{Path(path).name}" if path else kind
