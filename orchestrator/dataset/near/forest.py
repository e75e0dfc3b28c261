"""Clusters that grow by links; each row always knows its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Forest"]


class Forest:
    """Rows 0 to `rows` - 1, at first each alone. `root[row]` names the row's cluster."""

    def __init__(self, rows: int) -> None:
        self.root: NDArray[np.int64] = np.arange(rows)
        self._members: dict[int, list[int]] = {}

    def link(self, pairs: NDArray[np.int64]) -> None:
        """Join the clusters of each pair. The smaller is renamed, so a row is renamed log2(rows) times at most."""
        for one, other in self.root[pairs].tolist():
            # An earlier pair may have joined them, or renamed one.
            self._join(int(self.root[one]), int(self.root[other]))

    def _join(self, one: int, other: int) -> None:
        if one == other:
            return
        larger, smaller = self._members.pop(one, [one]), self._members.pop(other, [other])
        if len(larger) < len(smaller):
            one, larger, smaller = other, smaller, larger
        self.root[smaller] = one
        larger += smaller
        self._members[one] = larger

    def trees(self) -> list[tuple[int, ...]]:
        """The clusters of two rows and more, each ascending, in the order of their first rows."""
        return sorted(tuple(sorted(members)) for members in self._members.values())
