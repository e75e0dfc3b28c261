"""A run from pairs to a verdict, step by step. Each step reads what it needs from the ledger, so any can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from providers.records import ProviderFile, RemoteJob

from ..canonical import intent_id, plain, run_id
from ..clock import today
from ..costing import Quote
from ..dataset.records import Dataset
from ..errors import DataRefused, UsageError
from ..evaluation.ask import stored
from ..evaluation.decide import Rule
from ..evaluation.judged import Judged
from ..evaluation.questions import Question, Spec, questions
from ..jobs.health import Policy
from ..jobs.patience import patiently
from ..jobs.watch import Reading
from ..ledger import Intent, Run
from ..ledger.codec import dump, load
from ..settings import RunSettings, Target
from .answering import Served
from .as_good import with_its_move
from .asking import ask_quote, tell_power
from .asking_judge import greet_judge, judge_account, judge_answers, tell_judging
from .begun import Begun
from .beside import beside_of
from .billing import bill_of
from .candidates import named_platforms
from .choosing import choose
from .deciding import judge
from .evaluating import Evaluated, evaluate
from .grading import exploratory, record_grader, recorded_for, with_judgements
from .guarding import ask_guards
from .keeping import pinned
from .lifespan import ends_soon, refuse_by_facts, shutdown_of
from .prepare import FILES, archive, restore, upload_files
from .pricing import prices_of
from .quoting import asked_models, asked_usd, refuse_over, unpriced
from .ready import Ready, ready
from .remembering import remember, tell_trained_before
from .reporting import REPORTS, Written, write_report
from .result import RunResult
from .serving import account_of, evaluated_before, intent_of, served_of, tuned_bases
from .session import Account, Session
from .story import Story
from .tidying import tidy
from .tournament import choose_if_asked
from .training import is_bought, make_plan, start_job, watch_job
from .widening import widened

__all__ = [
    "Consent",
    "Progress",
    "Ready",
    "account_of",
    "asked_before",
    "begin",
    "buy",
    "compare",
    "finish",
    "follow",
    "policy_of",
    "ready",
    "reopen",
    "report",
    "start_run",
]

Consent = Callable[["Quote | None", RunSettings], None]
"""Called with the quote before anything is bought; raises `BudgetRefused` to say no."""

Progress = Callable[[int, int], None]


async def begin(session: Session, ready: Ready) -> Begun:
    """Convert to the files to upload, and write the run."""
    settings, dataset, quoted = ready.settings, ready.dataset, ready.quote
    target = settings.target
    _enough_held_out(session, dataset)
    dataset = await tell_trained_before(session, dataset)
    account = session.account(target.provider, settings.account)
    judging = judge_account(session, settings)
    settings = pinned(session.home, settings)
    accounts = {name: session.account(name, settings.account) for name in named_platforms(settings)}
    accounts[target.provider] = account
    made = await tuned_bases(session)
    quoted = widened(quoted, settings, dataset, account=accounts.__getitem__, home=session.home, made=made)
    dialect = account.platform.dialect_for(target.model, settings.method)
    files = upload_files(dataset, dialect, settings.method, session.home / FILES)
    settings = await _numbered(session, settings, account, quoted, files)
    archive(session, dataset)
    record = {
        "settings": plain(settings),
        "dataset": dataset.sha256,
        "quote": plain(quoted),
        "files": [plain(file) for file in files],
    }
    run = await start_run(session, target, record, *accounts.values(), *([judging] if judging else ()))
    return Begun(run=run, settings=settings, dataset=dataset, quote=quoted, account=account, files=files)


def _enough_held_out(session: Session, dataset: Dataset) -> None:
    """Before any money: can these held-out prompts tell anything? None refuse; few are said to be few."""
    prompts = len(dataset.split.test)
    if prompts == 0:
        raise DataRefused(
            f"{len(dataset.rows)} rows leave none to hold out, so nothing could show whether tuning helped",
            where=str(dataset.sources[0].file),
            fix="add rows, or give your own held-out pairs with --test FILE",
        )
    tell_power(session, prompts)


async def _numbered(
    session: Session, settings: RunSettings, account: Account, quoted: Quote, files: tuple[ProviderFile, ...]
) -> RunSettings:
    """`--again`: the first generation of this plan that has bought nothing yet. Else the plan as it is.

    A generation that a crash left unsent or in doubt is gone on with: the same wish, said once more, is still one.
    """
    while settings.again:
        plan = make_plan(settings, account, quoted.recipe, files)
        known = await session.desk.db(session.desk.ledger.intents.find, intent_id(plan))
        if known is None or known.job_id is None:
            break
        settings = replace(settings, generation=settings.generation + 1)
    return settings


async def start_run(session: Session, target: Target, record: dict[str, Any], *accounts: Account) -> Run:
    """Write the run, with the accounts it asks: what is told of it later needs neither key nor environment."""
    now, desk = session.desk.clock.now(), session.desk
    record = {**record, "accounts": {account.platform.name: account.ref for account in accounts}}
    run = Run(
        id=run_id(),
        created_at=now,
        stage="quoted",
        provider=target.provider,
        model=target.model,
        project=session.project or None,
        record=record,
    )
    await desk.db(desk.ledger.runs.start, run)
    desk.say("run", f"run {run.id}", run=run.id)
    return run


async def reopen(session: Session, run: Run) -> Begun:
    """A run as the ledger holds it; no key is needed until its platform is asked.

    Raises `UsageError` when its dataset's archive was deleted.
    """
    record = run.record
    session.desk.say("run", "", run=run.id)
    if "settings" not in record:
        raise UsageError(
            f"run {run.id} adopted a job made elsewhere, so its pairs are not known here",
            fix=f"give them: tunewright jobs adopt {run.provider}:{run.record.get('adopted', 'JOB')} --pairs FILE, or "
            "--test FILE with pairs that it was not trained on",
        )
    settings = load(RunSettings, dump(record["settings"]))
    try:
        dataset = restore(session, record["dataset"])
    except FileNotFoundError as error:
        raise UsageError(
            f"the archived dataset of run {run.id} is gone", where=str(error.filename), fix="start a new run"
        ) from error
    return Begun(
        run=run,
        settings=settings,
        dataset=dataset,
        quote=load(Quote, dump(record["quote"])) if record.get("quote") else None,
        account=await account_of(session, run, settings.to[0].provider),
        files=tuple(load(ProviderFile, dump(file)) for file in record.get("files", ())),
    )


async def buy(session: Session, begun: Begun, consent: Consent) -> Intent:
    """Settle what is in doubt, ask for consent, submit once, and bind the job to the run."""
    assert begun.quote is not None
    desk = session.desk
    if not await is_bought(session, begun.training):
        refuse_by_facts(begun.quote, begun.settings, begun.account, today(desk.clock))
    refuse_over(begun.quote, begun.settings)
    judging = judge_account(session, begun.settings)
    if judging is not None:
        asked, names = questions(begun.dataset.split.test), asked_models(begun.quote)
        tell_judging(session, begun.settings, judging, asked, names, begun.quote.high_usd)
    consent(begun.quote, begun.settings)
    if judging is not None:
        await greet_judge(session, begun.settings, judging)
    async with session.open(begun.account) as provider:
        await tidy(session, begun.account, resubmit=begun.settings.resubmit_after_settle)
        await remember(session, begun.training, begun.dataset)
        intent = await start_job(session, provider, begun.training)
    await desk.db(desk.ledger.runs.update, begun.run.id, desk.clock.now(), stage="training", intent_id=intent.id)
    desk.say("job", "", run=begun.run.id, job=intent.job_id)
    return intent


async def follow(session: Session, run: Run, see: Callable[[Reading], None], policy: Policy | None = None) -> RemoteJob:
    """Watch the run's job to its end, and choose what will be evaluated. Raises `JobFailed` unless it succeeded.

    `policy`: what to do on trouble, by default what the run was started with.
    """
    desk = session.desk
    intent = await intent_of(session, run)
    desk.say("job", "", run=run.id, job=intent.job_id)
    account = await account_of(session, run, intent.provider)
    async with session.open(account) as provider:
        await tidy(session, account)
        prices = prices_of(run, provider.platform, intent.plan)
        job = await watch_job(session, provider, intent, prices, see, policy or policy_of(run))
        saved = await patiently(desk, provider, lambda: provider.checkpoints(job.id))
    chosen = await choose(session, intent, job, saved)
    record = {"checkpoints": plain(saved), "evaluated": None if chosen is None else plain(chosen)}
    await desk.db(desk.ledger.runs.update, run.id, desk.clock.now(), stage="trained", **record)
    return job


def policy_of(run: Run) -> Policy:
    """What the run was told to do on trouble; to warn, where its job was made elsewhere."""
    return load(RunSettings, dump(run.record["settings"])).on_trouble if "settings" in run.record else Policy()


async def compare(session: Session, begun: Begun, progress: Progress, until: datetime | None = None) -> Evaluated:
    """Ask every candidate the held-out questions; what was answered before is not asked again.

    First the checkpoints meet, where that was asked for; last come the tasks that were not trained for.
    `until`: when to stop waiting for batches. Raises `StillRunning` then.
    """
    await choose_if_asked(session, begun, progress)
    served = await served_of(session, begun)
    accounts = [item.account for item in served if item.recorded is None]
    for account in {(account.platform.name, account.ref): account for account in accounts}.values():
        await tidy(session, account)
    desk = session.desk
    asked = questions(begun.dataset.split.test)
    await record_grader(session, begun, asked)
    judging = None
    if begun.settings.judge is not None:
        judging = await account_of(session, begun.run, begun.settings.judge.provider)
        if begun.run.evaluation_id is None:
            await greet_judge(session, begun.settings, judging)
    held = _held(begun, served, asked)
    evaluated = await evaluate(
        session,
        begun.settings,
        served,
        asked,
        run_id=begun.run.id,
        reserve_usd=held.usd,
        unknown=held.unknown,
        progress=progress,
        before=await evaluated_before(session, begun.run),
        until=until,
    )
    await ask_guards(session, begun, served, progress)
    await desk.db(
        desk.ledger.runs.update, begun.run.id, desk.clock.now(), stage="evaluated", evaluation_id=evaluated.spec.id
    )
    if judging is not None:
        await judge_answers(session, begun.settings, evaluated, judging, run_id=begun.run.id, progress=progress)
    return evaluated


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held for the answers; `unknown`: some of them have no known price."""

    usd: Decimal
    unknown: bool


def _held(begun: Begun, served: Sequence[Served], asked: Sequence[Question]) -> _Held:
    """As agreed to when the evaluation alone was quoted, else when the run was; counted anew where they are now asked
    at other prices than the run began with: by batches, or one by one after all."""
    if begun.quote is not None and "asking_usd" not in begun.run.record:
        held = _Held(asked_usd(begun.quote), unpriced(begun.quote, "evaluation"))
    else:
        usd = begun.run.record.get("asking_usd")
        held = _Held(Decimal(usd or 0), usd is None)
    if begun.run.record["settings"].get("batch", False) == begun.settings.batch:
        return held
    return replace(held, usd=max(held.usd, ask_quote(begun.settings, served, asked, {}).usd or Decimal(0)))


async def finish(session: Session, begun: Begun, evaluated: Evaluated) -> RunResult:
    """Grade, decide, and write the report, its JSON twin and the provenance record."""
    desk = session.desk
    story = await _story(session, begun, evaluated)
    assert story.judged is not None
    assert story.billed is not None
    answer = story.judged.verdict.answer
    if story.exploratory:
        run = await desk.db(desk.ledger.runs.get, begun.run.id)
        written = await write_report(session, story, _beside(session, story))
    else:
        run = await desk.db(desk.ledger.runs.update, begun.run.id, desk.clock.now(), stage="decided", verdict=answer)
        written = await write_report(session, story)
        await desk.db(desk.ledger.runs.update, run.id, desk.clock.now(), report=str(written.html))
    return RunResult(
        run=run,
        judged=story.judged,
        quote=begun.quote,
        job=story.intent.job if story.intent else None,
        billed=story.billed,
        report=written.html,
        report_json=written.json,
        provenance=written.provenance,
        view=written.view,
        exploratory=story.exploratory,
        recorded_verdict=story.recorded_verdict,
    )


def _beside(session: Session, story: Story) -> Path:
    """Where an exploratory report goes: it never replaces the recorded one."""
    assert story.judged is not None
    name = "".join(char if char.isalnum() or char in "-_." else "-" for char in story.judged.grader.name)[:60]
    return session.home / REPORTS / story.begun.run.id / f"exploratory-{name}"


async def asked_before(session: Session, begun: Begun) -> Evaluated:
    """What this run has asked so far, from the ledger. Raises `UsageError` when nothing was."""
    ledger, desk = session.desk.ledger, session.desk
    if begun.run.evaluation_id is None:
        raise UsageError(f"run {begun.run.id} has not been evaluated", fix=f"tunewright evaluate {begun.run.id}")
    text = await desk.db(ledger.answers.spec, begun.run.evaluation_id)
    if text is None:
        raise UsageError(f"evaluation {begun.run.evaluation_id} is not in this ledger", where=ledger.place)
    spec, asked = load(Spec, text), questions(begun.dataset.split.test)
    rule = Rule(**await desk.db(ledger.answers.begin, spec.id, spec, begun.settings.rule, desk.clock.now()))
    return Evaluated(spec=spec, questions=asked, answers=await stored(desk, begun.run.evaluation_id), rule=rule)


async def report(session: Session, begun: Begun, out: Path | None, csv: Path | None = None) -> Written:
    """The report of a run as far as it has come."""
    if begun.run.evaluation_id is not None:
        evaluated = await asked_before(session, begun)
        return await write_report(session, await _story(session, begun, evaluated), out, csv=csv)
    intent = await intent_of(session, begun.run) if begun.run.intent_id else None
    return await write_report(session, Story(begun=begun, intent=intent), out, csv=csv)


async def _story(session: Session, begun: Begun, evaluated: Evaluated) -> Story:
    graders = await with_judgements(session, begun.settings, evaluated)
    billed, intent = await bill_of(session, begun, evaluated)
    begun = replace(begun, run=await session.desk.db(session.desk.ledger.runs.get, begun.run.id))
    beside = await beside_of(session, begun, evaluated, intent, billed)
    judged = judge(evaluated, graders, begun.dataset.task == "labels", beside)
    judged = _with_its_end(judged, ends_soon(shutdown_of(begun.run, begun.quote), today(session.desk.clock)))
    judged = with_its_move(judged, begun.run, evaluated)
    recorded = await recorded_for(session, begun, evaluated)
    why = exploratory(recorded, graders[0])
    if why:
        session.desk.say("warning", f"{why} The recorded verdict stays: {recorded.verdict or 'none yet'}.")
        judged = replace(judged, verdict=replace(judged.verdict, reason=f"{why} {judged.verdict.reason}"))
    return Story(
        begun=begun,
        intent=intent,
        evaluated=evaluated,
        judged=judged,
        billed=billed,
        exploratory=why,
        recorded_verdict=recorded.verdict,
    )


def _with_its_end(judged: Judged, ends: str | None) -> Judged:
    """The verdict, and that its model has not long to live."""
    if ends is None:
        return judged
    return replace(judged, verdict=replace(judged.verdict, advice=(*judged.verdict.advice, ends)))
