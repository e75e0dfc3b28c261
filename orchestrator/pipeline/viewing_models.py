"""The model half of a report view: the verdict, the training curve and its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from providers.records import TERMINAL_STATES, Checkpoint, JobEvent, MetricPoint

from ..canonical import plain
from ..evaluation.judged import Judged
from ..jobs.health import diagnose
from ..jobs.trouble import stopped_because
from ..ledger import Intent
from ..ledger.codec import dump, load
from ..report.view import (
    CheckpointView,
    CurvePoint,
    DiagnosisView,
    Estimate,
    GuardrailView,
    HyperparameterView,
    JobView,
    RuleView,
    TrainingView,
    VerdictView,
)
from ..report.words import value
from .choosing import evaluated_checkpoint, why_evaluated
from .story import Story

__all__ = ["training_view", "verdict_view"]


def verdict_view(judged: Judged) -> VerdictView:
    """The headline and the statistics under it."""
    c, verdict, rule = judged.comparison, judged.verdict, judged.rule
    return VerdictView(
        answer=verdict.answer,
        reason=verdict.reason,
        base=Estimate(c.base, c.base_interval.low, c.base_interval.high),
        tuned=Estimate(c.tuned, c.tuned_interval.low, c.tuned_interval.high),
        difference=Estimate(c.difference, c.low, c.high),
        n=c.n,
        advice=verdict.advice,
        kind=c.kind,
        metric=judged.grader.name,
        p_value=c.p_value,
        test=c.test,
        interval=c.interval,
        confidence=c.confidence,
        discordant=c.discordant,
        detectable=c.detectable,
        prompts_needed=verdict.prompts_needed,
        improvement={n: Estimate(e.value, e.low, e.high) for n, e in verdict.improvement.items()},
        rule=RuleView(
            improvement=rule.improvement,
            deploy_at=rule.deploy_at,
            skip_below=rule.skip_below,
            confidence=rule.confidence,
            sha256=verdict.rule_sha256,
            settings={item.name: getattr(rule, item.name) for item in fields(rule)},
        ),
        guardrails=tuple(
            GuardrailView(name=g.name, passed=g.passed, detail=g.detail, gates=g.gates) for g in verdict.guardrails
        ),
        missing_base=judged.missing_base,
        missing_tuned=judged.missing_tuned,
    )


def training_view(story: Story, metrics: Sequence[MetricPoint], events: Sequence[JobEvent] = ()) -> TrainingView:
    """The job, the hyperparameters as sent, and how the loss went."""
    intent = story.intent
    assert intent is not None
    job = intent.job
    ended = job is not None and job.state in TERMINAL_STATES
    record = story.begun.run.record
    chosen, why = evaluated_checkpoint(record), why_evaluated(record)
    saved = [load(Checkpoint, dump(item)) for item in record.get("checkpoints", ())]
    if chosen is None and story.judged is not None and job is not None:
        chosen = next((item.id for item in saved if item.model and item.model == job.tuned_model), None)
    return TrainingView(
        checkpoints=tuple(_checkpoint(item, chosen == item.id) for item in saved),
        jobs=(
            JobView(
                id=intent.job_id or "",
                provider=intent.provider,
                model=intent.plan.model,
                state=job.label if job else intent.state.value,
                method=intent.plan.method.value,
                tuned_model=job.tuned_model if job else None,
                tag=intent.tag,
                created_at=job.created_at if job else None,
                finished_at=job.finished_at if job else None,
                error=job.error if job else None,
            ),
        ),
        hyperparameters=_hyperparameters(story),
        points=tuple(
            CurvePoint(
                step=p.step,
                epoch=p.epoch,
                train_loss=p.train_loss,
                valid_loss=p.valid_loss,
                train_accuracy=p.train_accuracy,
                valid_accuracy=p.valid_accuracy,
            )
            for p in metrics
        ),
        diagnoses=tuple(
            DiagnosisView(name=d.name, message=d.evidence, severity=d.severity, step=d.since_step, advice=d.advice)
            for d in diagnose(metrics, ended=ended, events=events)
        ),
        notes=(*((f"Evaluated: {why}.",) if why else ()), *_what_we_did(intent)),
    )


def _what_we_did(intent: Intent) -> tuple[str, ...]:
    ours = stopped_because(intent.health)
    return () if ours is None else (f"On trouble ({ours.reason}) we asked to {ours.action} the job: {ours.outcome}.",)


def _checkpoint(item: Checkpoint, chosen: bool) -> CheckpointView:
    """One saved state of the job; the chosen one is what was evaluated."""
    point = item.metrics
    return CheckpointView(
        id=item.id,
        step=item.step,
        epoch=point.epoch if point else None,
        train_loss=point.train_loss if point else None,
        valid_loss=point.valid_loss if point else None,
        valid_accuracy=point.valid_accuracy if point else None,
        model=item.model,
        chosen=chosen,
    )


def _hyperparameters(story: Story) -> tuple[HyperparameterView, ...]:
    """As sent, each with who chose it and why; then what the platform filled in, as read back from the job."""
    quote, settings = story.begun.quote, story.begun.settings
    if quote is None:
        return ()
    sent = plain(quote.recipe.hyperparameters)
    flat = {**{k: v for k, v in sent.items() if k != "extra" and v is not None}, **sent["extra"]}
    reasons = quote.recipe.reasons
    given = settings.hyperparameters
    mine = {item.name for item in fields(given) if item.name != "extra" and getattr(given, item.name) is not None}
    mine |= set(given.extra)
    return tuple(
        HyperparameterView(
            name=name,
            value=str(value),
            chosen_by="you" if name in mine else "preset",
            reason="" if name in mine else reasons.get(name, ""),
        )
        for name, value in flat.items()
    ) + _filled_in(story, flat)


def _filled_in(story: Story, sent: Mapping[str, Any]) -> tuple[HyperparameterView, ...]:
    """Values of the job that were not sent, or as "auto": in the platform's own names, which the request used too."""
    intent = story.intent
    job = intent.job if intent else None
    asked = json.dumps(plain(intent.request)) if intent and intent.request else ""
    return tuple(
        HyperparameterView(name=name, value=value(found), chosen_by="platform", reason="as read back from the job")
        for name, found in (plain(job.hyperparameters) if job else {}).items()
        if name not in sent and found is not None and f'"{name}": {json.dumps(found)}' not in asked
    )
