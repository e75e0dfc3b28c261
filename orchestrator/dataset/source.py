"""What every reader gives: a stream of numbered records. Choosing the reader is left to `opening`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from .rules import Problem

__all__ = ["Record", "Source", "envelope_key"]

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


def envelope_key(value: dict[str, Any]) -> str | None:
    """The key under which an object holds the list of rows."""
    return next((key for key in _ENVELOPES if isinstance(value.get(key), list)), None)
