"""The library's front door: `AsyncOrchestrator`. `Orchestrator`, the same nouns without `await`, stands on it.

The only composition root. Every verb of the command line is a method here; each opens what it needs and closes it
again, so that a crash at any point leaves nothing but the ledger, from which the next call goes on. What a verb works
with is imported when it is called: a check waits for no database, and a quote for no report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from .clock import Clock, SystemClock, today
from .config import Config, checked, environment, find_config, load_config
from .dataset.records import Dataset, Finding
from .errors import BudgetRefused, StillRunning, UsageError
from .home import find_home, has_ledger, project_name
from .options import EvaluateOptions, RunOptions, merge, trouble_policy
from .pipeline.pairs import check_pairs, load_pairs, pairs_to_quote, sample_to_quote
from .pipeline.project import Project
from .settings import RunSettings, Target

if TYPE_CHECKING:
    from asyncio import Event

    from providers.records import PlannedRequest, ProviderFile, RemoteJob

    from .costing import Advice, AdviceInput, Quote
    from .jobs.desk import Notice
    from .jobs.watch import Reading
    from .jobs.work import Tally
    from .ledger import Bill, Run
    from .nouns.batches import Batches
    from .nouns.jobs import Jobs
    from .nouns.limits import Limits
    from .nouns.models import Models, Platforms
    from .nouns.money import Budget, Leases
    from .nouns.webhooks import Webhooks
    from .pipeline.begun import Begun
    from .pipeline.failing import Failures
    from .pipeline.moved import Moved
    from .pipeline.ready import Ready
    from .pipeline.reporting import Written
    from .pipeline.result import RunResult
    from .pipeline.session import Session
    from .pipeline.watching import Ended

__all__ = ["AsyncOrchestrator"]

_WORTH_ANOTHER_PROCESS = 20_000
"""Rows from which on two processes convert for two platforms sooner than one."""

Consent = Callable[["Quote | None", RunSettings], None]
See = Callable[["Reading"], None]
SeeRun = Callable[["Run", "Reading"], None]
Progress = Callable[[int, int], None]


def _unseen(_reading: Reading) -> None:
    return


def _unseen_run(_run: Run, _reading: Reading) -> None:
    return


def _uncounted(_done: int, _total: int) -> None:
    return


def _capped(_quote: Quote | None, settings: RunSettings) -> None:
    """The library's default consent: an explicit cap."""
    if settings.max_usd is None:
        raise BudgetRefused(
            "nobody agreed to spend", where="max_usd", fix="pass max_usd=Decimal('…'), or consent=your own function"
        )


_AS_AGREED = ("max_usd", "concurrency", "batch")
"""What may be given to an evaluation that was agreed to before: how it is asked, and what it may cost at most."""


class AsyncOrchestrator:
    """From pairs to a tuned model that has earned its place.

    `home`: the project's `.tunewright/` (default: the nearest, as git finds `.git`). `config`: a `Config`, or the path
    of a `tunewright.toml` (default: the nearest). `patience_s`: how long an unreachable platform is waited for
    (default: a minute, while a job runs an hour). Options of every verb are the long flags of the command line, with
    underscores. Raises `TunewrightError` (with `exit_code`) and `ProviderError`.
    """

    def __init__(
        self,
        home: Path | str | None = None,
        *,
        config: Config | Path | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        patience_s: float | None = None,
    ) -> None:
        self.home = Path(home).absolute() if home else find_home(Path.cwd())
        self.config = checked(config) if isinstance(config, Config) else load_config(config or find_config(Path.cwd()))
        self._environ = environment() if environ is None else environ
        self._clock = clock or SystemClock()
        self._on_notice = on_notice or (lambda _notice: None)
        self._patience_s = patience_s

    @cached_property
    def session(self) -> Session:
        """The opened ledger and everything a step needs. Made on first use: quotes and checks need none."""
        from .jobs.desk import PATIENCE_S, WATCH_PATIENCE_S, Desk
        from .ledger import Ledger
        from .pipeline.session import Session

        ledger = Ledger.open(self.home, self._environ)
        desk = Desk(
            ledger=ledger,
            clock=self._clock,
            tell=self._on_notice,
            patience_s=PATIENCE_S if self._patience_s is None else self._patience_s,
            watch_patience_s=WATCH_PATIENCE_S if self._patience_s is None else self._patience_s,
            rates=self.config.rates,
        )
        # Caps of the configuration file stand in the ledger too, where two processes meet.
        ledger.budget.configure(self._name, self._configured_caps(), self._clock.now())
        keys = self.config.evaluation.endpoint_keys
        return Session(home=self.home, environ=self._environ, desk=desk, project=self._name, endpoint_keys=keys)

    @property
    def _name(self) -> str:
        return project_name(self.home, self.config.project.name)

    def _configured_caps(self) -> dict[str, Decimal]:
        budget = self.config.budget
        caps = {"month": budget.month_usd, f"project:{self._name}": budget.project_usd}
        caps |= {f"provider:{name}": usd for name, usd in budget.providers.items()}
        return {scope: usd for scope, usd in caps.items() if usd is not None}

    @property
    def _project(self) -> Project:
        return Project(
            place=str(self.home),
            clock=self._clock,
            opens=lambda: self.session,
            exists=lambda: has_ledger(self.home, self._environ),
            caps=self._configured_caps(),
            name=self._name,
        )

    # ── without spending ────────────────────────────────────────────────────────────────────────────────────────────

    def settings(self, pairs: Path | str, **options: Unpack[RunOptions]) -> RunSettings:
        """What these options come to, over the configuration. Raises `UsageError`."""
        return merge(self.config, Path(pairs), **options)

    async def check(
        self, pairs: Path | str, *, page: Path | str | None = None, **options: Unpack[RunOptions]
    ) -> Dataset:
        """Everything that is wrong with the pairs, as findings; refuses nothing that can be read.

        Where the project has a ledger, also which held-out rows a model was trained on before. For each target in
        `to`, also the rows longer than its model takes, and what its platform takes of a file. `page`: where to write
        the same as one HTML page, with the lengths in tokens where `to` names a target.
        """
        chosen = self.settings(pairs, **options)
        if page is not None:
            from .pipeline.picturing import must_be_a_page, picture, write_page

            must_be_a_page(Path(page))
        dataset = await self._with_trained_before(check_pairs(chosen))
        if page is not None:
            write_page(picture(chosen, dataset), Path(page))
        return dataset

    async def _with_trained_before(self, dataset: Dataset) -> Dataset:
        if not has_ledger(self.home, self._environ):
            return dataset
        from .pipeline.remembering import with_trained_before

        desk = self.session.desk
        return await desk.db(with_trained_before, desk.ledger, dataset)

    async def check_as_is(
        self, pairs: Path | str, *, format: str | None = None, **options: Unpack[RunOptions]
    ) -> tuple[Finding, ...]:
        """What is wrong with this very file, were it uploaded to the one platform in `to`. Reads, converts nothing.

        `format`: a name such as "bedrock-nova", in place of the platform's own; the length of rows is judged only where
        `to` is given beside it.
        """
        from .pipeline.judging import judged_for_format, judged_for_target

        chosen = self.settings(pairs, **options)
        if format is None:
            return judged_for_target(chosen)
        return judged_for_format(chosen, format, chosen.target if options.get("to") else None)

    async def prepare(
        self, pairs: Path | str, out: Path | str, *, formats: Sequence[str] | str = (), **options: Unpack[RunOptions]
    ) -> tuple[Dataset, dict[str, tuple[ProviderFile, ...]]]:
        """The files to upload, per platform of `to` and per format, and the held-out rows in `out/test.jsonl`.

        Beside them stand every row that is not used, with its reason, and the data page.

        `formats`: names such as "bedrock-nova" (`docs/formats.md` lists them); each is written to `out/NAME/`.
        """
        from .pipeline.converting import format_named, write_format
        from .pipeline.picturing import write_beside
        from .pipeline.prepare import prepare_for, without_findings, write_held_out
        from .pipeline.session import platform_named
        from .pipeline.side_by_side import side_by_side

        chosen = self.settings(pairs, **options)
        targets = {platform_named(target.provider).name: target for target in chosen.to}
        wanted = [format_named(name) for name in ([formats] if isinstance(formats, str) else formats)]
        if not targets and not wanted:
            raise UsageError("say what to prepare for", fix="--to PLATFORM:MODEL, or --format NAME, or several of them")
        folder = Path(out)
        dataset = load_pairs(chosen, folder)
        rows = without_findings(dataset)
        jobs = [partial(prepare_for, rows, target, chosen.method, folder / name) for name, target in targets.items()]
        made = side_by_side(jobs) if len(dataset.rows) > _WORTH_ANOTHER_PROCESS else [job() for job in jobs]
        files = dict(zip(targets, made, strict=True))
        files |= {told.name: write_format(dataset, told, folder / told.name) for told in wanted}
        write_held_out(dataset, folder / "test.jsonl")
        write_beside(chosen, dataset, folder)
        return dataset, files

    async def estimate(
        self, pairs: Path | str, *, sample: int | None = None, **options: Unpack[RunOptions]
    ) -> tuple[Quote, ...]:
        """One quote a target. No key, no network, nothing written.

        A platform named without a model is quoted for one that stands for it, and "all" for one of every platform; the
        first of such a quote's warnings says why that one. `sample`: read about that many rows at random places of a
        file of lines, and estimate; `Quote.sample` says how far that may be off. A file with hardly more rows is read
        whole.
        """
        from .pipeline.everywhere import quote_each, wished
        from .pipeline.quoting import quote_for

        named = options.pop("to", None)
        chosen, on = self.settings(pairs, **options), today(self._clock)
        wish = wished(([named] if isinstance(named, str | Target) else named) or chosen.to, chosen.method, on)
        if not wish.targets and not wish.left_out:
            raise UsageError(
                "name at least one platform and model",
                where="--to",
                fix="--to PLATFORM:MODEL, or --to all; `tunewright models ls` lists them",
            )
        chosen = replace(chosen, to=wish.targets)
        dataset = pairs_to_quote(chosen) if sample is None else sample_to_quote(chosen, sample)
        bills = await self._bills()

        def quote(target: Target) -> Quote:
            return quote_for(chosen, dataset, target, environ=self._environ, home=self.home, on=on, bills=bills)

        return quote_each(wish, quote, self._tell_left_out)

    def _tell_left_out(self, text: str, data: Mapping[str, str]) -> None:
        from .jobs.desk import Notice  # only where there is something to tell: it brings a database

        self._on_notice(Notice("left_out", text, data))

    async def _bills(self) -> Sequence[Bill]:
        """Quotes against bills, where there is a ledger; none is made by asking."""
        if not has_ledger(self.home, self._environ):
            return ()
        desk = self.session.desk
        return await desk.db(desk.ledger.track_record.all)

    async def limits(self) -> Limits:
        """Which ledger and which caps apply here. Makes no ledger where there is none."""
        from .nouns.limits import Limits

        run_usd = self.config.budget.run_usd
        caps = self._configured_caps() if run_usd is None else {"run": run_usd, **self._configured_caps()}
        known = self._project.known
        if known is None:
            return Limits(str(self.home), False, caps, project=self._name)
        view = await self.budget.show()
        caps |= {scope: usd for scope, usd in view.caps.items() if self._applies_here(scope)}
        desk = known.desk
        buckets = await desk.db(desk.ledger.buckets.all, self._clock.now())
        return Limits(desk.ledger.place, True, caps, view.used(), self._name, buckets)

    def _applies_here(self, scope: str) -> bool:
        return not scope.startswith("project:") or scope == f"project:{self._name}"

    async def dry_run(
        self, pairs: Path | str, **options: Unpack[RunOptions]
    ) -> tuple[Quote, tuple[PlannedRequest, ...]]:
        """The quote, and every request a submission would send, exactly. Sends nothing; leaves nothing on disk."""
        from tempfile import TemporaryDirectory

        from .pipeline.dry import planned, quoted_whole
        from .pipeline.quoting import quote_for

        chosen, bills = self.settings(pairs, **options), await self._bills()
        dataset, on = load_pairs(chosen), today(self._clock)
        quoted = quote_for(chosen, dataset, chosen.target, environ=self._environ, home=self.home, on=on, bills=bills)
        with TemporaryDirectory() as folder:
            quoted = quoted_whole(chosen, dataset, quoted, self._environ, Path(folder))
            return quoted, planned(chosen, dataset, quoted, self._environ, Path(folder))

    async def advise(
        self, pairs: Path | str | None = None, answers: AdviceInput | None = None, **options: Unpack[RunOptions]
    ) -> Advice:
        """Should you fine-tune at all? Answered from the pairs where they can answer, else listed as questions."""
        from .costing import AdviceInput, advise, data_facts

        given = answers or AdviceInput()
        if pairs is not None:
            given = replace(given, data=data_facts(await self.check(pairs, **options)))
        return advise(given)

    # ── the whole job ───────────────────────────────────────────────────────────────────────────────────────────────

    async def run(
        self,
        pairs: Path | str,
        *,
        consent: Consent = _capped,
        see: See = _unseen,
        progress: Progress = _uncounted,
        notify: str | None = None,
        **options: Unpack[RunOptions],
    ) -> RunResult:
        """Prepare, quote, submit once, watch, evaluate, decide, report. Called again, it goes on where it stopped.

        `notify`: a command to run when the job has ended, at most once a job; see docs/webhooks.md.
        """
        from .pipeline import run as steps
        from .pipeline.notifying import notifying

        words = self._notify_words(notify)
        ready = self._ready(pairs, await self._bills(), **options)
        session = self.session
        begun = await steps.begin(session, ready)
        async with session.open(begun.account):
            await steps.buy(session, begun, consent)
            async with notifying(session, begun.run, words):
                await steps.follow(session, begun.run, see)
            evaluated = await steps.compare(session, begun, progress)
        return await steps.finish(session, begun, evaluated)

    async def submit(self, pairs: Path | str, *, consent: Consent = _capped, **options: Unpack[RunOptions]) -> Run:
        """Buy the job, exactly once, and come back."""
        from .pipeline import run as steps

        ready = self._ready(pairs, await self._bills(), **options)
        session = self.session
        begun = await steps.begin(session, ready)
        await steps.buy(session, begun, consent)
        return await session.desk.db(session.desk.ledger.runs.get, begun.run.id)

    def _ready(self, pairs: Path | str, bills: Sequence[Bill], **options: Unpack[RunOptions]) -> Ready:
        from .pipeline.ready import ready

        # Before the ledger is opened: what is refused leaves nothing behind.
        return ready(self.settings(pairs, **options), self._environ, self.home, today(self._clock), bills)

    def _notify_words(self, notify: str | None) -> tuple[str, ...] | None:
        """The command to run when a job ends: the one given, else the configuration's. Raises `UsageError`."""
        from .jobs.notify import words_of

        command = self.config.notify if notify is None else notify
        return None if command is None else words_of(command)

    async def watch(
        self,
        run: str | None = None,
        *,
        see: See = _unseen,
        timeout_s: float | None = None,
        notify: str | None = None,
        on_trouble: str | None = None,
    ) -> RemoteJob:
        """Watch to the end. Raises `JobFailed`, or `StillRunning` when `timeout_s` passed; the job goes on.

        `notify`: a command to run when the job has ended, at most once a job; see docs/webhooks.md. `on_trouble`:
        "warn", "pause", "cancel" or "keep" when the curve shows trouble; by default as the run was started, and for a
        job made elsewhere as the configuration says.
        """
        import anyio

        from .pipeline import run as steps
        from .pipeline.notifying import notifying

        words = self._notify_words(notify)
        found = await self.find_run(run)
        policy = None
        if on_trouble is not None or "settings" not in found.record:
            policy = trouble_policy(self.config, on_trouble)
        try:
            async with notifying(self.session, found, words):
                with anyio.fail_after(timeout_s):
                    return await steps.follow(self.session, found, see, policy)
        except TimeoutError as error:
            raise StillRunning(
                f"the job still runs after {timeout_s:.0f} s", fix=f"tunewright watch {found.id}"
            ) from error

    async def watch_all(self, *, see: SeeRun = _unseen_run, timeout_s: float | None = None) -> tuple[Ended, ...]:
        """Watch every job that runs now, until each has ended, well or not. Raises `StillRunning`."""
        import anyio

        from .pipeline.watching import follow_all

        if self._project.known is None:
            return ()
        try:
            with anyio.fail_after(timeout_s):
                return await follow_all(self.session, see)
        except TimeoutError as error:
            raise StillRunning(f"jobs still run after {timeout_s:.0f} s", fix="tunewright watch --all") from error

    async def work(
        self,
        *,
        once: bool = False,
        for_s: float | None = None,
        batch: int = 50,
        lease_s: float = 120.0,
        notify: str | None = None,
        webhooks: str | None = None,
        until: Event | None = None,
    ) -> Tally:
        """Watch every job of this ledger until cancelled; several may work at once. Answers what was done.

        `once`: look at what is due now, and come back. `for_s`: work that many seconds. `until`: an event that ends it
        in order. `batch`: jobs a claim; `lease_s`: how long a claim holds when its worker is not heard of again. Jobs
        at accounts for which this environment has no key are left to others. What happens is told to `on_notice`.
        `notify`: a command to run for each job that has ended, at most once a job. `webhooks` ("127.0.0.1:8790"): where
        to take in what platforms send, as long as it works.
        """
        from .jobs.webhooks import address
        from .jobs.work import Pace
        from .pipeline.working import work

        pace, words = Pace(batch=batch, lease_s=lease_s), self._notify_words(notify)
        beside = None if webhooks is None else partial(self.webhooks.serve, *address(webhooks))
        return await work(self.session, pace, notify=words, once=once, for_s=for_s, until=until, beside=beside)

    async def evaluate(
        self,
        run: str | None = None,
        *,
        consent: Consent = _capped,
        timeout_s: float | None = None,
        progress: Progress = _uncounted,
        save_answers: Path | str | None = None,
        grader: Sequence[str] | str | None = None,
        judge: str | None = None,
        human_labels: str | None = None,
        **options: Unpack[EvaluateOptions],
    ) -> RunResult:
        """Ask all candidates, decide, report. What was answered before is not asked, nor paid, again.

        What was agreed to when the run began covers this; `max_usd` may lower the cap on all that the run spends.
        With other options (`also`, `also_prompt`, `also_shots`, `samples`, `temperature`, `max_tokens` …) the run's
        held-out rows are asked anew, quoted and agreed to first, and `max_usd` is the run's new cap. `grader`, `judge`:
        others than the run's own, as in `decide`; a judge is asked, and paid, for what it has not judged yet.
        `save_answers`: a file to keep every answer in, which `also="answers:FILE"` reads. `batch`: ask by the
        platforms' batches, or "auto"; by default as the run was started. `timeout_s`: how long to wait for them. Raises
        `StillRunning` then; called again, it goes on.
        """
        from .nouns.evaluating import evaluate_again, evaluate_run, regraded

        begun, until = regraded(await self._begun(run), grader, judge, human_labels), self._until(timeout_s)
        if not any(value is not None for name, value in options.items() if name not in _AS_AGREED):
            return await evaluate_run(self.session, begun, consent, progress, save_answers, options, until)
        return await evaluate_again(self.session, begun, consent, progress, save_answers, options, until)

    async def compare(
        self,
        pairs: Path | str,
        *,
        base: str,
        tuned: str,
        consent: Consent = _capped,
        timeout_s: float | None = None,
        progress: Progress = _uncounted,
        save_answers: Path | str | None = None,
        **options: Unpack[RunOptions],
    ) -> RunResult:
        """Compare models that already exist, on every pair that no tuned one was trained on here.

        `base` and `tuned` are PLATFORM:MODEL, URL#MODEL or answers:FILE, and so is each of `also`. `save_answers`: a
        file to keep every answer in. `timeout_s`: how long to wait for batches. Raises `StillRunning` then; `evaluate`
        goes on.
        """
        from .nouns.evaluating import compare_models

        options["to"] = (base,)
        settings = self.settings(pairs, **options)
        until = self._until(timeout_s)
        return await compare_models(self.session, settings, tuned, consent, progress, save_answers, until)

    async def migrate(
        self,
        source: str,
        *,
        pairs: Path | str | None = None,
        answers: Path | str | None = None,
        margin: float | None = None,
        old_account: str | None = None,
        keep_only: bool = False,
        consent: Consent = _capped,
        see: See = _unseen,
        progress: Progress = _uncounted,
        **options: Unpack[RunOptions],
    ) -> Moved:
        """A tuned model moves to the platform and base in `to`. Called again, it goes on where it stopped.

        `source`: a run, or PLATFORM:JOB for a job made elsewhere, which is adopted with `pairs` (those it was trained
        on), `test` (held out), or both. The old model's answers to the held-out prompts are kept first; `answers` is a
        file of them where it is gone. Then the same pairs, split and rule are trained on there, with the
        hyperparameters translated (those in `options` go before), quoted and agreed to, and the new model is held
        against the old answers: `equivalence` says whether it is at most `margin` (0.05: 5 points) worse. `keep_only`:
        keep the answers, and nothing more. Of the other options only those that say how a new run is paid and asked
        count; the rest is the old run's.
        """
        from .nouns.migrating import migrate

        return await migrate(
            self._project,
            self.config,
            source,
            await self._bills(),
            pairs=None if pairs is None else Path(pairs),
            answers=None if answers is None else Path(answers).absolute(),
            margin=margin,
            old_account=old_account,
            keep_only=keep_only,
            consent=consent,
            see=see,
            progress=progress,
            options=options,
        )

    def _until(self, timeout_s: float | None) -> datetime | None:
        return None if timeout_s is None else self._clock.now() + timedelta(seconds=timeout_s)

    async def decide(
        self,
        run: str | None = None,
        *,
        grader: Sequence[str] | str | None = None,
        judge: str | None = None,
        human_labels: str | None = None,
    ) -> RunResult:
        """The verdict again from stored answers, by the recorded rule. Asks nothing, pays nothing, needs no key.

        `grader`: another than the rule was recorded for. The verdict is then exploratory: it is told, with a report of
        its own, and the run keeps the one it had. `human_labels`: people's labels to hold a judge against.
        """
        from .nouns.evaluating import decide_again, regraded

        begun = await self._begun(run)  # before there is a ledger to make: where nothing ran, none is made
        return await decide_again(self.session, regraded(begun, grader, judge, human_labels))

    async def failures(self, run: str | None = None, *, out: Path | str) -> Failures:
        """Write the held-out rows that a run's tuned model got wrong, with both answers, as JSON lines.

        They are marked as held out: whatever file they come to stand in, they are tested and never trained on. Asks
        nothing, pays nothing, needs no key.
        """
        from .nouns.evaluating import failed_rows

        return await failed_rows(self.session, await self._begun(run), Path(out))

    async def report(
        self, run: str | None = None, *, out: Path | str | None = None, csv: Path | str | None = None
    ) -> Written:
        """Write the report of a run as far as it has come, into the folder `out`. Needs no key.

        `csv`: a file for every prompt with all its answers, safe to open in a spreadsheet.
        """
        from .pipeline import run as steps

        begun = await self._begun(run)
        folder, table = (None if path is None else Path(path) for path in (out, csv))
        return await steps.report(self.session, begun, folder, table)

    async def _begun(self, run: str | None) -> Begun:
        from .pipeline import run as steps

        found = await self.find_run(run)
        return await steps.reopen(self.session, found)

    async def find_run(self, run: str | None = None) -> Run:
        """The run of that id, by default the newest. Raises `UsageError`."""
        from .pipeline.finding import find_run

        return await find_run(self._project, run)

    async def runs(self) -> tuple[Run, ...]:
        """Runs of this ledger, newest first; none where there is no ledger yet."""
        known = self._project.known
        return () if known is None else await known.desk.db(known.desk.ledger.runs.all)

    # ── nouns ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def jobs(self) -> Jobs:
        """What was bought."""
        from .nouns.jobs import Jobs

        return Jobs(self._project, self.config)

    @property
    def models(self) -> Models:
        """Bases and tuned models."""
        from .nouns.models import Models

        return Models(self._project)

    @property
    def platforms(self) -> Platforms:
        """The platforms."""
        from .nouns.models import Platforms

        return Platforms(self._clock)

    @property
    def budget(self) -> Budget:
        """Caps and spending."""
        from .nouns.money import Budget

        return Budget(self._project)

    @property
    def leases(self) -> Leases:
        """What bills by the hour."""
        from .nouns.money import Leases

        return Leases(self._project)

    @property
    def batches(self) -> Batches:
        """Questions bought by the file."""
        from .nouns.batches import Batches

        return Batches(self._project)

    @property
    def webhooks(self) -> Webhooks:
        """What platforms send when a job has ended."""
        from .nouns.webhooks import Webhooks

        return Webhooks(self._project)
