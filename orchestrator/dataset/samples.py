"""The records of a sample: what some windows of large files gave, by which the whole is estimated.

Drawing a sample is left to `sampling`, estimating from it to `costing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .records import Side

if TYPE_CHECKING:
    from .lengths import Lengths

__all__ = ["SHARES", "Sample", "SampleShare", "Windows"]

SHARES: Mapping[Side, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
"""The rule by which `splitting` parts the rows of a file that is split by nothing else."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Equal windows of bytes over all files, some of them drawn. A line belongs to the window in which it starts.

    `count` and `size`: of all windows, and of all files in bytes. `sizes`: bytes of the lines of each drawn window.
    `seed`: the same seed draws the same windows.
    """

    count: int
    size: int
    sizes: Sequence[int]
    seed: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The usable rows of the drawn windows. `measured`: tokenizer → the `Lengths` of each window.

    `rows_read`: usable or not. `dropped`: rule → rows that are not used. `preference`: the rows have a rejected answer.
    """

    windows: Windows
    measured: Mapping[str, Sequence[Lengths]]
    rows_read: int
    dropped: Mapping[str, int]
    preference: bool
    where: str

    def lengths(self, side: Side, tokenizer: str) -> SampleShare:
        """What stands for the tokens of a side."""
        return SampleShare(self, SHARES[side], tokenizer)

    @property
    def about_rows(self) -> int:
        """Usable rows of the whole, estimated."""
        first = next(iter(self.measured.values()))
        return round(sum(map(len, first)) * self.windows.count / len(first))


@dataclass(frozen=True, slots=True)
class SampleShare:
    """A side of the whole that was sampled; its length is the estimated number of its rows."""

    sample: Sample
    share: float
    tokenizer: str

    def __len__(self) -> int:
        return round(self.sample.about_rows * self.share)

    @property
    def lengths(self) -> Sequence[Lengths]:
        """Tokens of the rows of each drawn window, all sides together."""
        return self.sample.measured[self.tokenizer]
