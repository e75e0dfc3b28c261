"""Figures in words, what the charts draw, how findings are grouped, how the files are written, what is vendored."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import orchestrator.report as report
from orchestrator.report import ReportView, words, write
from orchestrator.report.curve_drawing import draw_curves
from orchestrator.report.curves import epoch_marks, series_of
from orchestrator.report.pictures import bill_picture, outcome_strip, slice_groups
from orchestrator.report.scales import Scale, round_numbers, whiskers
from orchestrator.report.sentence import headline
from orchestrator.report.tables import grouped_drops, grouped_findings, label_balance
from orchestrator.report.verdict_drawing import draw_verdict
from orchestrator.report.view import (
    CheckpointView,
    CurvePoint,
    DataView,
    Estimate,
    FindingView,
    SplitView,
    TrainingView,
)

ASSETS = files("orchestrator.report") / "assets"


def test_the_public_names_are_these() -> None:
    expected = {"SCHEMA_VERSION", "ReportFiles", "ReportView", "from_json", "render", "to_json", "write", "write_rows"}
    assert set(report.__all__) == expected


def test_importing_the_report_loads_neither_jinja_nor_pydantic() -> None:
    code = "import orchestrator.report, sys; print({'jinja2', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("amount", "said"),
    [(None, "unknown"), ("0", "$0.00"), ("0.0031", "$0.0031"), ("0.0496", "$0.050"), ("0.5", "$0.50"),
     ("12.345", "$12.34"), ("2000", "$2,000"), ("1234.5", "$1,234.50"), ("-3", "−$3.00")],
)  # fmt: skip
def test_dollars_show_what_counts(amount: str | None, said: str) -> None:
    assert words.usd(None if amount is None else Decimal(amount)) == said


def test_equal_ends_of_a_range_are_one_figure() -> None:
    assert words.usd_range(Decimal("1.00"), Decimal(1)) == "$1.00"
    assert words.usd_range(Decimal(1), None) == "$1.00"


@pytest.mark.parametrize(
    ("p", "said"), [(None, "p unknown"), (3e-9, "p\u00a0<\u00a00.001"), (0.0341, "p\u00a0=\u00a00.034")]
)
def test_a_p_value_is_never_shown_as_zero(p: float | None, said: str) -> None:
    assert words.p_value(p) == said


@pytest.mark.parametrize(
    ("clause", "said"),
    [
        ("use fewer epochs", "Use fewer epochs."),
        ("gpt-4.1 is better", "gpt-4.1 is better."),
        ("Done!", "Done!"),
        ("", ""),
    ],
)
def test_a_clause_becomes_a_sentence_and_a_name_keeps_its_case(clause: str, said: str) -> None:
    assert words.sentence(clause) == said


def test_the_headline_counts_in_points_with_interval_test_and_prompts(view: ReportView) -> None:
    assert headline(view) == (
        "Deploy: the tuned model gets 91.0% of 412 held-out prompts right, the base 63.1%; "
        "a difference of +27.9 points (95% interval +23.0 to +32.7, McNemar mid-p, p < 0.001)."
    )


def test_a_score_headline_speaks_of_scores(view: ReportView) -> None:
    assert view.verdict
    scored = replace(view.verdict, kind="score", difference=Estimate(-0.012, -0.031, 0.009))
    assert "a difference of −0.012 (95% interval −0.031 to +0.009" in headline(replace(view, verdict=scored))


def test_an_epoch_is_marked_at_its_first_step_even_when_steps_are_sparse() -> None:
    points = [CurvePoint(step=step, epoch=epoch) for step, epoch in ((1, 0.1), (10, 1.0), (11, 1.1), (40, 3.2))]
    assert epoch_marks(points) == ((1, 10), (3, 40))


def test_no_epoch_is_marked_where_the_platform_tells_none() -> None:
    assert epoch_marks([CurvePoint(step=1), CurvePoint(step=2)]) == ()


def test_training_and_validation_of_one_step_become_one_point() -> None:
    apart = (CurvePoint(step=2, train_loss=0.5), CurvePoint(step=1, train_loss=1.0), CurvePoint(step=2, valid_loss=0.7))
    drawn = series_of(TrainingView(points=apart), "loss")
    assert drawn
    assert (drawn.steps, drawn.train, drawn.valid) == ((1, 2), (1.0, 0.5), (None, 0.7))


def test_a_loss_that_is_no_number_is_left_out_of_the_curve() -> None:
    torn = (CurvePoint(step=1, train_loss=1.0), CurvePoint(step=2, train_loss=math.nan))
    drawn = series_of(TrainingView(points=torn), "loss")
    assert drawn
    assert drawn.train == (1.0, None)


def test_curves_without_any_figure_are_not_drawn() -> None:
    assert draw_curves(TrainingView(points=(CurvePoint(step=1),))) == {}


def test_the_checkpoint_that_was_evaluated_is_ringed_on_the_validation_curve(view: ReportView) -> None:
    chosen = draw_curves(view.training)["loss"].chosen
    assert chosen
    assert (chosen.words, chosen.at) == ("evaluated: step 400", pytest.approx(100 * 400 / 600, abs=0.01))


def test_no_ring_where_the_final_model_was_evaluated(view: ReportView) -> None:
    assert view.training
    last = replace(view.training, checkpoints=(CheckpointView(id="c", step=600),))
    assert draw_curves(last)["loss"].chosen is None


def test_a_curve_of_many_steps_is_thinned_and_keeps_every_validation_reading() -> None:
    many = tuple(CurvePoint(step=n, train_loss=1.0, valid_loss=2.0 if n % 997 == 0 else None) for n in range(1, 40_001))
    drawn = series_of(TrainingView(points=many), "loss")
    assert drawn
    assert len(drawn.steps) < 1300
    assert sum(number is not None for number in drawn.valid) == 40_000 // 997


def test_the_interval_is_drawn_on_the_measure_the_rule_uses(view: ReportView) -> None:
    drawn = draw_verdict(view.verdict)
    assert drawn
    assert drawn.measure == "error_share"
    assert [line.words for line in drawn.lines] == ["0", "10%", "20%"]
    assert drawn.lines[-1].at < drawn.low < drawn.value < drawn.high <= 100


def test_without_that_measure_points_are_held_against_the_same_lines(view: ReportView) -> None:
    assert view.verdict
    drawn = draw_verdict(replace(view.verdict, improvement={}))
    assert drawn
    assert (drawn.measure, drawn.estimate) == ("points", view.verdict.difference)


def test_half_an_interval_is_not_drawn(view: ReportView) -> None:
    assert view.verdict
    assert draw_verdict(replace(view.verdict, improvement={}, difference=Estimate(0.1, None, 0.2))) is None


@pytest.mark.parametrize(("low", "value", "high"), [(-40.0, -3.0, 0.9), (0.0, 12.0, 95.0), (-0.01, 0.0, 0.01)])
def test_an_interval_of_any_size_stays_inside_the_picture(
    view: ReportView, low: float, value: float, high: float
) -> None:
    assert view.verdict
    far = Estimate(value, low, high)
    drawn = draw_verdict(replace(view.verdict, improvement={"error_share": far}))
    assert drawn
    assert 0 <= drawn.low <= drawn.value <= drawn.high <= 100
    assert drawn.cut_low == (low < -1)
    assert drawn.cut_high == (high > 20)


@pytest.mark.parametrize(
    ("first", "last", "said"), [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (-0.3, 0.3, [-0.2, 0, 0.2]), (7, 7, [7])]
)
def test_round_numbers_are_what_a_person_would_write(first: float, last: float, said: list[float]) -> None:
    assert round_numbers(first, last) == pytest.approx(said)


def test_what_lies_outside_a_scale_stands_at_its_edge() -> None:
    assert (Scale(0, 10).at(-4), Scale(0, 10).at(5), Scale(0, 10).at(40)) == (0, 50, 100)


def test_whiskers_share_one_scale_around_zero() -> None:
    wide, narrow, unknown = whiskers([(0.2, 0.0, 0.4), (0.1, 0.05, 0.15), (0.1, None, None)])
    assert wide
    assert narrow
    assert unknown is None
    assert (wide.low, wide.zero) == (50, 50)
    assert wide.high - wide.low == pytest.approx(4 * (narrow.high - narrow.low), abs=0.1)


def test_the_worst_slice_comes_first_in_its_kind(view: ReportView) -> None:
    groups = slice_groups(view)
    assert [group.kind for group in groups] == ["label", "length", "group"]
    for group in groups:
        gaps = [row.one.difference.value for row in group.rows]
        assert gaps == sorted(gaps, key=lambda gap: gap or 0)


def test_the_strip_counts_every_prompt_once(view: ReportView) -> None:
    parts = outcome_strip(view)
    assert view.verdict
    assert sum(part.prompts for part in parts) == 412
    assert {part.name: part.prompts for part in parts}["lost"] == (view.verdict.discordant or (0, 0))[0]
    assert sum(part.width for part in parts) == pytest.approx(100, abs=0.05)


def test_a_partial_quote_is_not_drawn_beside_the_bill(view: ReportView) -> None:
    assert view.money
    assert bill_picture(view.money) is None
    whole = bill_picture(replace(view.money, complete=True, unknown=()))
    assert whole
    assert whole.low < whole.value < whole.high


def test_findings_are_grouped_by_rule_gravest_first(view: ReportView) -> None:
    assert view.data
    found = (*view.data.findings, FindingView(rule="secret", severity="error", message="a key"))
    groups = grouped_findings(replace(view.data, findings=found))
    assert [(group.first.rule, len(group.findings)) for group in groups] == [
        ("secret", 1), ("contradicting-answers", 22), ("rare-label", 1),
    ]  # fmt: skip


def test_a_long_list_of_dropped_rows_says_how_many_more(view: ReportView) -> None:
    group = grouped_drops(view.data)[0]
    assert (group.rows, group.where.split(" and ")[1]) == (46, "34 more")


def test_a_label_that_a_split_lacks_counts_zero() -> None:
    splits = (SplitView(name="train", rows=3, labels={"a": 2, "b": 1}), SplitView(name="test", rows=1, labels={"a": 1}))
    assert [(row.label, row.counts) for row in label_balance(DataView(splits=splits))] == [("a", (2, 1)), ("b", (1, 0))]


def test_both_files_are_written_and_no_other(view: ReportView, tmp_path: Path) -> None:
    written = write(view, tmp_path / "deep" / "run")
    assert sorted(written.html.parent.iterdir()) == [written.html, written.json]
    assert json.loads(written.json.read_text())["run_id"] == view.run_id


def test_a_view_that_cannot_be_rendered_leaves_the_old_files(view: ReportView, tmp_path: Path) -> None:
    before = write(view, tmp_path).html.read_text()
    broken: Any = replace(view, created_at="not a time")
    with pytest.raises(AttributeError):
        write(broken, tmp_path)
    assert (tmp_path / "report.html").read_text() == before


def test_a_disk_that_refuses_leaves_nothing_half_written(view: ReportView, tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(OSError, match=r"report\.json"):
        write(view, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    "word", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
)
@pytest.mark.parametrize("name", ["report.js", "diff.js", "csv.js", "matrix.js", "beside.js"])
def test_no_script_of_the_page_writes_markup(name: str, word: str) -> None:
    assert word not in (ASSETS / name).read_text()


def test_a_long_training_curve_is_drawn_as_a_running_mean() -> None:
    points = tuple(CurvePoint(step=n, train_loss=float(n % 2)) for n in range(1, 601))
    drawn = series_of(TrainingView(points=points), "loss")
    assert drawn
    assert drawn.window == 10
    assert drawn.train[-1] == pytest.approx(0.5)


def test_a_short_training_curve_is_drawn_as_it_is() -> None:
    points = tuple(CurvePoint(step=n, train_loss=float(n % 2)) for n in range(1, 61))
    drawn = series_of(TrainingView(points=points), "loss")
    assert drawn
    assert (drawn.window, drawn.train[:3]) == (1, (1.0, 0.0, 1.0))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (None, "–"),
        ("0.4", "less than a month"),
        ("2.4", "2.4\u00a0months"),
        ("12", "12\u00a0months"),
        ("30", "2.5\u00a0years"),
    ],
)
def test_months_are_said_in_years_where_there_are_many(number: str | None, said: str) -> None:
    assert words.months(None if number is None else Decimal(number)) == said
