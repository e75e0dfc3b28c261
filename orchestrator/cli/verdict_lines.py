"""The first screen of a report in characters: the interval against the rule's lines, the candidates, the worst slices.

Lines only, each no wider than it is told; what models, platforms and data say is cut to one line and cannot steer it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from ..report import words
from ..report.pictures import slice_groups
from ..report.verdict_drawing import VerdictDrawing, draw_verdict
from ..report.view import ReportView, SideView, SliceView
from .text import plain_text

__all__ = ["Glyphs", "candidate_lines", "improvement_lines", "one_line", "slice_lines"]

_MEASURES = {
    "error_share": "of the base's errors removed",
    "relative": "relative to the base",
    "points": "as a plain difference",
}
_WORST = 5
_LONGEST_NAME = 42
_SPARED = (2, 4, 5)
"""Columns of a candidate's row that a narrow terminal goes without, in this order."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What the interval is drawn with."""

    axis: str
    rule: str
    span: str
    left: str
    right: str
    dot: str
    cut: str

    @classmethod
    def for_encoding(cls, encoding: str) -> Glyphs:
        """Line drawing where the terminal can show it."""
        wide = encoding.lower().replace("-", "").startswith("utf")
        return cls(*"·┊━├┤●…") if wide else cls(*".:=[]o~")


def one_line(text: str, width: int) -> str:
    """Foreign text on one line of at most `width` cells, nothing unseen in it."""
    line = " ".join(plain_text(words.visible(text[: 8 * width])).split())
    return line if cell_len(line) <= width else set_cell_size(line, max(0, width - 1)).rstrip() + "…"


def improvement_lines(view: ReportView, width: int, glyphs: Glyphs) -> list[str]:
    """The improvement in words, then drawn from edge to edge with the rule's lines under it; empty without one."""
    drawn = draw_verdict(view.verdict)
    if drawn is None or view.verdict is None:
        return []
    said = f"improvement {_MEASURES[drawn.measure]}: {words.share(drawn.estimate.value)}"
    ends = f"{view.verdict.confidence:.0%} interval {words.interval(drawn.estimate)}"
    return [f"{said}, {ends}", _drawn(drawn, width, glyphs), _under(drawn, width)]


def _column(percent: float, width: int) -> int:
    return min(width - 1, round(percent * (width - 1) / 100))


def _drawn(drawn: VerdictDrawing, width: int, glyphs: Glyphs) -> str:
    cells = [glyphs.axis] * width
    for line in drawn.lines:
        cells[_column(line.at, width)] = glyphs.rule
    low, high = _column(drawn.low, width), _column(drawn.high, width)
    cells[low : high + 1] = [glyphs.span] * (high + 1 - low)
    cells[low] = glyphs.cut if drawn.cut_low else glyphs.left
    cells[high] = glyphs.cut if drawn.cut_high else glyphs.right
    cells[_column(drawn.value, width)] = glyphs.dot
    return "".join(cells)


def _under(drawn: VerdictDrawing, width: int) -> str:
    """The lines' names, as far as there is room beside each other; then what lies beyond the last."""
    cells = [" "] * (width + 8)
    free = 0
    names = [(line.at, line.words) for line in drawn.lines] + [(mark.at, mark.words) for mark in drawn.ticks]
    for at, name in sorted(names):
        start = max(0, min(_column(at, width) - len(name) // 2, width - len(name)))
        if start >= free:
            cells[start : start + len(name)] = name
            free = start + len(name) + 1
    return "".join(cells).rstrip()


def candidate_lines(view: ReportView, width: int = 200) -> list[str]:
    """A row each: quality with its interval, the difference to the base, latency, cost; then the models' names.

    Where that is wider than `width`, the interval is left out, then the latency, then the cost of 1,000 prompts.
    """
    sides = view.evaluation.sides if view.evaluation else ()
    if not sides or view.verdict is None:
        return []
    kind = view.verdict.kind
    head = ("candidate", "right" if kind == "binary" else "score", "", "against base", "latency", "1,000 prompts")
    correct = any(side.usd_per_1000_correct is not None for side in sides)
    table = [head + (("1,000 right",) if correct else ())]
    table += [_candidate(side, kind) + ((words.usd(side.usd_per_1000_correct),) if correct else ()) for side in sides]
    lines = _fitted(table, width, _SPARED)
    models = [f"{side.role:<6} {one_line(side.model, min(100, width - 7))}" for side in sides if side.model]
    return lines + models


def _candidate(side: SideView, kind: str) -> tuple[str, ...]:
    missing = f" ({side.missing:,} missing)" if side.missing else ""
    against = "-" if side.role == "base" else words.points(side.against_base.value, kind)
    return (
        one_line(side.role, _LONGEST_NAME) + missing,
        words.figure(side.score.value, kind),
        words.interval(side.score, kind),
        against,
        words.seconds(side.latency_p50_s),
        words.usd(side.usd_per_1000),
    )


def slice_lines(view: ReportView, width: int = 200) -> list[str]:
    """The slices in which the tuned model does worst, of each kind; all of them are exploratory.

    Where that is wider than `width`, the adjusted p and the interval are left out.
    """
    kind = view.verdict.kind if view.verdict else "binary"
    lines: list[str] = []
    for group in slice_groups(view):
        worst = [row.one for row in group.rows[:_WORST]]
        more = f", {len(worst)} of {len(group.rows)}" if len(group.rows) > len(worst) else ""
        lines.append(f"by {group.kind}, the worst first{more} (exploratory):")
        lines += [f"  {line}" for line in _fitted([_slice(one, kind) for one in worst], width - 2, (5, 4))]
    return lines


def _slice(one: SliceView, kind: str) -> tuple[str, ...]:
    adjusted = "" if one.p_adjusted is None else f"adjusted {words.p_value(one.p_adjusted)}"
    ends = words.interval(one.difference, kind, signed=True)
    return (
        one_line(one.label, _LONGEST_NAME),
        f"{one.n:,}",
        f"{words.figure(one.base, kind)} → {words.figure(one.tuned, kind)}",
        words.points(one.difference.value, kind),
        "" if ends == words.DASH else ends,
        adjusted,
    )


def _fitted(table: Sequence[tuple[str, ...]], width: int, spared: Sequence[int]) -> list[str]:
    """The table as lines; where they are too wide, without the spared columns, as few of them as will do."""
    lines = list(_aligned(table))
    for column in spared:
        if max(map(cell_len, lines)) > width:
            table = [(*row[:column], "", *row[column + 1 :]) for row in table]
            lines = list(_aligned(table))
    return lines


def _aligned(table: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Columns two cells apart; the first to the left, the others to the right. An empty column is left out."""
    widths = [max(cell_len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        cells = [
            set_cell_size(part, width) if i == 0 else " " * (width - cell_len(part)) + part
            for i, (part, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        yield "  ".join(cells).rstrip()
