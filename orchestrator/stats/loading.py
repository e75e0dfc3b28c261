"""The way to what needs scipy: loaded on use, and named when it is missing. Checks what is handed in before that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..errors import MissingExtra

__all__ = ["checked_scores", "scipy_for"]


@contextmanager
def scipy_for(what: str) -> Iterator[None]:
    """Import inside this block; without scipy it raises MissingExtra that says `what` needs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"numpy", "scipy"}:
            raise
        raise MissingExtra(
            f"{what} needs numpy and scipy", where="statistics", fix="pip install 'tunewright[evaluate]'"
        ) from error


def checked_scores(base: Sequence[float], tuned: Sequence[float]) -> None:
    """Raises ValueError on unequal lengths or a score outside [0, 1]."""
    if len(base) != len(tuned):
        raise ValueError(f"{len(base)} scores of the base against {len(tuned)} of the tuned model")
    for score in (*base, *tuned):
        if not (math.isfinite(score) and 0 <= score <= 1):
            raise ValueError(f"scores must lie between 0 and 1, not {score!r}")
