"""Chooses the reader that fits what a file holds. Which fields matter is left to `shapes`."""

from __future__ import annotations

from itertools import islice
from typing import Any

from . import columnar, json_lines, json_list, tables
from .files import TextFile
from .source import Source, envelope_key

__all__ = ["open_source"]


def open_source(file: TextFile) -> Source:
    """The reader that fits what the file holds; its name only decides where the content leaves it open."""
    if file.table:
        return columnar.read(file)
    suffix = file.suffix
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
    if first.strip() == "[" or (first.startswith("[") and not (suffix in (".jsonl", ".ndjson") and _objects(head[1:]))):
        return "json"
    if first.startswith("{") or jsonish:
        return _json_kind(head, suffix)
    return "table"


def _json_kind(head: list[str], suffix: str) -> str:
    """JSON Lines when whole objects stand on lines, unless the one line is an envelope around the rows."""
    objects = _objects(head)
    if objects:
        return "json" if len(head) == 1 and envelope_key(objects[0]) else "jsonl"
    if len(head) == 1 and _ends_with_returns(head[0]):
        return "json"
    meant_whole = sum(line.strip()[:1] == "{" and line.rstrip(" \r\n,")[-1:] == "}" for line in head)
    if suffix == ".json" or (meant_whole * 2 < len(head) and head[0].lstrip().startswith("{")):
        return "json"
    return "jsonl"


def _ends_with_returns(line: str) -> bool:
    """Lines of an old Mac, that end with a carriage return alone, are one line to everybody else."""
    return any(line.startswith("{", at + 1) for at, sign in enumerate(line[: 1 << 20]) if sign == "\r")


def _objects(lines: list[str]) -> list[dict[str, Any]]:
    parsed = [json_lines.parse(line) for line in lines]
    return [value for value in parsed if isinstance(value, dict)]


def _named_otherwise(suffix: str, usual: tuple[str, ...], what: str) -> tuple[str, ...]:
    return () if suffix in usual else (f"is named {suffix or 'without a suffix'} but holds {what}",)
