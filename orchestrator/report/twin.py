"""The JSON twin of a report: `from_json(to_json(view)) == view`; and JSON as text that is safe inside a page.

Decimals and dates are strings, unknown values null; NaN and infinities become null, since JSON has none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .sentence import headline
from .view import ReportView

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["SCHEMA_VERSION", "dumps", "embeddable", "from_json", "plain", "to_json"]

SCHEMA_VERSION = 1

_KIND = "tunewright.report"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSAFE_IN_PAGE = re.compile("[<>&\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def to_json(view: ReportView) -> dict[str, Any]:
    """The whole view as plain JSON values under `schema_version` and `kind`, with the `headline` in words."""
    return {"schema_version": SCHEMA_VERSION, "kind": _KIND, "headline": headline(view), **plain(view)}


def from_json(document: Mapping[str, Any]) -> ReportView:
    """The view back from its twin. Raises `UsageError` for another document or schema version."""
    if document.get("kind") != _KIND or document.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(
            f"not a report of schema version {SCHEMA_VERSION}: kind {document.get('kind')!r}, "
            f"version {document.get('schema_version')!r}",
            fix="make it again with `tunewright report`",
        )
    return _adapter().validate_python(document)


def dumps(document: Mapping[str, Any] | None, *, indent: int | None = None) -> str:
    """Strict JSON that can always be written as UTF-8: a lone surrogate stays a `\\ud8xx` escape."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    return _LONE_SURROGATE.sub(_escape, text)


def embeddable(document: Mapping[str, Any] | None) -> str:
    """JSON as text for `<script type="application/json">`: no character in it can end or begin markup.

    Invisible and direction-changing characters are escaped too, so the page's source reads as it runs. The document
    holds plain values only, as `plain` makes them.
    """
    return _UNSAFE_IN_PAGE.sub(_escape, dumps(document))


def plain(value: object) -> Any:
    """Records, decimals, dates and NaN as plain JSON values."""
    match value:
        case Enum():
            return plain(value.value)
        case Decimal() if not value.is_finite():
            return None
        case Decimal():
            return format(value, "f")
        case float() if not math.isfinite(value):
            return None
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    return str(value)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


@cache
def _adapter() -> TypeAdapter[ReportView]:
    from pydantic import TypeAdapter

    return TypeAdapter(ReportView)
