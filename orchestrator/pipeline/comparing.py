"""Comparing two models that already exist: a run without training, where every pair is a held-out question.

Pairs that the tuned model was trained on, as far as this ledger knows, are left out: they would flatter it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from providers.records import Example

from ..canonical import plain, sha256_of
from ..costing import usd_text
from ..dataset.normal import question_key
from ..dataset.records import Dataset, Dropped, Row, Split
from ..errors import DataRefused
from ..evaluation.questions import questions
from ..settings import RunSettings, Target
from .asking import most_usd, refuse_unbounded
from .asking_judge import judge_account, tell_judging
from .begun import Begun
from .evaluating import base_candidate, tuned_candidate
from .pairs import load_pairs
from .prepare import archive, restore
from .run import Consent, start_run
from .session import Account, Session

__all__ = ["begin_comparison", "comparison_of", "unseen"]


def comparison_of(settings: RunSettings, tuned: Target) -> RunSettings:
    """Settings for comparing two models that exist; the tuned one is priced as a child of the base where it can be."""
    base = settings.to[0]
    child_of = base.model if tuned.provider == base.provider else tuned.model
    return replace(settings, extra={**settings.extra, "tuned": str(tuned), "tuned_base": child_of})


async def begin_comparison(session: Session, settings: RunSettings, consent: Consent) -> Begun:
    """Read the pairs, leave out what the tuned model was trained on, say what asking may cost, and write the run."""
    base, tuned = settings.to[0], Target.parse(settings.extra["tuned"])
    dataset = unseen(session, load_pairs(settings), await _trained_on(session, tuned.model))
    account = session.account(base.provider, settings.account)
    accounts = account, session.account(tuned.provider, settings.account)
    most = _most_usd(settings, tuned, accounts, [row.example for row in dataset.split.test])
    refuse_unbounded(most, settings, sandbox=all(item.sandbox for item in accounts))
    told = "not known" if most is None else f"at most {usd_text(most, rounding=ROUND_CEILING)}"
    session.desk.say("quote", f"asking both models {len(dataset.split.test)} prompts: {told}", usd=most)
    judge = judge_account(session, settings)
    if judge is not None:
        tell_judging(session, settings, judge, questions(dataset.split.test), ("base", "tuned"), most)
    consent(None, settings)
    archive(session, dataset)
    held = settings.max_usd if most is None else most
    record = {"settings": plain(settings), "dataset": dataset.sha256, "asking_usd": plain(held)}
    run = await start_run(session, base, record, *accounts, *([judge] if judge else ()))
    return Begun(run=run, settings=settings, dataset=dataset, quote=None, account=account)


def _most_usd(
    settings: RunSettings, tuned: Target, accounts: tuple[Account, Account], prompts: Sequence[Example]
) -> Decimal | None:
    base, child_of = settings.to[0], settings.extra["tuned_base"]
    sides = (
        most_usd(settings, base_candidate(settings, accounts[0], base), base.model, prompts),
        most_usd(settings, tuned_candidate(settings, accounts[1], child_of, tuned.model), child_of, prompts),
    )
    return None if None in sides else sum((usd for usd in sides if usd is not None), Decimal(0))


async def _trained_on(session: Session, model: str) -> frozenset[bytes]:
    """The questions that went into training or validating this model, by every run of this ledger that made it."""
    desk, keys = session.desk, set[bytes]()
    for intent in await desk.db(desk.ledger.intents.all):
        if intent.job is None or intent.job.tuned_model != model:
            continue
        for run in await desk.db(desk.ledger.runs.of_intent, intent.id):
            keys |= _uploaded(session, run.record.get("dataset"))
    return frozenset(keys)


def _uploaded(session: Session, dataset: str | None) -> set[bytes]:
    if dataset is None:
        return set()
    try:
        split = restore(session, dataset).split
    except FileNotFoundError:
        session.desk.say("warning", f"the archived pairs {dataset} are gone, so overlap with them cannot be seen")
        return set()
    return {question_key(row.example) for row in (*split.train, *split.validation)}


def unseen(session: Session, read: Dataset, seen: frozenset[bytes]) -> Dataset:
    """Every row as a held-out question, without those whose question was trained on."""
    kept: list[Row] = []
    dropped = list(read.dropped)
    for row in read.rows:
        if question_key(row.example) in seen:
            dropped.append(Dropped(row.number, row.file, "trained-on", "the tuned model was trained on this input"))
        else:
            kept.append(row)
    if not kept:
        raise DataRefused(
            "the tuned model was trained on every one of these pairs, so they can show nothing",
            where=read.sources[0].file,
            fix="give pairs that were never uploaded, for example the test.jsonl that `tunewright prepare` writes",
        )
    if len(kept) < len(read.rows):
        gone = len(read.rows) - len(kept)
        session.desk.say("warning", f"{gone} of {len(read.rows)} pairs were in its training files; they are not asked")
    split = Split(train=(), validation=(), test=tuple(kept), balance={"test": len(kept)})
    name = sha256_of([read.sha256, "all held out", len(kept)])
    return replace(read, rows=tuple(kept), dropped=tuple(dropped), split=split, sha256=name)
