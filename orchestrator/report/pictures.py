"""The page's small pictures: scores, slices and the bill beside the quote, and what became of the prompts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from .outcomes import Outcome, counts
from .scales import Scale, Whisker, known, whiskers
from .view import MoneyView, ReportView, SliceView

__all__ = ["Part", "SliceGroup", "SliceRow", "bill_picture", "outcome_strip", "score_whiskers", "slice_groups"]

_STRIP: tuple[tuple[Outcome, str, str], ...] = (
    ("right", "both right", "both high"),
    ("won", "tuned won", "tuned better"),
    ("lost", "tuned lost", "tuned worse"),
    ("wrong", "both wrong", "both low"),
)


class Part(NamedTuple):
    """A piece of the strip, in percent."""

    name: Outcome
    words: str
    prompts: int
    x: float
    width: float


class SliceRow(NamedTuple):
    """A slice with the picture of its interval."""

    one: SliceView
    whisker: Whisker | None


@dataclass(frozen=True, slots=True)
class SliceGroup:
    """All slices of one kind, the worst for the tuned model first. `drawn`: whether any has an interval."""

    kind: Literal["label", "length", "group", "category"]
    rows: tuple[SliceRow, ...]

    @property
    def drawn(self) -> bool:
        """Whether any of them has an interval."""
        return any(row.whisker for row in self.rows)


def score_whiskers(view: ReportView) -> list[Whisker | None]:
    """Each candidate's score with its interval, on the scale from 0 to 1."""
    scale = Scale(0.0, 1.0)
    sides = view.evaluation.sides if view.evaluation else ()
    return [
        Whisker(scale.at(s.score.low or 0), scale.at(s.score.value or 0), scale.at(s.score.high or 0), None)
        if known(s.score.value, s.score.low, s.score.high)
        else None
        for s in sides
    ]


def slice_groups(view: ReportView) -> list[SliceGroup]:
    """By label, by length, by group, as far as there are any."""
    groups = []
    for kind in ("label", "length", "group"):
        mine = [one for one in view.evaluation.slices if one.kind == kind] if view.evaluation else []
        mine.sort(
            key=lambda one: (one.difference.value is None, one.difference.value or 0.0, one.tuned or 0.0, one.label)
        )
        drawn = whiskers((one.difference.value, one.difference.low, one.difference.high) for one in mine)
        if mine:
            groups.append(SliceGroup(mine[0].kind, tuple(map(SliceRow, mine, drawn))))
    return groups


def _worst_first(one: SliceView) -> tuple[bool, float, float, str]:
    gap = one.difference.value
    return gap is None, gap or 0.0, one.tuned or 0.0, one.label


def outcome_strip(view: ReportView) -> list[Part]:
    """How many prompts both got right, the tuned model won or lost, and both got wrong; empty without rows."""
    found = counts(view.evaluation.rows) if view.evaluation else None
    total = sum(found[name] for name, _, _ in _STRIP) if found else 0
    if not found or not total:
        return []
    scored = view.verdict is not None and view.verdict.kind == "score"
    parts, x = [], 0.0
    for name, words, scored_words in _STRIP:
        width = 100 * found[name] / total
        parts.append(Part(name, scored_words if scored else words, found[name], round(x, 2), round(width, 2)))
        x += width
    return parts


def bill_picture(money: MoneyView | None) -> Whisker | None:
    """The bill beside the quote's range, from nothing on; None unless both are whole."""
    if money is None or money.billed_usd is None or money.low_usd is None or money.high_usd is None:
        return None
    if not money.complete or money.unknown or money.billed_unknown or not max(money.high_usd, money.billed_usd):
        return None
    scale = Scale(0.0, float(max(money.high_usd, money.billed_usd)) * 1.08)
    low, bill, high = (scale.at(float(usd)) for usd in (money.low_usd, money.billed_usd, money.high_usd))
    return Whisker(low, bill, high, 0.0)
