"""Asking base and tuned what was not trained for: general prompts, and the user's own similar tasks.

Each set is an evaluation of its own, paid and stored like the one on the held-out rows, and judged by non-inferiority.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from ..dataset.normal import question_key
from ..dataset.records import Dataset
from ..evaluation.ask import stored
from ..evaluation.contenders import BESIDE
from ..evaluation.forgetting import forgotten
from ..evaluation.general import SAFETY, general_prompts
from ..evaluation.graders import Grade, Grader, choose
from ..evaluation.judged import Guarded
from ..evaluation.questions import Answer, Candidate, Question, questions
from ..evaluation.sides import Side, by_text, graded_each
from .answering import Served, payer
from .asking import line_of
from .begun import Begun
from .evaluating import Evaluated, evaluate
from .prepare import archive, restore
from .session import Session
from .similar import load_similar

__all__ = ["ask_guards", "guarded"]

_GUARDS = "guards"
_SIMILAR = "similar"
_KNOWS_NOTHING = (
    "a sandbox answers here, whose models know nothing general: this shows the way, and nothing about forgetting"
)

Grading = Callable[[str], Grade]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guard:
    """One set of tasks. `grade`: each question's own way; `categories`: each question's kind."""

    name: str
    asked: tuple[Question, ...]
    grade: tuple[Grading, ...]
    measure: Literal["binary", "score"] = "binary"
    categories: tuple[str, ...] | None = None


async def ask_guards(
    session: Session, begun: Begun, served: Sequence[Served], progress: Callable[[int, int], None]
) -> None:
    """Ask what this run guards, of base and tuned alone. What was answered before is not asked again.

    Recorded answers cannot be asked anything more: then nothing is guarded.
    """
    desk, pair = session.desk, [item for item in served if item.candidate.name in BESIDE]
    if any(item.recorded is not None for item in pair):
        return
    for guard in await _guards(session, begun):
        if guard.name == "general" and payer(pair).sandbox:
            desk.say("warning", _KNOWS_NOTHING)
        most = _most(begun, pair, guard.asked)
        evaluated = await evaluate(
            session,
            begun.settings,
            pair,
            guard.asked,
            run_id=begun.run.id,
            reserve_usd=most or Decimal(0),
            unknown=most is None,
            progress=progress,
        )
        known = (await desk.db(desk.ledger.runs.get, begun.run.id)).record.get(_GUARDS) or {}
        told = {_GUARDS: {**known, guard.name: evaluated.spec.id}}
        await desk.db(desk.ledger.runs.update, begun.run.id, desk.clock.now(), stage=None, **told)


async def guarded(session: Session, begun: Begun, evaluated: Evaluated) -> tuple[Guarded, ...]:
    """What the guards of this run found, from stored answers."""
    record = (await session.desk.db(session.desk.ledger.runs.get, begun.run.id)).record
    specs: Mapping[str, str] = record.get(_GUARDS) or {}
    sides = {candidate.name: candidate for candidate in evaluated.spec.candidates if candidate.name in BESIDE}
    margins, found = evaluated.rule.margins, list[Guarded]()
    for name, spec_id in specs.items():
        guard = _general() if name == "general" else await _similar(session, begun)
        answers = await stored(session.desk, spec_id)
        base, tuned = (_side(sides[role], guard, answers) for role in BESIDE)
        found.append(forgotten(name, base, tuned, margins.get(name), guard.categories))
        if name == "general" and SAFETY in margins:
            careful = _only(base, guard, SAFETY), _only(tuned, guard, SAFETY)
            found.append(forgotten(SAFETY, *careful, margins[SAFETY]))
    return tuple(found)


async def _guards(session: Session, begun: Begun) -> list[_Guard]:
    guards = []
    if _asks_general(begun):
        guards.append(_general())
    if begun.settings.similar is not None:
        guards.append(await _similar(session, begun))
    return guards


def _asks_general(begun: Begun) -> bool:
    """As the user says; else where it was quoted: nothing is paid that nobody was told of."""
    if begun.settings.general is not None:
        return begun.settings.general
    return begun.quote is not None and any(line.part.startswith("general") for line in begun.quote.lines)


def _general() -> _Guard:
    prompts = general_prompts()
    return _Guard(
        name="general",
        asked=questions([prompt.row for prompt in prompts]),
        grade=tuple(prompt.grade for prompt in prompts),
        categories=tuple(prompt.category for prompt in prompts),
    )


async def _similar(session: Session, begun: Begun) -> _Guard:
    """As the file was when it was first read; without what the model was trained on, which would hide a loss."""
    split = begun.dataset.split
    trained = {question_key(row.example) for row in (*split.train, *split.validation)}
    dataset = await _kept(session, begun)
    rows = [row for row in dataset.rows if question_key(row.example) not in trained]
    asked, grader = questions(rows), choose([row.example.answer for row in rows])
    grade = tuple(_grading(grader, question) for question in asked)
    return _Guard(name="similar", asked=asked, grade=grade, measure=grader.measure)


def _grading(grader: Grader, question: Question) -> Grading:
    return lambda text: grader.grade(text, question.row.example.answer, question.row.accept)


async def _kept(session: Session, begun: Begun) -> Dataset:
    desk = session.desk
    record = (await desk.db(desk.ledger.runs.get, begun.run.id)).record
    if _SIMILAR in record:
        return restore(session, record[_SIMILAR])
    dataset = load_similar(begun.settings)
    archive(session, dataset)
    told = {_SIMILAR: dataset.sha256}
    await desk.db(desk.ledger.runs.update, begun.run.id, desk.clock.now(), stage=None, **told)
    return dataset


def _most(begun: Begun, pair: Sequence[Served], asked: Sequence[Question]) -> Decimal | None:
    each = [line_of(begun.settings, item, asked).usd for item in pair]
    return None if None in each else sum((usd for usd in each if usd is not None), Decimal(0))


def _side(candidate: Candidate, guard: _Guard, answers: Mapping[tuple[str, str, int], Answer]) -> Side:
    """Prompts that were not asked, as those of a later version of ours, are missing."""
    none = Answer(text="", error="not asked")
    samples = range(1 + max((sample for _, _, sample in answers), default=0))
    given = [
        tuple(answers.get((candidate.name, question.key, sample), none) for sample in samples)
        for question in guard.asked
    ]
    return graded_each(
        candidate, [by_text(one) for one in guard.grade], [_heard(each) for each in given], guard.measure
    )


def _heard(samples: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """Here a refusal is an answer like any other: some of these prompts call for one."""
    return tuple(
        replace(one, text=one.text or one.refusal, refusal=None) if one.refusal is not None else one for one in samples
    )


def _only(side: Side, guard: _Guard, category: str) -> Side:
    places = [place for place, name in enumerate(guard.categories or ()) if name == category]
    answers = tuple(side.answers[place] for place in places)
    return replace(
        side,
        answers=answers,
        grades=tuple(side.grades[place] for place in places),
        missing=sum(any(answer.missing for answer in samples) for samples in answers),
    )
