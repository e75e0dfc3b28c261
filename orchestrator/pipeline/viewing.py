"""A story told as a `ReportView`: which figures stand where on the page. Money and data here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from providers.records import JobEvent, MetricPoint

from ..canonical import plain
from ..costing import Quote
from ..dataset.records import Row
from ..errors import ExitCode
from ..ledger import Run
from ..report.view import (
    BandView,
    DataView,
    DateView,
    DroppedView,
    FindingView,
    MaintenanceView,
    MoneyLine,
    MoneyView,
    PriceView,
    ProvenanceView,
    ReportView,
    SourceView,
    SplitView,
)
from .billed import Billed
from .choosing import evaluated_model
from .lifespan import shutdown_of
from .pricing import price_rows
from .story import Story
from .viewing_evaluation import evaluation_view
from .viewing_models import training_view, verdict_view

__all__ = ["EXIT_OF", "view_of"]

EXIT_OF = {
    "deploy": (ExitCode.DONE, "deploy: the tuned model has earned its place"),
    "iterate": (ExitCode.NOT_EARNED, "iterate: better, and not yet enough"),
    "stop": (ExitCode.NOT_EARNED, "stop: tuning is not worth it here"),
    "inconclusive": (ExitCode.INCONCLUSIVE, "inconclusive: these prompts cannot tell"),
}


def view_of(
    story: Story,
    metrics: Sequence[MetricPoint],
    record: Mapping[str, Any],
    now: datetime,
    events: Sequence[JobEvent] = (),
) -> ReportView:
    """The page of this run, as far as it has come."""
    begun, judged = story.begun, story.judged
    exit_code, meaning = EXIT_OF[judged.verdict.answer] if judged else (None, "")
    job = story.intent.job if story.intent else None
    tuned = job.tuned_model if job else begun.settings.extra.get("tuned", "")
    tuned = evaluated_model(begun.run.record) or tuned
    return ReportView(
        run_id=begun.run.id,
        created_at=now,
        title=begun.settings.pairs.name,
        base_model=str(begun.settings.to[0]),
        tuned_model=tuned or "",
        status=begun.run.stage,
        sandbox=begun.account.sandbox,
        exploratory=story.exploratory,
        verdict=None if judged is None else verdict_view(judged),
        money=None if begun.quote is None else _money(begun.quote, story.billed),
        dates=_dates(begun.run, begun.quote, now),
        data=_data(story),
        training=None if story.intent is None else training_view(story, metrics, events),
        evaluation=evaluation_view(story.evaluated, judged) if story.evaluated and judged else None,
        provenance=_provenance(story, record),
        exit_code=None if exit_code is None else int(exit_code),
        exit_meaning=meaning,
        absent=_absent(story),
    )


def _absent(story: Story) -> dict[str, str]:
    reasons = {}
    if story.intent is None:
        reasons["training"] = "models that already exist were compared; nothing was trained"
        reasons["money"] = reasons["training"]
    elif story.begun.quote is None:
        reasons["money"] = "the job was made elsewhere and adopted; nothing was quoted for it here"
    if story.judged is None:
        reasons["verdict"] = "nothing has been evaluated yet"
        reasons["evaluation"] = reasons["verdict"]
    return reasons


def _money(quote: Quote, billed: Billed | None) -> MoneyView:
    spent: dict[str, Decimal | None] = {}
    if billed is not None:
        spent = {"training": billed.training_usd, "hosting": billed.hosting_usd}
    lines = [
        MoneyLine(
            item=line.name,
            low_usd=line.low_usd,
            high_usd=line.high_usd,
            billed_usd=spent.get(line.item) if not line.part else None,
            basis=line.basis,
            source=line.source,
            as_of=line.as_of,
            note=line.note,
        )
        for line in quote.lines
    ]
    if billed is not None:
        lines.append(MoneyLine(item="evaluation, all models", billed_usd=billed.evaluation_usd, note="as billed"))
    unknown = [name for name in ("training", "evaluation", "hosting") if billed and _part(billed, name) is None]
    upkeep = quote.maintenance
    return MoneyView(
        lines=tuple(lines),
        low_usd=quote.low_usd if quote.priced else None,
        high_usd=quote.high_usd if quote.priced else None,
        billed_usd=_known_sum(billed),
        complete=quote.complete,
        unknown=quote.unknown,
        billed_unknown=tuple(unknown),
        estimated_tokens=quote.billed_tokens,
        billed_tokens=billed.tokens if billed else None,
        low_hours=quote.hours[0] if quote.hours else None,
        high_hours=quote.hours[1] if quote.hours else None,
        band=_band(quote),
        maintenance=MaintenanceView(
            rhythm=f"retrain every {upkeep.every_months[0]} to {upkeep.every_months[1]} months",
            low_usd=upkeep.low_usd if upkeep.priced else None,
            high_usd=upkeep.high_usd if upkeep.complete else None,
            complete=upkeep.complete,
            basis=upkeep.note,
        ),
        notes=quote.warnings,
    )


def _part(billed: Billed, name: str) -> Decimal | None:
    value: Decimal | None = getattr(billed, f"{name}_usd")
    return value


def _known_sum(billed: Billed | None) -> Decimal | None:
    if billed is None:
        return None
    parts = [_part(billed, name) for name in ("training", "evaluation", "hosting")]
    known = [usd for usd in parts if usd is not None]
    return sum(known, Decimal(0)) if known else None


def _band(quote: Quote) -> BandView:
    band = quote.band
    if band is None:
        return BandView(name="none", explanation=quote.band_text)
    return BandView(
        name=band.name,
        rows=None,
        low_usd=band.low_usd,
        high_usd=band.high_usd,
        low_hours=band.hours[0],
        high_hours=band.hours[1],
        explanation=quote.band_text,
    )


_ENDS = {"jobs_close": "no new jobs", "shutdown": "base and tuned models stop answering"}


def _dates(run: Run, quote: Quote | None, now: datetime) -> tuple[DateView, ...]:
    """By our facts when the quote was made; the day that the platform itself answered, before the job was bought,
    stands in the place of ours."""
    told = shutdown_of(run, None)
    notes = [note for note in (quote.dates if quote else ()) if told is None or note.kind != "shutdown"]
    found = [
        DateView(
            what=_ENDS[note.kind],
            on=note.on,
            effect=note.text,
            days_left=(note.on - now.date()).days,
            source=note.source,
            as_of=quote.on if quote else None,
        )
        for note in notes
    ]
    if told is not None:
        effect, left = "the base and every model tuned on it stop answering", (told - now.date()).days
        asked = run.created_at.date()
        source = "asked of the platform before the job was bought"
        found.append(
            DateView(what=_ENDS["shutdown"], on=told, effect=effect, days_left=left, source=source, as_of=asked)
        )
    return tuple(found)


def _data(story: Story) -> DataView:
    dataset = story.begun.dataset
    hashes: dict[str, str] = {file.role: file.sha256 for file in story.begun.files}
    labels = dataset.labels is not None

    def share(name: str, rows: Sequence[Row]) -> SplitView:
        counts = Counter(row.example.answer for row in rows if labels)
        return SplitView(
            name=name,
            rows=len(rows),
            uploaded=name in hashes,
            sha256=hashes.get(name, ""),
            labels=dict(counts.most_common()),
        )

    split = dataset.split
    shares = (("train", split.train), ("validation", split.validation), ("test", split.test))
    return DataView(
        sources=tuple(
            SourceView(
                file=s.file,
                format=s.format,
                encoding=s.encoding,
                shape=s.shape,
                rows=s.rows,
                columns=s.columns,
                notes=s.notes,
            )
            for s in dataset.sources
        ),
        rows=len(dataset.rows),
        task=dataset.task,
        dropped=tuple(DroppedView(row=d.row, file=d.file, rule=d.rule, reason=d.reason) for d in dataset.dropped),
        findings=tuple(
            FindingView(
                rule=f.rule,
                severity=f.severity,
                message=f.message,
                fix=f.fix,
                file=f.file,
                row=f.row,
                field=f.field,
                related=f.related,
            )
            for f in dataset.findings
        ),
        splits=tuple(share(name, rows) for name, rows in shares if rows),
        sha256=dataset.sha256,
    )


def _provenance(story: Story, record: Mapping[str, Any]) -> ProvenanceView:
    begun, evaluated = story.begun, story.evaluated
    hashes = {"dataset": begun.dataset.sha256, **{f"{f.role} file": f.sha256 for f in begun.files}}
    seeds: dict[str, int | None] = {"training": begun.settings.hyperparameters.seed}
    if evaluated is not None:
        hashes["rule"] = evaluated.rule.sha256
        seeds |= {"sampling": evaluated.spec.sampling.seed, "order of questions": evaluated.spec.order_seed}
    prices = price_rows(begun.settings, begun.account, begun.settings.to[0].model)
    return ProvenanceView(
        ledger=str(record["ledger"]),
        hashes=hashes,
        seeds=seeds,
        versions=record["versions"],
        prices=tuple(
            PriceView(
                item=p.item.value, model=p.model, usd=p.usd, per=p.per, as_of=p.as_of, source=p.source, note=p.note
            )
            for p in prices
        ),
        extra=_of_intent(story),
    )


def _of_intent(story: Story) -> dict[str, Any]:
    intent = story.intent
    if intent is None:
        return {}
    sent = {} if intent.request is None else {"paid request, as sent": plain(intent.request)}
    return {"tag": intent.tag, "intent": intent.id, **sent}
