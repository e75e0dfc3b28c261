"""The graders of a run, with what judges have said so far; and which grader its rule was recorded for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

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

__all__ = ["answers_of", "exploratory", "graders_of", "judging_spec", "record_grader", "with_judgements"]

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


async def record_grader(session: Session, begun: Begun, asked: Sequence[Question]) -> None:
    """Before the first question: which grader the rule is for. What stands there already stays."""
    desk = session.desk
    run = await desk.db(desk.ledger.runs.get, begun.run.id)
    if "grader" in run.record:
        return
    grader = graders_of(begun.settings, asked)[0]
    record = {"name": grader.name, "reason": grader.reason, "identity": identity(grader)}
    await desk.db(desk.ledger.runs.update, run.id, desk.clock.now(), grader=record)


def exploratory(begun: Begun, grader: Grader, asked: Sequence[Question]) -> str:
    """Why a verdict by this grader is not the recorded one, in a sentence; '' where it is."""
    recorded: Any = begun.run.record.get("grader")
    if recorded is None:
        before = graders_of(_as_begun(begun), asked)[0]
        recorded = {"name": before.name, "identity": identity(before)}
    if recorded["identity"] == identity(grader):
        return ""
    what = f"this is {grader.name}" if grader.name != recorded["name"] else "its file, rubric or judge is another now"
    return (
        f"EXPLORATORY, not this run's verdict: its rule was recorded for the grader {recorded['name']} before the "
        f"first question, and {what}. A grader taken when the answers are known can be taken to suit them."
    )


def _as_begun(begun: Begun) -> RunSettings:
    """The settings that the run was started with, whatever it is looked at with now."""
    told = begun.run.record.get("settings")
    return begun.settings if told is None else load(RunSettings, dump(told))
