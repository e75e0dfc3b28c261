"""Reads one JSON document: a list of objects, an object around such a list, or objects one after another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..errors import UsageError
from .files import TextFile
from .json_lines import json_problem, loads
from .rules import Problem
from .source import Record, Source, envelope_key

__all__ = ["read"]


def read(file: TextFile, notes: tuple[str, ...] = ()) -> Source:
    """The document's items as records, numbered by item. Raises `UsageError` when it holds no list of rows."""
    with file.open("\n") as stream:
        text = stream.read()
    try:
        value = loads(text)
    except (ValueError, RecursionError) as error:
        return _one_after_another(file, text, error, notes)
    if isinstance(value, dict):
        key = envelope_key(value)
        if key is None:
            items = [value]
        else:
            items, notes = value[key], (*notes, f"rows are the list under {key!r}")
    elif isinstance(value, list):
        items = value
    else:
        raise UsageError("holds a single JSON value", where=file.name, fix="give a list of objects")
    return Source("JSON", "item", _records(items), notes=notes)


def _one_after_another(file: TextFile, text: str, error: Exception, notes: tuple[str, ...]) -> Source:
    items = list(_concatenated(text))
    if len(items) > 1 and all(isinstance(item, dict) for item in items):
        return Source(
            "JSON", "item", _records(items), notes=(*notes, "objects stand one after another, over several lines")
        )
    problem = json_problem(error)
    line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
    raise UsageError(
        f"is not JSON: {problem.message}", where=file.name + line, fix="give a list of objects, or one object a line"
    )


def _concatenated(text: str) -> Iterator[Any]:
    """Whole values one after another; nothing when any of the text is left over."""
    values, at, decoder = [], 0, json.JSONDecoder()
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        values.append(value)
    yield from values


def _records(items: list[Any]) -> Iterator[Record]:
    for number, item in enumerate(items, 1):
        if isinstance(item, dict):
            yield Record(number, item)
        else:
            yield Record(number, None, Problem("not-an-object", f"is {item!r:.40}, not an object"))
