"""The page: one HTML file with everything inside, opened from disk, that can load nothing from anywhere.

Every string passes `visible` and autoescape; long tables are made in the browser, from the embedded JSON, with text
nodes alone.
"""

from __future__ import annotations

import hashlib

from .charts import charts
from .sentence import explained, headline
from .tables import grouped_drops, grouped_findings, label_balance
from .templates import raw, template
from .twin import embeddable, plain, to_json
from .view import ReportView

__all__ = ["render"]


def render(view: ReportView) -> str:
    """The report as one HTML document. The same view gives the same bytes."""
    twin, drawn = embeddable(to_json(view)), plain(charts(view))
    return template("report.html.j2").render(
        view=view,
        headline=headline(view),
        explained=explained(view.verdict) if view.verdict else "",
        findings=grouped_findings(view.data),
        dropped=grouped_drops(view.data),
        balance=label_balance(view.data),
        drawn=drawn,
        twin=raw(twin),
        charts=raw(embeddable(drawn)),
        nonce=_nonce(twin),
    )


def _nonce(twin: str) -> str:
    """Unlike a random one it makes no two runs differ; text inside the twin cannot hold the twin's own hash."""
    return hashlib.sha256(twin.encode()).hexdigest()[:32]
