"""`migrate` for the library: from a run, or a job made elsewhere, to another platform, and is it as good there?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from providers.records import Hyperparameters

from ..config import Config
from ..errors import UsageError
from ..evaluation.equivalence import USUAL_MARGIN
from ..ledger import Bill, Run
from ..options import RunOptions, merge
from ..pipeline import run as steps
from ..pipeline.finding import find_run
from ..pipeline.leaving import keep_answers, old_model
from ..pipeline.migrating import begin_moving, finish_moving, refuse_unmovable
from ..pipeline.moved import Moved, Wish
from ..pipeline.project import Project
from ..pipeline.session import platform_named
from ..settings import Target
from .jobs import Jobs

if TYPE_CHECKING:
    from ..jobs.watch import Reading

__all__ = ["migrate"]

_TRAINING = ("epochs", "learning_rate", "batch_size", "seed", "lora", "beta", "settings")
_OF_THE_NEW = ("account", "suffix", "prices", "max_usd", "max_hosting_hours", "people_usd", "again", "accept_unknown",
               "accept_sunset", "concurrency", "batch", "on_trouble")  # fmt: skip
"""What is said of the new run; all else is the old one's."""

_NOT_OF_THE_OLD = ("to", "account", "suffix", "again", "accept_sunset", "on_trouble", "batch", "people_usd")
"""What says nothing of a job made elsewhere, when it is adopted."""


async def migrate(
    project: Project,
    config: Config,
    source: str,
    bills: Sequence[Bill],
    *,
    pairs: Path | None,
    answers: Path | None,
    margin: float | None,
    old_account: str | None,
    keep_only: bool,
    consent: steps.Consent,
    see: Callable[[Reading], None],
    progress: steps.Progress,
    options: RunOptions,
) -> Moved:
    """See `AsyncOrchestrator.migrate`."""
    wish = None if keep_only else _wish(config, answers, margin, options)
    run = await _source(project, config, source, pairs, old_account, options)
    session = project.session
    old = await old_model(session, run, see)
    if wish is not None:
        refuse_unmovable(run, len(old.begun.dataset.split.train))
    kept, spent = answers, Decimal(0)
    if kept is None:
        cap, unknown = options.get("max_usd"), bool(options.get("accept_unknown"))
        kept, spent = await keep_answers(session, old, consent, progress, cap, accept_unknown=unknown)
    if wish is None:
        return Moved(old=old, answers=kept)
    begun, translation = await begin_moving(session, old, wish, kept, spent, bills)
    async with session.open(begun.account):
        await steps.buy(session, begun, consent)
        await steps.follow(session, begun.run, see)
        evaluated = await steps.compare(session, begun, progress)
    result, found = await finish_moving(session, begun, evaluated)
    return Moved(old=old, answers=kept, translation=translation, result=result, equivalence=found)


def _wish(config: Config, answers: Path | None, margin: float | None, options: RunOptions) -> Wish:
    """What is asked for, looked through before anything is read. Raises `UsageError`, `NotFound`."""
    if not options.get("to"):
        raise UsageError("say where to move to", where="--to", fix="--to PLATFORM:MODEL, or --keep-only")
    share = USUAL_MARGIN if margin is None else margin
    if not 0 < share < 1:
        raise UsageError(f"{share:g} is no margin", where="--margin", fix="a share between 0 and 1: 0.05 is 5 points")
    told: Mapping[str, Any] = options
    named = ("to", *_OF_THE_NEW)
    now = merge(config, Path(), **{name: told[name] for name in named if told.get(name) is not None})
    platform_named(now.target.provider).model(now.target.model)
    changes = {name: getattr(now, name) for name in _OF_THE_NEW if told.get(name) is not None}
    changes.setdefault("max_usd", now.max_usd)
    given = {name: told[name] for name in _TRAINING if told.get(name) is not None}
    return Wish(to=now.target, margin=share, given=_given(given), answers=answers, changes=changes)


def _given(told: dict[str, Any]) -> Hyperparameters:
    """What the user says of the training now; the configuration's own settings were for other runs."""
    extra = dict(told.pop("settings", None) or {})
    beta = told.pop("beta", None)
    return Hyperparameters(**told, extra=extra if beta is None else {**extra, "beta": beta})


async def _source(
    project: Project, config: Config, source: str, pairs: Path | None, account: str | None, options: RunOptions
) -> Run:
    """The run that holds the old model: named, or found by its job, or made by adopting that job."""
    if ":" not in source:
        return await find_run(project, source)
    target, session = Target.parse(source, "migrate"), project.session
    desk = session.desk
    for intent in await desk.db(desk.ledger.intents.all):
        if (intent.provider, intent.job_id) == (target.provider, target.model):
            runs = await desk.db(desk.ledger.runs.of_intent, intent.id)
            known = [run for run in runs if "settings" in run.record]
            if known:
                return max(known, key=lambda run: run.created_at)
    if pairs is None and options.get("test") is None:
        raise UsageError(
            f"{source} is no job of this ledger, and a platform tells of a job everything but its pairs",
            where="migrate",
            fix="--pairs FILE with those it was trained on; with --test FILE beside it where others were held out",
        )
    told: Mapping[str, Any] = options
    reading = {name: value for name, value in told.items() if name not in (*_TRAINING, *_NOT_OF_THE_OLD)}
    jobs = Jobs(project, config)
    return await jobs.adopt(target.provider, target.model, pairs=pairs, **{**reading, "account": account})
