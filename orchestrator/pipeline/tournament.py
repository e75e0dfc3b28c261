"""The checkpoints of a job meet on the validation rows; the best is what will be evaluated, on rows it never met.

Choosing on one part and testing on the other keeps the test honest. The choice stands in the run's record before the
first held-out question is asked. Its questions are paid like those of an evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

from providers.records import Checkpoint, JobState

from ..canonical import plain
from ..costing import usd_limit, usd_text
from ..errors import BudgetRefused, UsageError
from ..evaluation.grader_names import needs_judge
from ..evaluation.graders import Grader, choose_for
from ..evaluation.questions import Question, questions
from ..evaluation.sides import graded
from ..evaluation.tournament import Round, portions, round_of
from ..ledger.codec import dump, load
from ..settings import RunSettings
from ..stats import open_tournament, play_round
from .answering import Served, tuned_candidate
from .asking import line_of
from .begun import Begun
from .evaluating import evaluate
from .grading import graders_of
from .session import Session

__all__ = ["CHOSEN", "Chosen", "choose_if_asked", "hold_tournament"]

CHOSEN = "tournament"
"""In the run's record: how the tournament went."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The winner. `model`: by which it is asked; `rounds`: how it went; `step` of the winning checkpoint."""

    run: str
    model: str
    checkpoint: str
    step: int
    why: str
    rounds: tuple[Round, ...]


async def hold_tournament(
    session: Session, begun: Begun, progress: Progress, consent: Callable[[Decimal | None], None]
) -> Chosen:
    """Ask, drop, and record who won. What was answered before is not asked again. Raises `UsageError` where there is
    nothing to choose from. `consent`: called with the most it may cost; raises to say no."""
    desk = session.desk
    run = await desk.db(desk.ledger.runs.get, begun.run.id)
    entrants = await _entrants(session, begun, run.record, run.intent_id)
    asked = questions(begun.dataset.split.validation)
    if not asked:
        raise UsageError("there are no validation rows to choose on", fix="give some with --validation FILE")
    most = _most(begun, list(entrants.values()), asked)
    _refuse(begun, most)
    told = "not known" if most is None else f"at most {usd_text(most, rounding=ROUND_CEILING)}"
    desk.say("quote", f"choosing among {len(entrants)} checkpoints on {len(asked)} validation rows: {told}", usd=most)
    consent(most)
    rounds, evaluations = await _rounds(session, begun, entrants, asked, progress)
    chosen = _chosen(begun, run.record, entrants, rounds)
    kept: dict[str, Any] = {
        "evaluated": {"model": chosen.model, "checkpoint": chosen.checkpoint, "step": chosen.step, "why": chosen.why},
        CHOSEN: {"rounds": plain(rounds), "evaluations": evaluations},
    }
    # What was evaluated before, if anything, was another state of the model.
    kept["evaluation_id"] = None
    await desk.db(desk.ledger.runs.update, run.id, desk.clock.now(), stage="trained", **kept)
    desk.say("checkpoint", f"to be evaluated: {chosen.why}")
    return chosen


async def choose_if_asked(session: Session, begun: Begun, progress: Progress) -> None:
    """Before the held-out rows are asked, once: where the run was told to choose. Where there is nothing to choose from
    the last model is evaluated, and that is said."""
    run = await session.desk.db(session.desk.ledger.runs.get, begun.run.id)
    if begun.settings.choose is None or "tuned" in begun.settings.extra or CHOSEN in run.record:
        return
    try:
        await hold_tournament(session, begun, progress, lambda _most: None)
    except UsageError as error:
        session.desk.say("warning", f"the checkpoints do not meet: {error.what}; the last model is evaluated")


async def _entrants(
    session: Session, begun: Begun, record: Mapping[str, Any], intent_id: str | None
) -> dict[str, Served]:
    """Name → each checkpoint that can be asked, the earliest first."""
    if intent_id is None:
        raise UsageError(f"run {begun.run.id} has bought no job", fix="tunewright submit, or tunewright run")
    intent = await session.desk.db(session.desk.ledger.intents.get, intent_id)
    if intent.job is None or intent.job.state is not JobState.SUCCEEDED:
        raise UsageError(f"run {begun.run.id} has no tuned model yet", fix=f"tunewright watch {begun.run.id}")
    saved = [load(Checkpoint, dump(item)) for item in record.get("checkpoints", ())]
    target = begun.settings.to[0]
    found: dict[str, Served] = {}
    for item in sorted(saved, key=lambda one: one.step):
        if item.model:
            served = tuned_candidate(begun.settings, begun.account, target.model, item.model)
            name = f"step{item.step}"
            found[name] = replace(served, candidate=replace(served.candidate, name=name))
    if len(found) < 2:
        raise UsageError(
            f"{len(saved)} checkpoint(s) were saved, of which {len(found)} can be asked: there is nothing to choose",
            fix="ask for more of them when you train, where the platform has a setting for it",
        )
    if any(served.dedicated for served in found.values()):
        raise UsageError(
            "each checkpoint would need a machine of its own, billed by the hour",
            fix="`--on-trouble keep` takes the one with the lowest validation loss, which costs nothing",
        )
    return found


def _most(begun: Begun, entrants: Sequence[Served], asked: Sequence[Question]) -> Decimal | None:
    """Everybody asked everything, as if nobody dropped out."""
    each = [line_of(begun.settings, served, asked).usd for served in entrants]
    return None if None in each else sum((usd for usd in each if usd is not None), Decimal(0))


def _refuse(begun: Begun, most: Decimal | None) -> None:
    cap = begun.settings.max_usd
    if most is not None and cap is not None and most > cap:
        raise BudgetRefused(
            f"choosing may cost up to {usd_text(most, rounding=ROUND_CEILING)}, and --max-usd is {usd_limit(cap)}",
            fix="raise --max-usd, or evaluate the last model",
        )
    if most is None and cap is None and not (begun.account.sandbox or begun.settings.accept_unknown):
        raise BudgetRefused(
            "the price of asking these checkpoints is not known, so no budget can be held for it",
            fix="give --max-usd, or your own price file with --prices",
        )


def _grader(settings: RunSettings, asked: Sequence[Question]) -> Grader:
    """As the held-out rows will be graded; where a judge grades those, by what the answers call for: no judge is paid
    for checkpoints."""
    if settings.grader is None or not needs_judge(settings.grader):
        return graders_of(settings, asked)[0]
    return choose_for([question.row.example for question in asked])


async def _rounds(
    session: Session, begun: Begun, entrants: Mapping[str, Served], asked: Sequence[Question], progress: Progress
) -> tuple[tuple[Round, ...], list[str]]:
    settings, parts = begun.settings, portions(asked, len(entrants))
    grader = _grader(settings, asked)
    tournament = open_tournament(tuple(entrants), rounds=len(parts), error=1 - settings.rule.confidence)
    rounds, evaluations = list[Round](), list[str]()
    for part in parts:
        served = [entrants[name] for name in tournament.alive]
        most = _most(begun, served, part)
        found = await evaluate(
            session,
            settings,
            served,
            tuple(part),
            run_id=begun.run.id,
            reserve_usd=most if most is not None else settings.max_usd or Decimal(0),
            unknown=most is None,
            progress=progress,
        )
        evaluations.append(found.spec.id)
        scores = {
            name: graded(entrants[name].candidate, part, found.samples_of(name), grader).scores
            for name in tournament.alive
        }
        tournament = play_round(tournament, scores)
        rounds.append(round_of(tournament))
        session.desk.say("round", _told(rounds[-1]), round=tournament.played, left=list(tournament.alive))
        if tournament.finished:
            break
    return tuple(rounds), evaluations


def _told(one: Round) -> str:
    best = ", ".join(f"{standing.name} {standing.mean:.1%}" for standing in one.standings[:3])
    gone = f"; out: {', '.join(dropped.name for dropped in one.dropped)}" if one.dropped else ""
    return f"round {one.number}, {one.n} validation rows: {best}{gone}"


def _chosen(begun: Begun, record: Mapping[str, Any], entrants: Mapping[str, Served], rounds: Sequence[Round]) -> Chosen:
    best = rounds[-1].standings[0]
    saved = [load(Checkpoint, dump(item)) for item in record["checkpoints"]]
    won = next(item for item in saved if f"step{item.step}" == best.name and item.model)
    last = max(entrants, key=lambda name: int(name.removeprefix("step")))
    others = len(entrants) - 1
    which = "the last checkpoint" if best.name == last else "the checkpoint"
    why = (
        f"{which} at step {won.step}: it scored best of {others + 1} on {best.n} validation rows ({best.mean:.1%}), "
        f"in {len(rounds)} round{'' if len(rounds) == 1 else 's'}; the held-out rows had no part in that"
    )
    assert won.model is not None
    return Chosen(run=begun.run.id, model=won.model, checkpoint=won.id, step=won.step, why=why, rounds=tuple(rounds))
