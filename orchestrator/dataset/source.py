"""One file as a stream of numbered records, whatever its format. Which fields matter is left to `shapes`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from .files import TextFile
from .rules import Problem

__all__ = ["Record", "Source", "envelope_key", "open_source"]

_ENVELOPES = ("data", "rows", "examples", "train")


class Record(NamedTuple):
    """One row as read: its fields, or the problem that kept it from being read."""

    number: int
    fields: dict[str, Any] | None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """`unit`: what a row is called in this format. `header`: the columns, where the format has them at the top."""

    format: str
    unit: str
    records: Iterator[Record]
    header: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def open_source(file: TextFile) -> Source:
    """The reader that fits what the file holds; its name only decides where the content leaves it open."""
    from . import json_lines, json_list, tables

    suffix = file.path.suffix.lower()
    kind = _kind(file, suffix)
    if kind == "jsonl":
        return json_lines.read(file, notes=_named_otherwise(suffix, (".jsonl", ".ndjson"), "JSON Lines"))
    if kind == "json":
        return json_list.read(file, notes=_named_otherwise(suffix, (".json",), "JSON"))
    return tables.read(file)


def _kind(file: TextFile, suffix: str) -> str:
    with file.open("\n") as stream:
        head = [line for line in islice(stream, 50) if line.strip()]
    first = head[0].lstrip() if head else ""
    jsonish = suffix in (".jsonl", ".ndjson", ".json")
    if not head:
        return "jsonl" if jsonish else "table"
    if first.startswith("[") and not (suffix in (".jsonl", ".ndjson") and _objects(head[1:])):
        return "json"
    if first.startswith("{") or jsonish:
        return _json_kind(head, suffix)
    return "table"


def _json_kind(head: list[str], suffix: str) -> str:
    """JSON Lines when whole objects stand on lines, unless the one line is an envelope around the rows."""
    objects = _objects(head)
    if objects:
        return "json" if len(head) == 1 and envelope_key(objects[0]) else "jsonl"
    meant_whole = sum(line.strip()[:1] == "{" and line.strip()[-1:] == "}" for line in head)
    if suffix == ".json" or (meant_whole * 2 < len(head) and head[0].lstrip().startswith("{")):
        return "json"
    return "jsonl"


def _objects(lines: list[str]) -> list[dict[str, Any]]:
    from .json_lines import parse

    parsed = [parse(line) for line in lines]
    return [value for value in parsed if isinstance(value, dict)]


def envelope_key(value: dict[str, Any]) -> str | None:
    """The key under which an object holds the list of rows."""
    return next((key for key in _ENVELOPES if isinstance(value.get(key), list)), None)


def _named_otherwise(suffix: str, usual: tuple[str, ...], what: str) -> tuple[str, ...]:
    return () if suffix in usual else (f"is named {suffix or 'without a suffix'} but holds {what}",)
