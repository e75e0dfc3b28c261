"""The second half of a run for the library: asking, deciding and reporting, each on its own and each resumable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ..options import EvaluateOptions, batch_choice
from ..options import regraded as regrade
from ..pipeline import run as steps
from ..pipeline.asking_judge import refuse_unjudged
from ..pipeline.begun import Begun
from ..pipeline.comparing import agree_to_judge, begin_again, begin_comparison, comparison_of
from ..pipeline.failing import Failures, write_failures
from ..pipeline.grading import with_judgements
from ..pipeline.keeping import has_place, save_answers
from ..pipeline.result import RunResult
from ..pipeline.session import Session
from ..settings import RunSettings, Target

__all__ = ["compare_models", "decide_again", "evaluate_again", "evaluate_run", "failed_rows", "regraded"]

Progress = Callable[[int, int], None]


async def evaluate_run(
    session: Session,
    begun: Begun,
    consent: steps.Consent,
    progress: Progress,
    save: Path | str | None,
    given: EvaluateOptions,
    until: datetime | None,
) -> RunResult:
    """What was agreed to when the run began; a judge that it did not begin with is agreed to now.

    Of `given`: `max_usd` may lower its cap, `concurrency` and `batch` are as wanted.
    """
    agreed = [usd for usd in (given.get("max_usd"), begun.settings.max_usd) if usd is not None]
    at_once = given.get("concurrency") or begun.settings.concurrency
    told = given.get("batch")
    batch = begun.settings.batch if told is None else batch_choice(told)
    settings = replace(begun.settings, max_usd=min(agreed, default=None), concurrency=at_once, batch=batch)
    begun = replace(begun, settings=settings)
    await agree_to_judge(session, begun, consent)
    return await _asked(session, begun, progress, save, until)


async def evaluate_again(
    session: Session,
    begun: Begun,
    consent: steps.Consent,
    progress: Progress,
    save: Path | str | None,
    given: EvaluateOptions,
    until: datetime | None,
) -> RunResult:
    """The same held-out rows for other candidates, samples or parameters; agreed to anew."""
    _place(save)
    return await _asked(session, await begin_again(session, begun, consent, given), progress, save, until)


async def compare_models(
    session: Session,
    settings: RunSettings,
    tuned: str,
    consent: steps.Consent,
    progress: Progress,
    save: Path | str | None,
    until: datetime | None,
) -> RunResult:
    """Models that exist already, on every pair."""
    _place(save)
    begun = await begin_comparison(session, comparison_of(settings, Target.parse(tuned)), consent)
    return await _asked(session, begun, progress, save, until)


async def decide_again(session: Session, begun: Begun) -> RunResult:
    """From stored answers alone. Raises `UsageError` where a judge has not been asked yet."""
    evaluated = await steps.asked_before(session, begun)
    refuse_unjudged(await with_judgements(session, begun.settings, evaluated), evaluated)
    return await steps.finish(session, begun, evaluated)


async def failed_rows(session: Session, begun: Begun, out: Path) -> Failures:
    """What the tuned model got wrong, as rows for the next round."""
    return await write_failures(session, begun, await steps.asked_before(session, begun), out)


def regraded(begun: Begun, grader: Sequence[str] | str | None, judge: str | None, human_labels: str | None) -> Begun:
    """The same run, to be looked at with other graders or another judge."""
    return replace(begun, settings=regrade(begun.settings, grader, judge, human_labels))


async def _asked(
    session: Session, begun: Begun, progress: Progress, save: Path | str | None, until: datetime | None
) -> RunResult:
    place = _place(save)
    evaluated = await steps.compare(session, begun, progress, until)
    if place is not None:
        save_answers(place, evaluated.spec, evaluated.questions, evaluated.answers)
        session.desk.say("answers", f"answers: {place}", file=str(place))
    return await steps.finish(session, begun, evaluated)


def _place(save: Path | str | None) -> Path | None:
    return None if save is None else has_place(Path(save))
