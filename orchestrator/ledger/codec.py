"""Records to JSON text and back, checked on the way in by pydantic. A loss that is no number survives the way."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, TypeVar

from pydantic import TypeAdapter

from ..canonical import canonical_json, plain

__all__ = ["dump", "load", "load_json"]

T = TypeVar("T")


def dump(record: Any) -> str:
    """The record's canonical JSON. NaN and infinity, which JSON lacks, become 'nan' and 'inf'."""
    try:
        return canonical_json(record)
    except ValueError:
        return canonical_json(_worded(plain(record)))


def _worded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _worded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_worded(item) for item in value]
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def load(kind: type[T], text: str) -> T:
    """The record back; raises pydantic's ValidationError when the text is not one."""
    result: T = _adapter(kind).validate_json(text)
    return result


def load_json(text: str) -> dict[str, Any]:
    """A JSON object."""
    value: dict[str, Any] = json.loads(text)
    return value


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    # Building an adapter costs milliseconds, using one microseconds.
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
