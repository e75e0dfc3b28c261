"""What is doubtful about the data, in one line for those who are about to use it. `check` tells all of it."""

from __future__ import annotations

from collections import Counter

from ..dataset.records import Dataset

__all__ = ["warnings_text"]

_SHOWN = 6


def warnings_text(dataset: Dataset) -> str:
    """`warnings: 2 personal-email, 1 contradiction (…)`, the most frequent first; empty where there are none."""
    met = Counter(finding.rule for finding in dataset.findings if finding.severity == "warning")
    if not met:
        return ""
    counts = Counter({rule: max(count, dataset.counts.get(rule, 0)) for rule, count in met.items()})
    told = [f"{count:,} {rule}" for rule, count in counts.most_common(_SHOWN)]
    if len(counts) > _SHOWN:
        told.append(f"{len(counts) - _SHOWN} other rules")
    return f"warnings: {', '.join(told)} (tunewright check PAIRS shows them)"
