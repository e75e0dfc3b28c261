"""What the pages are rendered with: one Jinja2 environment that escapes everything and shows nothing unseen."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from . import words

if TYPE_CHECKING:
    from jinja2 import Environment, Template

__all__ = ["raw", "template"]

_ASSETS = files(__package__) / "assets"
_FILTERS = ("count", "day", "figure", "interval", "loss", "moment", "months", "p_value", "points", "seconds", "share")
_MORE_FILTERS = ("sentence", "short_hash", "usd", "value")


def template(name: str) -> Template:
    """The template of that name among our assets."""
    return _environment().get_template(name)


def raw(text: str) -> Any:
    """Text that is already markup, and ours."""
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
    environment.globals |= {name: getattr(words, name) for name in ("beside_quote", "hours", "usd_range")}
    environment.globals["asset"] = _asset
    return environment


def _asset(name: str) -> Any:
    """One of our own files, as it is, for a style or script element."""
    return raw((_ASSETS / name).read_text(encoding="utf-8"))


def _finalize(value: Any) -> Any:
    """Nothing unseen reaches the page: applied to every expression of the template, before escaping."""
    if value is None:
        return words.DASH
    return words.visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
