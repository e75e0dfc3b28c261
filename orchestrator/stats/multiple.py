"""Several tests at once: Holm for more than one metric or candidate, Benjamini-Hochberg for slices looked at."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["fdr", "holm"]


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values in the order given; each may be held against the unchanged level. Source: Holm 1979."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return tuple(adjusted)


def fdr(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values in the order given; those up to 0.05 are false in 5 % of cases on average.

    For exploring, not for deciding. Source: Benjamini & Hochberg 1995, J R Stat Soc B 57:289.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    adjusted, running = [0.0] * len(p_values), 1.0
    for rank, index in zip(range(len(p_values), 0, -1), order, strict=True):
        running = min(running, len(p_values) / rank * p_values[index])
        adjusted[index] = running
    return tuple(adjusted)
