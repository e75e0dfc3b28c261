"""What a safe fix leaves behind: which fix, where, and how it looked before and after. Fixing is left to `fixing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Fixed", "FixedRow"]


class Fixed(NamedTuple):
    """One fix. `before` and `after` are short pieces of text around the change, with what is unseen written out."""

    rule: str
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class FixedRow:
    """One fix and the row it was applied to; `row` is numbered as in `Row`."""

    row: int
    file: str
    fixed: Fixed

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"row": self.row, "file": self.file, **self.fixed._asdict()}
