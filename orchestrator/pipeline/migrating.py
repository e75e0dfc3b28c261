"""Moving a tuned model to another platform: its answers are kept, its recipe is translated, and the same pairs, split
and rule make a new run that is held against it.

Each step can be done again: what was asked is not asked again, what was bought is not bought again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from providers.records import Hyperparameters, Plan

from ..canonical import plain
from ..clock import today
from ..costing import usd_text
from ..errors import BudgetRefused, DataRefused, UsageError
from ..evaluation.equivalence import Equivalence
from ..jobs.patience import patiently
from ..ledger import Bill, Run
from ..ledger.codec import dump, load
from ..settings import RunSettings
from . import run as steps
from .as_good import as_good
from .begun import Begun
from .evaluating import Evaluated
from .keeping import RECORDED
from .moved import OldModel, Wish
from .ready import ready
from .result import RunResult
from .session import Session
from .translating import PRESET, Carried, Translation, chosen_there, source_settings, translate

__all__ = ["begin_moving", "finish_moving", "refuse_unmovable"]


def refuse_unmovable(run: Run, dataset_rows: int) -> None:
    """Raises `DataRefused` where the rows that the old job was trained on are not known here."""
    if dataset_rows == 0:
        raise DataRefused(
            f"the pairs that the job of run {run.id} was trained on are not known here, so nothing can be trained",
            fix="give them with --pairs FILE; with --test FILE beside it where those were held out elsewhere",
        )


async def begin_moving(
    session: Session, old: OldModel, wish: Wish, answers: Path, spent: Decimal, bills: Sequence[Bill]
) -> tuple[Begun, Translation]:
    """The new run: the old one's pairs, split and rule, its settings translated, its model a candidate beside.

    The margin stands in the run's record before anything is bought or asked. Raises what refuses a run.
    """
    source, dataset = old.begun, old.begun.dataset
    refuse_unmovable(source.run, len(dataset.split.train))
    before = await _moved_before(session, old, wish)
    translation = before or await _translated(session, old, wish)
    settings = _settings(source.settings, wish, translation, answers)
    settings = replace(settings, max_usd=_left(settings.max_usd, spent))
    session.desk.say("moving", f"carried over from {old.name} to {wish.to}:")
    for line in translation.lines:
        session.desk.say("translation", f"  {line.text}", **plain(line))
    session.desk.say("moving", f"old bill of training: {_bill_text(old)}; the quote of the new one follows")
    on = today(session.desk.clock)
    begun = await steps.begin(session, ready(settings, session.environ, session.home, on, bills, dataset))
    record = {
        "from": source.run.id,
        "old": old.name,
        "margin": wish.margin,
        "given": plain(wish.given),
        "hyperparameters": plain(translation.hyperparameters),
        "translation": [plain(line) for line in translation.lines],
        "old_billed_usd": plain(old.billed_usd),
    }
    desk = session.desk
    run = await desk.db(desk.ledger.runs.update, begun.run.id, desk.clock.now(), moved=record)
    return replace(begun, run=run), translation


async def _moved_before(session: Session, old: OldModel, wish: Wish) -> Translation | None:
    """The translation of an earlier start of the same move: limits and presets that have changed since make no second
    job."""
    wanted = (old.begun.run.id, str(wish.to), plain(wish.given))
    for run in sorted(await session.desk.db(session.desk.ledger.runs.all), key=lambda run: run.created_at):
        told = run.record.get("moved")
        if told and (told["from"], f"{run.provider}:{run.model}", told["given"]) == wanted:
            if "equivalence" in run.record and told["margin"] != wish.margin:
                raise UsageError(
                    f"this move was judged by a margin of {told['margin']:g} before (run {run.id}); one that is chosen "
                    "when the result is known shows nothing",
                    where="--margin",
                    fix=f"--margin {told['margin']:g}, or move it again on held-out prompts that nobody has seen",
                )
            lines = tuple(load(Carried, dump(line)) for line in told["translation"])
            return Translation(load(Hyperparameters, dump(told["hyperparameters"])), lines)
    return None


async def _translated(session: Session, old: OldModel, wish: Wish) -> Translation:
    """In the words of the new platform, and within the limits that its account tells of this model."""
    source, split = old.begun, old.begun.dataset.split
    account = session.account(wish.to.provider, wish.changes.get("account"))
    planned = source.quote.recipe.hyperparameters if source.quote else source.settings.hyperparameters
    assert old.intent.job is not None
    was, method = source_settings(planned, old.intent.job.trained), source.settings.method
    # Of a job made elsewhere nobody knows what was asked for: all of it is taken for somebody's wish.
    there = chosen_there(planned, old.intent.job.trained) if source.quote else frozenset()
    rows, validation = len(split.train), len(split.validation)

    def translated(refused: dict[str, str]) -> Translation:
        return translate(was, wish.given, account.platform, wish.to.model, method, rows, validation, refused, there)

    first = translated({})
    recipe = account.platform.recipe(wish.to.model, method, first.hyperparameters, rows, validation)
    plan = Plan(
        provider=wish.to.provider,
        account=account.ref,
        model=wish.to.model,
        method=method,
        hyperparameters=recipe.hyperparameters,
        train_sha256="0" * 64,
        validation_sha256="0" * 64 if validation else None,
    )
    async with session.open(account) as provider:
        answer = await patiently(session.desk, provider, lambda: provider.preflight(plan))
    carried = {line.name for line in first.lines if line.new is not None and line.setting != PRESET}
    told = {name: problem for problem in answer.problems if (name := problem.partition(":")[0]) in carried}
    return translated(told) if told else first


def _bill_text(old: OldModel) -> str:
    tokens = "" if old.billed_tokens is None else f", {old.billed_tokens:,} tokens"
    play = "play money, " if old.begun.account.sandbox else ""
    return ("unknown" if old.billed_usd is None else f"{play}{usd_text(old.billed_usd)}") + tokens


def _left(cap: Decimal | None, spent: Decimal) -> Decimal | None:
    """Of the cap on the whole, what the old model's answers leave."""
    if cap is None:
        return None
    if spent >= cap and spent:
        raise BudgetRefused(f"keeping the old answers may use up all of --max-usd {cap}", fix="raise --max-usd")
    return cap - spent


def _settings(source: RunSettings, wish: Wish, translation: Translation, answers: Path) -> RunSettings:
    """The old run's, with the new place; nothing of the old platform's own is kept."""
    fresh: dict[str, Any] = {
        "to": (wish.to,),
        "hyperparameters": translation.hyperparameters,
        "also": (f"{RECORDED}:{answers}",),
        "also_prompts": (),
        "also_shots": 0,
        "choose": None,
        "suffix": None,
        "account": None,
        "prices": None,
        "generation": 0,
        "extra": {},
    }
    return replace(source, **{**fresh, **wish.changes})


async def finish_moving(session: Session, begun: Begun, evaluated: Evaluated) -> tuple[RunResult, Equivalence]:
    """The ordinary verdict of the new run, and whether the new model is as good as the old one."""
    result = await steps.finish(session, begun, evaluated)
    found = as_good(begun.run, evaluated, result.judged.grader)
    assert found is not None, "a run that moves a model asks the old one"
    desk = session.desk
    await desk.db(desk.ledger.runs.update, begun.run.id, desk.clock.now(), equivalence=plain(found))
    return result, found
