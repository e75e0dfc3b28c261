"""What a platform takes of one file, against what a file is. Pure; whether the file is written is not asked here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..records import FileRole

__all__ = ["Breach", "Limits", "breaches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one file. None: no limit is documented. Every platform here takes one training file, so none is split."""

    least_rows: int | None = None
    most_rows: int | None = None
    most_validation_rows: int | None = None
    most_bytes: int | None = None


class Breach(NamedTuple):
    """A limit that a file breaks. `what` completes "the file has …"."""

    reason: Literal["too-few-rows", "too-many-rows", "file-too-large"]
    what: str


def breaches(limits: Limits, role: FileRole, rows: int, size: int | None = None) -> Iterator[Breach]:
    """Each limit that the file breaks. `size` in bytes; None: not known yet."""
    training = role == "train"
    most = limits.most_rows if training else limits.most_validation_rows
    if training and limits.least_rows is not None and rows < limits.least_rows:
        yield Breach("too-few-rows", f"{rows:,} rows, and it takes no fewer than {limits.least_rows:,}")
    if most is not None and rows > most:
        yield Breach("too-many-rows", f"{rows:,} rows, and it takes no more than {most:,}")
    if size is not None and limits.most_bytes is not None and size > limits.most_bytes:
        yield Breach("file-too-large", f"{size:,} bytes, and it takes no more than {limits.most_bytes:,}")
