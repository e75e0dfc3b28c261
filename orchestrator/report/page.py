"""The page: one HTML file with everything inside, opened from disk, that can load nothing from anywhere.

Every string passes `visible` and autoescape; long tables are made in the browser, from the embedded JSON, with text
nodes alone.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from . import words
from .charts import charts
from .sentence import explained, headline
from .tables import grouped_drops, grouped_findings, label_balance
from .twin import embeddable, plain, to_json
from .view import ReportView

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render"]

_ASSETS = files(__package__) / "assets"
_FILTERS = ("count", "day", "figure", "interval", "loss", "moment", "p_value", "points", "seconds", "share")
_MORE_FILTERS = ("sentence", "short_hash", "usd", "value")


def render(view: ReportView) -> str:
    """The report as one HTML document. The same view gives the same bytes."""
    twin, drawn = embeddable(to_json(view)), plain(charts(view))
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            view=view,
            headline=headline(view),
            explained=explained(view.verdict) if view.verdict else "",
            findings=grouped_findings(view.data),
            dropped=grouped_drops(view.data),
            balance=label_balance(view.data),
            drawn=drawn,
            twin=_raw(twin),
            charts=_raw(embeddable(drawn)),
            nonce=_nonce(twin),
        )
    )


def _nonce(twin: str) -> str:
    """Unlike a random one it makes no two runs differ; text inside the twin cannot hold the twin's own hash."""
    return hashlib.sha256(twin.encode()).hexdigest()[:32]


def _raw(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__, "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(words, name) for name in _FILTERS + _MORE_FILTERS}
    environment.globals |= {"usd_range": words.usd_range, "hours": words.hours, "asset": _asset}
    return environment


def _asset(name: str) -> Any:
    """One of our own files, as it is, for a style or script element."""
    return _raw((_ASSETS / name).read_text(encoding="utf-8"))


def _finalize(value: Any) -> Any:
    """Nothing unseen reaches the page: applied to every expression of the template, before escaping."""
    if value is None:
        return words.DASH
    return words.visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
