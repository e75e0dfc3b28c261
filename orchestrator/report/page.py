"""The page: one HTML file with everything inside, opened from disk, that can load nothing from anywhere.

Every string passes `visible` and autoescape; the table of prompts is made in the browser, from the embedded JSON, with
text nodes alone.
"""

from __future__ import annotations

import hashlib
from typing import Any

from .curve_drawing import PLOT_PX, CurveDrawing, draw_curves
from .matrix import matrix
from .pictures import bill_picture, outcome_strip, score_whiskers, slice_groups
from .sentence import explained, headline
from .tables import grouped_drops, grouped_findings, label_balance
from .templates import raw, template
from .twin import embeddable
from .verdict_drawing import draw_verdict
from .view import ReportView

__all__ = ["render"]


def render(view: ReportView) -> str:
    """The report as one HTML document. The same view gives the same bytes."""
    curves = draw_curves(view.training)
    rows, hovered = embeddable(matrix(view)), embeddable({name: _hovered(one) for name, one in curves.items()})
    words: dict[str, Any] = {
        "view": view,
        "headline": headline(view),
        "explained": explained(view.verdict) if view.verdict else "",
        "findings": grouped_findings(view.data),
        "dropped": grouped_drops(view.data),
        "balance": label_balance(view.data),
        "drawn": {"verdict": draw_verdict(view.verdict), "curves": curves},
        "plot_px": PLOT_PX,
        "scores": score_whiskers(view),
        "strip": outcome_strip(view),
        "slices": slice_groups(view),
        "bill": bill_picture(view.money),
        "rows": raw(rows),
        "curves": raw(hovered),
    }
    page = template("report.html.j2")
    draft = page.render(**words, nonce="")
    return page.render(**words, nonce=_nonce(draft))


def _hovered(one: CurveDrawing) -> dict[str, Any]:
    """What is read off under the pointer: places in percent of the width beside the figures."""
    return {"at": one.places, "step": one.series.steps, "train": one.series.train, "valid": one.series.valid}


def _nonce(page: str) -> str:
    """Unlike a random one it makes no two runs differ; text inside the page cannot hold the page's own hash."""
    return hashlib.sha256(page.encode("utf-8", "surrogatepass")).hexdigest()[:32]
