"""A made-up but believable run to report on: support tickets routed to teams, everything known. And a browser.

The run is seeded, so it is the same in every test; one browser serves a whole module."""

from __future__ import annotations

import math
import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import find_spec
from typing import Any, Literal

import pytest

from orchestrator.report import view as v

BASE = "gpt-4.1-mini-2025-04-14"
TUNED = f"ft:{BASE}:acme:tickets:Ab12Cd34"
TODAY = date(2026, 11, 22)
PRICES = "OpenAI pricing page"
LABELS = (
    "billing",
    "delivery",
    "returns",
    "login",
    "warranty",
    "cancel order",
    "invoice copy",
    "gift card",
    "data export",
)
OPENINGS = ("Hello, ", "Hi team, ", "", "Good morning. ", "Second time I write: ")
WORDS = {
    "billing": "I was charged twice for order {n} and only one parcel came",
    "delivery": "the parcel {n} has been at the depot since Monday, when will it move",
    "returns": "the shoes from order {n} are too small, how do I send them back",
    "login": "the reset link for account {n} says it has expired, every time",
    "warranty": "the kettle I bought in March (order {n}) leaks, is that covered",
    "cancel order": "please stop order {n}, I picked the wrong size",
    "invoice copy": "our bookkeeper needs the invoice of order {n} with the VAT number on it",
    "gift card": "gift card {n} shows a balance of zero though it was never used",
    "data export": "I want a copy of everything you hold about customer {n}",
}


def _answer(rng: random.Random, said: str, reference: str, *, slow: float) -> v.AnswerView:
    right = said == reference
    return v.AnswerView(
        text=said,
        score=float(right),
        passed=right,
        finish_reason="stop",
        latency_s=round(rng.lognormvariate(-1, 0.3) * slow, 3),
        first_token_s=round(rng.lognormvariate(-1.6, 0.2) * slow, 3),
        prompt_tokens=118 + rng.randrange(20),
        answer_tokens=3,
        usd=Decimal("0.0000512"),
    )


def _unanswered() -> v.AnswerView:
    return v.AnswerView(text=None, score=0.0, passed=False, note="no answer", error="timed out after 60 s")


def make_rows(number: int) -> tuple[v.RowView, ...]:
    rng, other = random.Random(7), random.Random(8)
    rows = []
    for i in range(number):
        label = rng.choice(LABELS)
        prompt = rng.choice(OPENINGS) + WORDS[label].format(n=40_000 + rng.randrange(9_000)) + "."
        base, tuned = ((label if rng.random() < skill else rng.choice(LABELS)) for skill in (0.58, 0.9))
        prompted = label if other.random() < 0.74 else other.choice(LABELS)
        rows.append(
            v.RowView(
                number=i * 5 + 3,
                file="tickets.csv",
                prompt=prompt,
                reference=label,
                label=label,
                group=("mail", "chat", "phone")[i % 3],
                base=_answer(rng, base, label, slow=1.3),
                tuned=_answer(rng, tuned, label, slow=1.0),
                also={"also1": _unanswered() if i % 103 == 50 else _answer(other, prompted, label, slow=1.9)},
            )
        )
    return tuple(rows)


def _verdict(rows: tuple[v.RowView, ...]) -> v.VerdictView:
    both = [(bool(row.base and row.base.passed), bool(row.tuned and row.tuned.passed)) for row in rows]
    base, tuned = (sum(pair[side] for pair in both) / len(both) for side in (0, 1))
    gain = tuned - base
    return v.VerdictView(
        answer="deploy",
        reason="The interval lies wholly above zero and the tuned model removes well over a fifth of the base's "
        "errors; every guardrail passes.",
        advice=(
            "Deploy the tuned model behind the same prompt that was evaluated; another prompt is another model.",
            "Keep these held-out prompts as a fixed probe and ask them again every month: a falling score is drift.",
            "Look at the rows the tuned model broke before you switch all traffic.",
        ),
        base=v.Estimate(base, base - 0.048, base + 0.046),
        tuned=v.Estimate(tuned, tuned - 0.035, tuned + 0.026),
        difference=v.Estimate(gain, gain - 0.049, gain + 0.048),
        n=len(rows),
        metric="exact match after normalising case and spaces",
        p_value=3.1e-27,
        test="McNemar mid-p",
        interval="Tango score",
        discordant=(sum(a and not b for a, b in both), sum(b and not a for a, b in both)),
        detectable=0.053,
        improvement={
            "error_share": v.Estimate(gain / (1 - base), 0.664, 0.842),
            "relative": v.Estimate(gain / base, 0.394, 0.561),
            "points": v.Estimate(gain, gain - 0.049, gain + 0.048),
        },
        rule=v.RuleView(
            sha256="sha256:9d1f6a0c7b1f4c5e8a2d3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f80",
            settings={"improvement": "error_share", "deploy_at": 0.2, "skip_below": 0.1, "confidence": 0.95},
        ),
        guardrails=(
            v.GuardrailView(name="rows left unanswered", passed=True, detail="0.0 % against a limit of 1 %"),
            v.GuardrailView(name="latency", passed=None, detail="no limit was set"),
            v.GuardrailView(
                name="general questions", passed=True, detail="−0.6 points, at most −5 allowed", gates=False
            ),
        ),
    )


def _money() -> v.MoneyView:
    return v.MoneyView(
        lines=(
            v.MoneyLine(
                item="training",
                low_usd=Decimal("2.04"),
                high_usd=Decimal("2.31"),
                billed_usd=Decimal("2.17"),
                basis="433,120 billed tokens × $5.00 per million",
                source=PRICES,
                as_of=TODAY,
            ),
            v.MoneyLine(
                item="validation",
                low_usd=None,
                high_usd=None,
                basis="108,280 tokens",
                source=PRICES,
                as_of=TODAY,
                note="whether the validation file is billed is not documented",
            ),
            v.MoneyLine(
                item="evaluation",
                low_usd=Decimal("0.0421"),
                high_usd=Decimal("0.0634"),
                billed_usd=Decimal("0.0428"),
                basis="412 prompts to each side",
                source="genai-prices 0.0.34",
                as_of=TODAY,
            ),
            v.MoneyLine(
                item="hosting", low_usd=Decimal(0), high_usd=Decimal(0), billed_usd=Decimal(0), basis="serverless"
            ),
        ),
        low_usd=Decimal("2.0821"),
        high_usd=Decimal("2.3734"),
        billed_usd=Decimal("2.2128"),
        complete=False,
        unknown=("validation",),
        estimated_tokens=433_120,
        billed_tokens=434_008,
        low_hours=Decimal("0.3"),
        high_hours=Decimal("1.5"),
        actual_hours=Decimal("0.6"),
        budget="$2.21 of $25.00 this run, $14.80 of $200.00 this month",
        band=v.BandView(
            name="medium",
            rows=2058,
            low_usd=Decimal(2000),
            high_usd=Decimal(20000),
            low_hours=Decimal(2),
            high_hours=Decimal(8),
            explanation="People and data are most of it; the tokens above are a small part. "
            "Nobody said what your people and data cost, so that part is unknown.",
        ),
        maintenance=v.MaintenanceView(
            rhythm="retrain every 3 to 6 months",
            low_usd=Decimal("4.16"),
            high_usd=Decimal("9.49"),
            basis="2 to 4 retrains of this size, without people",
        ),
    )


def _data() -> v.DataView:
    rng = random.Random(3)
    parts = [
        v.SplitView(
            name=name,
            rows=rows,
            uploaded=up,
            tokens=rows * 131,
            sha256="sha256:" + f"{rows:064x}",
            labels={label: max(1, round(rows / 9 * rng.uniform(0.6, 1.5))) for label in LABELS},
        )
        for name, rows, up in (("train", 1646, True), ("validation", 206, True), ("test", 412, False))
    ]
    conflicts = tuple(
        v.FindingView(
            rule="contradicting-answers",
            severity="warning",
            message="the same prompt has different answers",
            fix="decide on one answer, or say in the prompt what tells them apart",
            file="tickets.csv",
            row=row,
            field="team",
            related=(row + 11,),
        )
        for row in range(31, 900, 41)
    )
    why = "the same prompt and answer as an earlier row"
    twins = (
        v.DroppedView(row=row, file="tickets.csv", rule="exact-duplicate", reason=why) for row in range(90, 1400, 29)
    )
    return v.DataView(
        sources=(
            v.SourceView(
                file="tickets.csv",
                format="CSV",
                encoding="utf-8-sig",
                shape="pairs",
                rows=2311,
                columns={"input": "message", "output": "team"},
                notes=("delimiter ; recognised",),
            ),
        ),
        rows=2264,
        task="labels",
        splits=tuple(parts),
        sha256="sha256:5b0c" + "9a1e" * 15,
        dropped=(*twins, v.DroppedView(row=77, file="tickets.csv", rule="blank-answer", reason="the answer is empty")),
        findings=(
            *conflicts,
            v.FindingView(
                rule="rare-label",
                severity="info",
                message="'data export' has few rows",
                fix="collect more, or fold it into another label",
                file="tickets.csv",
            ),
        ),
    )


def _training() -> v.TrainingView:
    rng = random.Random(11)
    curve = []
    for step in range(1, 601):
        ended = step % 50 == 0
        curve.append(
            v.CurvePoint(
                step=step,
                epoch=step / 200,
                train_loss=0.06 + 2.1 * math.exp(-step / 90) + rng.gauss(0, 0.03) * math.exp(-step / 500),
                valid_loss=0.21 + 1.9 * math.exp(-step / 80) + max(0, step - 380) * 0.0005 if ended else None,
                valid_accuracy=0.93 - 0.6 * math.exp(-step / 85) if ended else None,
                train_accuracy=0.985 - 0.7 * math.exp(-step / 80),
            )
        )
    return v.TrainingView(
        jobs=(
            v.JobView(
                id="ftjob-Kq3vYc0a9sWmXn4R",
                provider="openai",
                model=BASE,
                state="succeeded",
                method="sft",
                tuned_model=TUNED,
                tag="tw-k3j5h2q7m4x2w6p1",
                created_at=datetime(2026, 11, 22, 9, 12, tzinfo=UTC),
                finished_at=datetime(2026, 11, 22, 9, 49, tzinfo=UTC),
            ),
        ),
        hyperparameters=(
            v.HyperparameterView(
                name="n_epochs", value="3", chosen_by="preset", reason="cautious start; more epochs memorise small sets"
            ),
            v.HyperparameterView(name="batch_size", value="8", chosen_by="you"),
            v.HyperparameterView(
                name="learning_rate_multiplier",
                value="1.8",
                chosen_by="preset",
                reason="the platform's middle range for this many rows",
            ),
            v.HyperparameterView(
                name="seed",
                value="7",
                chosen_by="preset",
                reason="makes the job repeatable as far as the platform allows",
            ),
        ),
        points=tuple(curve),
        diagnoses=(
            v.DiagnosisView(
                name="overfitting",
                step=400,
                message="Validation loss has risen for 4 readings while training loss still falls.",
                advice="Two epochs would have been enough; the checkpoint of step 400 was evaluated.",
            ),
        ),
        checkpoints=tuple(
            v.CheckpointView(
                id=f"ckpt-{step}",
                step=step,
                epoch=step / 200,
                train_loss=curve[step - 1].train_loss,
                valid_loss=curve[step - 1].valid_loss,
                valid_accuracy=curve[step - 1].valid_accuracy,
                model=f"ft:gpt-4.1-mini-2025-04-14:acme:tickets:ckpt-step-{step}",
                chosen=step == 400,
            )
            for step in (200, 400, 600)
        ),
    )


def _right(answers: Iterable[v.AnswerView | None]) -> float:
    found = [bool(answer and answer.passed) for answer in answers]
    return sum(found) / max(1, len(found))


def _slice(kind: Literal["label", "length", "group"], label: str, mine: list[v.RowView]) -> v.SliceView:
    base, tuned = _right(row.base for row in mine), _right(row.tuned for row in mine)
    gap, reach = tuned - base, 0.9 / math.sqrt(max(1, len(mine)))
    return v.SliceView(
        kind=kind,
        label=label,
        n=len(mine),
        base=base,
        tuned=tuned,
        p_value=0.01,
        p_adjusted=0.031,
        difference=v.Estimate(gap, gap - reach, gap + reach),
    )


def _slices(rows: tuple[v.RowView, ...]) -> tuple[v.SliceView, ...]:
    short = [row for row in rows if len(row.prompt) < 70]
    long = [row for row in rows if len(row.prompt) >= 70]
    return (
        *(_slice("label", label, [row for row in rows if row.label == label]) for label in LABELS),
        _slice("length", "under 70 characters", short),
        _slice("length", "70 characters and more", long),
        *(_slice("group", name, [row for row in rows if row.group == name]) for name in ("mail", "chat", "phone")),
    )


def _also(rows: tuple[v.RowView, ...], verdict: v.VerdictView) -> v.SideView:
    score = _right(row.also["also1"] for row in rows)
    over_base, over_tuned = score - (verdict.base.value or 0), score - (verdict.tuned.value or 0)
    unanswered = sum(row.also["also1"].text is None for row in rows)
    return v.SideView(
        role="also1",
        model=f"{BASE} with 8 examples in the prompt",
        serving="serverless",
        score=v.Estimate(score, score - 0.042, score + 0.039),
        against_base=v.Estimate(over_base, over_base - 0.05, over_base + 0.05),
        against_tuned=v.Estimate(over_tuned, over_tuned - 0.045, over_tuned + 0.046),
        p_adjusted=0.0004,
        answered=len(rows) - unanswered,
        missing=unanswered,
        latency_p50_s=0.699,
        latency_p95_s=1.21,
        first_token_p50_s=0.33,
        first_token_p95_s=0.512,
        prompt_tokens=411_310,
        answer_tokens=1_236,
        usd=Decimal("0.1661"),
        usd_per_1000=Decimal("0.4031"),
        usd_per_1000_correct=Decimal("0.5299"),
    )


def _evaluation(rows: tuple[v.RowView, ...], verdict: v.VerdictView) -> v.EvaluationView:
    common = {"serving": "serverless", "answered": len(rows), "prompt_tokens": 52_118, "answer_tokens": 1_236}
    return v.EvaluationView(
        sides=(
            v.SideView(
                role="base",
                model=BASE,
                score=verdict.base,
                latency_p50_s=0.478,
                latency_p95_s=0.801,
                first_token_p50_s=0.262,
                first_token_p95_s=0.371,
                usd=Decimal("0.0204"),
                usd_per_1000=Decimal("0.0495"),
                usd_per_1000_correct=Decimal("0.0784"),
                **common,
            ),
            v.SideView(
                role="tuned",
                model=TUNED,
                score=verdict.tuned,
                against_base=verdict.difference,
                latency_p50_s=0.366,
                latency_p95_s=0.612,
                first_token_p50_s=0.201,
                first_token_p95_s=0.287,
                usd=Decimal("0.0224"),
                usd_per_1000=Decimal("0.0544"),
                usd_per_1000_correct=Decimal("0.0598"),
                **common,
            ),
            _also(rows, verdict),
        ),
        rows=rows,
        slices=_slices(rows),
        metrics=(
            v.MetricView(
                name="token F1",
                kind="score",
                base=0.684,
                tuned=0.927,
                difference=v.Estimate(0.243, 0.198, 0.287),
                p_value=0.0001,
                p_adjusted=0.0002,
                test="sign-flip permutation",
            ),
        ),
        latency=v.RatioView(value=0.77, low=0.74, high=0.80, n=len(rows)),
        cost=v.RatioView(value=1.10, low=1.09, high=1.11, n=len(rows)),
        economics=v.EconomicsView(
            months_to_break_even=Decimal("2.4"), why="at 50,000 right answers a month, against the base"
        ),
        same_answers=243,
        judging=("judge gpt-4.1: position bias found in 3.1% of pairs, p = 0.04",),
        guarded=(
            v.GuardedView(
                name="general",
                n=150,
                base=0.81,
                tuned=0.80,
                low=-0.041,
                margin=0.05,
                prompts_needed=400,
                parts=(v.SliceView(label="arithmetic", n=20, base=0.9, tuned=0.85, difference=v.Estimate(-0.05)),),
            ),
        ),
        grader="normalised",
        grader_reason="the references are 9 short labels",
        sampling={"temperature": 0.0, "max_tokens": 32, "seed": 7},
        system="You route customer messages. Answer with one team name and nothing else:\n" + ", ".join(LABELS),
        latency_comparable=True,
        latency_note="Both sides are served the same way, so their times may be compared.",
    )


def _provenance() -> v.ProvenanceView:
    return v.ProvenanceView(
        ledger="/home/mira/tickets/.tunewright/ledger.db",
        hashes={
            "dataset": "sha256:" + "5b0c9a1e" * 8,
            "train file": "sha256:" + "77ab01ce" * 8,
            "plan": "sha256:" + "0f1e2d3c" * 8,
        },
        seeds={"training": 7, "evaluation": 7, "bootstrap": 7},
        versions={"tunewright": "0.1.0", "openai": "3.54.0", "python": "3.11.2"},
        prices=(
            v.PriceView(item="train", model=BASE, usd=Decimal("5.00"), per="mtok", as_of=TODAY, source=PRICES),
            v.PriceView(item="tuned_output", model=BASE, usd=None, per="mtok", as_of=TODAY, source="unverified"),
        ),
    )


def build(rows: int = 412) -> v.ReportView:
    """A finished run with that many held-out prompts."""
    asked = make_rows(rows)
    verdict = _verdict(asked)
    return v.ReportView(
        run_id="k3j5-h2q7",
        created_at=datetime(2026, 11, 22, 10, 4, tzinfo=UTC),
        title="tickets.csv → openai:gpt-4.1-mini-2025-04-14",
        base_model=BASE,
        tuned_model=TUNED,
        command=f"tunewright run tickets.csv --input message --output team --to openai:{BASE} --max-usd 25",
        verdict=verdict,
        money=_money(),
        data=_data(),
        training=_training(),
        evaluation=_evaluation(asked, verdict),
        provenance=_provenance(),
        dates=(
            v.DateView(
                what="gpt-4.1-mini-2025-04-14 and every model tuned on it",
                on=date(2027, 1, 14),
                effect="stop answering",
                days_left=53,
                source="deprecations notice of 2026-10-14",
                as_of=TODAY,
            ),
            v.DateView(
                what="new fine-tuning jobs",
                on=date(2027, 1, 6),
                effect="closed to everyone",
                days_left=45,
                source="developers.openai.com/api/docs/deprecations",
                as_of=TODAY,
            ),
        ),
        exit_code=0,
        exit_meaning="done, verdict deploy",
    )


def bare() -> v.ReportView:
    """The least a report can hold: a job that still runs."""
    return v.ReportView(
        run_id="q1",
        created_at=datetime(2026, 11, 22, 10, 4, tzinfo=UTC),
        status="The job is running: step 240 of 600.",
    )


@pytest.fixture(scope="session")
def view() -> v.ReportView:
    return build()


@pytest.fixture(scope="session")
def small() -> v.ReportView:
    """The same with six prompts."""
    return build(6)


@pytest.fixture(scope="session")
def make_view() -> Callable[[int], v.ReportView]:
    return build


@pytest.fixture(scope="session")
def bare_view() -> v.ReportView:
    return bare()


@pytest.fixture(scope="session")
def with_row(view: v.ReportView) -> Callable[..., v.ReportView]:
    """The same run with a single row whose texts are given."""

    def make(**texts: str) -> v.ReportView:
        said = v.AnswerView(text=texts.get("answer", "x"), passed=False)
        row = v.RowView(
            number=1, prompt=texts.get("prompt", "p"), reference=texts.get("reference", "r"), base=said, tuned=said
        )
        assert view.evaluation is not None
        return replace(view, evaluation=replace(view.evaluation, rows=(row,)))

    return make


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium of this machine. Skipped where there is none, unless the environment says it must be there."""
    needed = bool(os.environ.get("TUNEWRIGHT_NEEDS_BROWSER"))
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None or find_spec("playwright") is None:
        missing = "no Chromium here" if chromium is None else "playwright is not installed"
        (pytest.fail if needed else pytest.skip)(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()
