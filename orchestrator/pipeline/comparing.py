"""Comparing models that already exist: a run without training, where every pair is a held-out question; and asking a
run's held-out rows again, of more candidates.

Pairs that the tuned model was trained on, as far as this ledger knows, are left out: they would flatter it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ..canonical import plain, sha256_of
from ..dataset.normal import question_key
from ..dataset.records import Dataset, Dropped, Row, Split
from ..errors import DataRefused
from ..evaluation.questions import questions
from ..options import EvaluateOptions, asked_anew
from ..settings import RunSettings, Target
from .answering import Served
from .asking import AskQuote, ask_quote, refuse_unbounded, tell_power
from .asking_judge import judge_account, tell_judging, unjudged
from .begun import Begun
from .candidates import Around, named_platforms, refuse_unusable
from .evaluating import already, spec_for
from .grading import as_begun, with_judgements
from .keeping import pinned
from .pairs import load_pairs
from .prepare import archive, restore
from .run import Consent, asked_before, start_run
from .serving import candidates_of, evaluated_before, served_of, tuned_bases
from .session import Session

__all__ = ["agree_to_judge", "begin_again", "begin_comparison", "comparison_of", "unseen"]


def comparison_of(settings: RunSettings, tuned: Target) -> RunSettings:
    """Settings for comparing two models that exist; the tuned one is priced as a child of the base where it can be."""
    base = settings.to[0]
    child_of = base.model if tuned.provider == base.provider else tuned.model
    return replace(settings, extra={**settings.extra, "tuned": str(tuned), "tuned_base": child_of})


async def begin_comparison(session: Session, settings: RunSettings, consent: Consent) -> Begun:
    """Read the pairs, leave out what the tuned models were trained on, say what asking may cost, and write the run."""
    base, tuned = settings.to[0], Target.parse(settings.extra["tuned"])
    refuse_unusable(settings)
    settings = pinned(session.home, settings)
    named = {tuned.model, *(Target.parse(entry).model for entry in settings.also if ":" in entry)}
    dataset = unseen(session, load_pairs(settings), await _trained_on(session, named))
    names = dict.fromkeys((base.provider, tuned.provider, *named_platforms(settings)))
    accounts = {name: session.account(name, settings.account) for name in names}
    asked = questions(dataset.split.test)
    around = Around(
        settings=settings,
        dataset=dataset,
        asked=asked,
        account=accounts.__getitem__,
        home=session.home,
        made=await tuned_bases(session),
        saved=(),
        tuned=tuned,
    )
    served = candidates_of(around, tuned)
    known = await already(session, spec_for(settings, served, asked), None)
    quote = ask_quote(settings, served, asked, known.answers)
    judge = judge_account(session, settings)
    if judge is not None:
        tell_judging(session, settings, judge, asked, [item.candidate.name for item in served], quote.usd)
    agree(session, quote, settings, consent)
    archive(session, dataset)
    record = {"settings": plain(settings), "dataset": dataset.sha256, **held(quote, settings)}
    run = await start_run(session, base, record, *accounts.values(), *([judge] if judge else ()))
    return Begun(run=run, settings=settings, dataset=dataset, quote=None, account=accounts[base.provider])


async def begin_again(session: Session, begun: Begun, consent: Consent, given: EvaluateOptions) -> Begun:
    """A run's held-out rows for other candidates, samples or parameters: quoted and agreed to before they are asked.

    What was answered before by the same models, asked in the same words, is neither asked nor paid again.
    """
    settings = asked_anew(begun.settings, given)
    refuse_unusable(settings)
    begun = replace(begun, settings=pinned(session.home, settings, anew="also" in given))
    served, asked = await served_of(session, begun), questions(begun.dataset.split.test)
    known = await already(session, spec_for(begun.settings, served, asked), await evaluated_before(session, begun.run))
    quote = ask_quote(begun.settings, served, asked, known.answers)
    await tell_trained_on(session, begun, served)
    judge = judge_account(session, begun.settings)
    if judge is not None:
        names = [item.candidate.name for item in served]
        tell_judging(session, begun.settings, judge, asked, names, quote.usd)
    agree(session, quote, begun.settings, consent)
    accounts = {**begun.run.record.get("accounts", {}), **{i.account.platform.name: i.account.ref for i in served}}
    changes = {"settings": plain(begun.settings), "accounts": accounts, **held(quote, begun.settings)}
    desk = session.desk
    run = await desk.db(partial(desk.ledger.runs.update, begun.run.id, desk.clock.now(), **changes))
    return replace(begun, run=run)


async def agree_to_judge(session: Session, begun: Begun, consent: Consent) -> None:
    """A judge, or rubrics, that the run did not begin with: quoted and agreed to, while they have judged nothing."""
    settings, account = begun.settings, judge_account(session, begun.settings)
    before = as_begun(begun)
    if account is None or (settings.judge, *_graders(settings)) == (before.judge, *_graders(before)):
        return
    if begun.run.evaluation_id is not None:
        evaluated = await asked_before(session, begun)
        if unjudged(await with_judgements(session, settings, evaluated), evaluated) is None:
            return
    names = [item.candidate.name for item in await served_of(session, begun)]
    tell_judging(session, settings, account, questions(begun.dataset.split.test), names, None)
    consent(None, settings)


def _graders(settings: RunSettings) -> tuple[str | None, ...]:
    return (settings.grader, *settings.further_graders)


async def tell_trained_on(session: Session, begun: Begun, served: Sequence[Served]) -> None:
    """Warn of a further candidate that other runs trained on what is held out here: it would be flattered."""
    for item in served[2:]:
        seen = await _trained_on(session, (item.candidate.model,))
        known = sum(question_key(row.example) in seen for row in begun.dataset.split.test) if seen else 0
        if known:
            name, rows = item.candidate.name, len(begun.dataset.split.test)
            told = f"{name} was trained on {known} of the {rows} held-out prompts here, so it is flattered"
            session.desk.say("warning", told, candidate=name, rows=known)


def agree(session: Session, quote: AskQuote, settings: RunSettings, consent: Consent) -> None:
    """Say what so many prompts can show and what asking may cost; where anything is paid, let it be agreed to."""
    tell_power(session, quote.prompts)
    session.desk.say("quote", quote.text, usd=quote.usd, asking=quote.to_json())
    if any(line.answers for line in quote.lines):
        refuse_unbounded(quote, settings)
        consent(None, settings)


def held(quote: AskQuote, settings: RunSettings) -> dict[str, Any]:
    """What the run's record keeps of it, and what is to be held: the cap stands in for a price that is not known."""
    usd = settings.max_usd if quote.usd is None else quote.usd
    return {"asking": quote.to_json(), "asking_usd": plain(usd)}


async def _trained_on(session: Session, models: Collection[str]) -> frozenset[bytes]:
    """The questions that went into training or validating these models, by every run of this ledger that made one."""
    desk, keys = session.desk, set[bytes]()
    for intent in await desk.db(desk.ledger.intents.all):
        if intent.job is None or intent.job.tuned_model not in models:
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
