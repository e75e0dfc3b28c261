"""The graders of a run, with what judges have said so far; and which grader its rule was recorded for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..canonical import plain
from ..evaluation.ask import stored
from ..evaluation.grader_names import grader_named
from ..evaluation.graders import Grader, choose_for, identity
from ..evaluation.judge_graders import Answers, PairJudge, ScoreJudge
from ..evaluation.judge_prompt import JUDGING
from ..evaluation.questions import Answer, Candidate, Question, Spec
from ..ledger.codec import dump, load
from ..settings import RunSettings
from .begun import Begun
from .evaluating import Evaluated
from .session import Session

__all__ = [
    "Recorded",
    "answers_of",
    "as_begun",
    "exploratory",
    "graders_of",
    "judging_spec",
    "record_grader",
    "recorded_for",
    "with_judgements",
]

_OF_GRADING = ("grader", "further_graders", "judge", "human_labels")
_ALL = 100_000

JudgeGrader = ScoreJudge | PairJudge


def graders_of(settings: RunSettings, asked: Sequence[Question]) -> tuple[Grader, ...]:
    """The first decides, the others are shown beside it. Raises `UsageError` where a file of one is gone."""
    judge = "" if settings.judge is None else str(settings.judge)
    further = tuple(grader_named(name, judge) for name in settings.further_graders)
    if settings.grader is not None:
        return (grader_named(settings.grader, judge), *further)
    return (choose_for([question.row.example for question in asked]), *further)


async def with_judgements(session: Session, settings: RunSettings, evaluated: Evaluated) -> tuple[Grader, ...]:
    """The same, the judges with every judgement that is stored."""
    found: list[Grader] = []
    for grader in graders_of(settings, evaluated.questions):
        if isinstance(grader, ScoreJudge | PairJudge):
            spec = judging_spec(settings, grader, evaluated)
            rows = await stored(session.desk, spec.id)
            grader = _knowing(grader, {key: answer for (_, key, _), answer in rows.items()}, evaluated)
        found.append(grader)
    return tuple(found)


def _knowing(grader: JudgeGrader, judgements: dict[str, Answer], evaluated: Evaluated) -> JudgeGrader:
    if isinstance(grader, ScoreJudge):
        return replace(grader, judgements=judgements)
    return replace(grader, judgements=judgements, asked=evaluated.questions, answers=answers_of(evaluated))


def answers_of(evaluated: Evaluated) -> Answers:
    """Every candidate's answers, in the order of the questions."""
    return {each.name: evaluated.samples_of(each.name) for each in evaluated.spec.candidates}


def judging_spec(settings: RunSettings, grader: JudgeGrader, evaluated: Evaluated) -> Spec:
    """Names a judging of its own: these answers, by this judge, on this rubric. Where answers are added, it goes on."""
    assert settings.judge is not None
    return Spec(
        candidates=(Candidate(name="judge", provider=settings.judge.provider, model=settings.judge.model),),
        questions=evaluated.spec.questions,
        sampling=JUDGING,
        extra={"judges": evaluated.spec.id, "grader": grader.identity},
    )


@dataclass(frozen=True, slots=True)
class Recorded:
    """Which grader the rule of an evaluation was recorded for, and the verdict that came of it; None so far."""

    name: str
    identity: str
    verdict: str | None = None


async def record_grader(session: Session, begun: Begun, asked: Sequence[Question]) -> None:
    """Before the first question: which grader the rule is for. What stands there already stays."""
    desk = session.desk
    run = await desk.db(desk.ledger.runs.get, begun.run.id)
    if "grader" in run.record:
        return
    grader = graders_of(begun.settings, asked)[0]
    changes: dict[str, Any] = {"grader": {"name": grader.name, "reason": grader.reason, "identity": identity(grader)}}
    if "settings" in run.record:
        now = plain(begun.settings)
        changes["settings"] = {**run.record["settings"], **{name: now[name] for name in _OF_GRADING}}
    await desk.db(partial(desk.ledger.runs.update, run.id, desk.clock.now(), **changes))


async def recorded_for(session: Session, begun: Begun, evaluated: Evaluated) -> Recorded:
    """By the run that asked these questions first: the same questions under a new run are still the same evaluation."""
    runs = await session.desk.db(session.desk.ledger.runs.all, _ALL)
    same = [run for run in runs if run.evaluation_id == evaluated.spec.id and "grader" in run.record]
    first = min(same, key=lambda run: run.created_at, default=begun.run)
    told = first.record.get("grader")
    if told is None:
        before = graders_of(as_begun(begun), evaluated.questions)[0]
        told = {"name": before.name, "identity": identity(before)}
    return Recorded(told["name"], told["identity"], first.record.get("verdict"))


def exploratory(recorded: Recorded, grader: Grader) -> str:
    """Why a verdict by this grader is not the recorded one, in a sentence; '' where it is."""
    if recorded.identity == identity(grader):
        return ""
    what = f"this is {grader.name}" if grader.name != recorded.name else "its file, rubric or judge is another now"
    return (
        f"EXPLORATORY, not the verdict: the rule was recorded for the grader {recorded.name} before the first "
        f"question, and {what}. A grader taken when the answers are known can be taken to suit them."
    )


def as_begun(begun: Begun) -> RunSettings:
    """The settings that the run was started with, whatever it is looked at with now."""
    told = begun.run.record.get("settings")
    return begun.settings if told is None else load(RunSettings, dump(told))
