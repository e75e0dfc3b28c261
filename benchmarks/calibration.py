"""False alarms and coverage of every kind of comparison, by seeded simulation, beside the naive ways that fail.

Equal models are compared thousands of times: the share called different (type I error) is to be at most 0.06, and
within 0.05 ± 0.01 where at least 40 prompts differ on average. Unequal ones: the share of 95 % intervals that hold
the true difference is to be at least 0.93 (0.88 where scores gain rarely and prompts are 50). Exit 1 where one of ours
breaks its limit. Resamples are 999, not 9,999, and taken for many evaluations at once (see `simulated`); a column says
on how many evaluations that was held against the public function. `--smoke`: few runs, and limits widened by three
standard errors of so few.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

from calibration_choosing import choosing_rows
from calibration_counts import count_rows
from calibration_groups import group_rows
from calibration_judge import judge_rows
from calibration_ratios import ratio_rows
from calibration_rows import Row, Size
from calibration_scores import score_rows

__all__ = ["main", "rows", "table"]

FULL = Size(counts=20_000, scores=10_000, slow=1_000, compared=8)
SMOKE = Size(counts=2_000, scores=300, slow=60, compared=1)
HEAD = ("outcome", "method", "n", "type I", "limit", "coverage", "limit", "same as public", "")


def rows(size: Size) -> Iterator[Row]:
    """Everything, ours and naive."""
    yield from count_rows(size)
    yield from score_rows(size)
    yield from group_rows(size)
    yield from judge_rows(size)
    yield from ratio_rows(size)
    yield from choosing_rows(size)


def table(found: Sequence[Row]) -> str:
    """A Markdown table; naive ways are in italics."""
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells for row in found)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few runs, wider limits; a few seconds")
    size = SMOKE if parser.parse_args(arguments).smoke else FULL
    began = time.perf_counter()
    found = list(rows(size))
    print(table(found))
    print(
        f"\n{size.counts:,} evaluations a row for counts, {size.scores:,} for scores, {size.slow:,} where slow;",
        end=" ",
    )
    print(f"{time.perf_counter() - began:.0f} s")
    broken = [row for row in found if row.broken]
    for row in broken:
        print(f"limit broken: {row.outcome}, {row.method}, n = {row.n:,}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
