"""The weight of a whole row, which one platform's lines may carry beside anything else. Read past, never written."""

from __future__ import annotations

import math

from ..records import JsonObject
from .conversation import BadLine

__all__ = ["without_weight"]


def without_weight(line: JsonObject) -> JsonObject:
    """The line without its top-level `weight`, a number that is not negative. Raises `BadLine` for any other.

    An example has no place for it: what is converted is written without, and whoever reads a file says so. Source:
    facts 2.2, togethercomputer/s (2026-11-22).
    """
    if "weight" not in line:
        return line
    weight = line["weight"]
    if type(weight) not in (int, float) or not math.isfinite(weight) or weight < 0:
        raise BadLine(f"must be a number that is not negative, not {weight!r}"[:120], field="weight", reason="weight")
    return {key: value for key, value in line.items() if key != "weight"}
