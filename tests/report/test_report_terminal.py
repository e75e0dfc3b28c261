"""The report's first screen in characters: what it draws, how wide it gets, and where Unicode is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from orchestrator.cli.verdict_lines import Glyphs, candidate_lines, improvement_lines, one_line, slice_lines
from orchestrator.report import ReportView
from orchestrator.report.view import Estimate

UNICODE, ASCII = Glyphs.for_encoding("utf-8"), Glyphs.for_encoding("ascii")


def drawn(view: ReportView, estimate: Estimate, width: int = 60, glyphs: Glyphs = ASCII) -> list[str]:
    assert view.verdict
    return improvement_lines(
        replace(view, verdict=replace(view.verdict, improvement={"error_share": estimate})), width, glyphs
    )


def test_the_interval_stands_right_of_the_rules_lines_where_it_is_better(view: ReportView) -> None:
    said, picture, under = drawn(view, Estimate(0.75, 0.66, 0.84))
    assert said == "improvement of the base's errors removed: 75.0%, 95% interval 66.0% to 84.0%"
    assert picture == "..:......:.....:.............................[=====o=====].."
    assert under.split() == ["0", "10%", "20%", "40%", "60%", "80%"]


def test_the_lines_names_stand_under_the_lines(view: ReportView) -> None:
    _, picture, under = drawn(view, Estimate(0.05, -0.1, 0.18))
    lines = [i for i, mark in enumerate(picture) if mark == ":"]
    assert abs(under.index("20%") + 1 - lines[-1]) <= 2


def test_an_interval_that_goes_on_beyond_the_picture_says_so(view: ReportView) -> None:
    assert drawn(view, Estimate(-2.0, -30.0, 0.3))[1].startswith("~===")


@pytest.mark.parametrize("width", [20, 40, 76, 200])
def test_the_picture_is_as_wide_as_it_is_told(view: ReportView, width: int) -> None:
    assert cell_len(drawn(view, Estimate(0.75, 0.66, 0.84), width, UNICODE)[1]) == width


def test_without_an_interval_nothing_is_drawn(view: ReportView, bare_view: ReportView) -> None:
    assert view.verdict
    unknown = replace(view.verdict, improvement={}, difference=Estimate(None))
    assert improvement_lines(replace(view, verdict=unknown), 60, ASCII) == []
    assert improvement_lines(bare_view, 60, ASCII) == []


def test_every_candidate_has_a_line_of_figures_and_its_model(view: ReportView) -> None:
    lines = candidate_lines(view)
    assert lines[0].split() == [
        "candidate", "right", "against", "base", "latency", "1,000", "prompts", "1,000", "right",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:]] == ["base", "tuned", "also1", "base", "tuned", "also1"]
    assert "also1 (4 missing)" in lines[3]
    assert len({cell_len(line) for line in lines[1:4]}) == 1


@pytest.mark.parametrize(("width", "left_out"), [(100, set()), (80, {"58.3% to 67.7%"}), (60, {"478\u00a0ms"})])
def test_a_narrow_terminal_goes_without_some_columns(view: ReportView, width: int, left_out: set[str]) -> None:
    lines = candidate_lines(view, width)
    assert max(map(cell_len, lines)) <= width
    assert "91.0%" in lines[2]
    assert not any(part in line for part in left_out for line in lines)


def test_a_narrow_terminal_shows_slices_without_their_interval(view: ReportView) -> None:
    assert max(map(cell_len, slice_lines(view, 80))) <= 80
    assert "adjusted" in "".join(slice_lines(view))
    assert "adjusted" not in "".join(slice_lines(view, 70))


def test_slices_come_worst_first_and_say_that_they_are_exploratory(view: ReportView) -> None:
    lines = slice_lines(view)
    assert lines[0] == "by label, the worst first, 5 of 9 (exploratory):"
    assert [line for line in lines if not line.startswith("  ")][1:] == [
        "by length, the worst first (exploratory):",
        "by group, the worst first (exploratory):",
    ]


@pytest.mark.parametrize(
    ("text", "width", "said"),
    [("a\nb\t c", 9, "a b c"), ("abcdef", 4, "abc…"), ("漢字漢字", 5, "漢字…"), ("\x1b[31mred", 40, "⟨U+001B⟩[31mred")],
)
def test_foreign_text_is_one_line_of_its_cells(text: str, width: int, said: str) -> None:
    assert one_line(text, width) == said


def test_a_megabyte_of_text_is_cut_before_it_is_looked_at() -> None:
    assert cell_len(one_line("x" * 1_000_000, 30)) == 30
