"""Whether the rows fit each target: those longer than its model takes, and files beyond its format's limits.

Both are findings here; what is written and uploaded is refused by `converting`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from providers.contract import Dialect
from providers.dialects import breaches, encode_line
from providers.dialects.rulings import rulings_of
from providers.errors import InvalidData, Unsupported
from providers.records import FileRole

from ..dataset import Dataset
from ..dataset.collecting import Place
from ..dataset.records import Finding, Row
from ..dataset.rows import Rows
from ..dataset.rules import RULES, rule_for
from ..dataset.splitting import SIDES
from ..settings import RunSettings, Target
from .converting import limits_of
from .counting import Counted, counted
from .session import platform_named

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["estimated_bytes", "with_fit"]

_SHOWN = 5
_SAMPLE_ROWS = 200


def with_fit(dataset: Dataset, settings: RunSettings) -> Dataset:
    """The dataset with a finding for each limit of each target that it passes. It was read with their tokenizers."""
    if not len(dataset.rows):
        return dataset
    found = [finding for target in settings.to for finding in _found(dataset, target, settings)]
    if not found:
        return dataset
    counts = dict(dataset.counts)
    for finding in found:
        counts[finding.rule] = counts.get(finding.rule, 0) + 1
    return replace(dataset, findings=(*dataset.findings, *found), counts=counts)


def _found(dataset: Dataset, target: Target, settings: RunSettings) -> Iterator[Finding]:
    dialect = platform_named(target.provider).dialect_for(target.model, settings.method)
    rulings = rulings_of(dialect.name)
    for finding in (*_too_long(dataset, target, settings), *_beyond(dataset, target, dialect, settings)):
        ruling = rulings.get(finding.rule)
        yield finding if ruling is None else replace(finding, severity=ruling.severity)


def _too_long(dataset: Dataset, target: Target, settings: RunSettings) -> Iterator[Finding]:
    """One finding for each file with rows that are longer than the target takes whole."""
    told = counted(dataset, target, settings)
    if told.longest is None:
        return
    over = told.rows.whole - told.longest
    by_file: defaultdict[str, list[tuple[Place, int]]] = defaultdict(list)
    for place, tokens in _places(dataset, over):
        by_file[place.file].append((place, tokens))
    for file, rows in by_file.items():
        rows.sort()
        first, *others = [place for place, _ in rows]
        message = _over(told, str(target), [place for place, _ in rows], sum(tokens for _, tokens in rows))
        related = tuple(place.row or 0 for place in others)
        yield _finding("too-long", message, Place(file, first.row, first.unit), related)


def _places(dataset: Dataset, over: NDArray[np.integer]) -> Iterator[tuple[Place, int]]:
    """Where each row stands that is over, and by how many tokens."""
    start = 0
    for side in SIDES:
        rows = getattr(dataset.split, side)
        assert isinstance(rows, Rows)
        mine = over[start : start + len(rows)]
        for position in np.flatnonzero(mine > 0).tolist():
            yield rows.place_at(position), int(mine[position])
        start += len(rows)


def _over(told: Counted, target: str, places: Sequence[Place], lost: int) -> str:
    """What is said of the first of these rows."""
    about = "about " if told.margin else ""
    others = [str(place.row) for place in places[1 : 1 + _SHOWN]]
    more = ", …" if len(places) > 1 + _SHOWN else ""
    rows = f"and {about}{len(places) - 1:,} more rows ({', '.join(others)}{more}) have" if others else "has"
    return f"{rows} more than the {told.longest:,} tokens that {target} takes: truncation loses {about}{lost:,}"


def _beyond(dataset: Dataset, target: Target, dialect: Dialect, settings: RunSettings) -> Iterator[Finding]:
    """What its platform would refuse the files for. Their size is estimated."""
    limits = limits_of(dialect)
    known = dataset.counts.get("too-few-rows") and (limits.least_rows or 0) <= settings.policy.minimum_rows
    shares: dict[FileRole, Sequence[Row]] = {"train": dataset.split.train, "validation": dataset.split.validation}
    for role, rows in shares.items():
        if role == "validation" and not len(rows):
            continue
        size = None if limits.most_bytes is None else estimated_bytes(rows, dialect)
        for breach in breaches(limits, role, len(rows), size):
            if not (breach.reason == "too-few-rows" and known):
                about = "about " if breach.reason == "file-too-large" else ""
                message = f"the {role} file for {target} would have {about}{breach.what}"
                yield _finding(rule_for(breach.reason), message)


def estimated_bytes(rows: Sequence[Row], dialect: Dialect) -> int:
    """Bytes of the file of these rows: exact up to 200 rows, of more the mean of 200 evenly spaced ones times all.

    Rows that the format cannot hold are left out of the mean: they are refused when the file is written.
    """
    step = max(1, len(rows) // _SAMPLE_ROWS)
    sizes = [size for row in rows[::step] if (size := _line_bytes(row, dialect))]
    return sum(sizes) * len(rows) // len(sizes) if sizes else 0


def _line_bytes(row: Row, dialect: Dialect) -> int:
    try:
        return len(encode_line(dialect, row.example))
    except (InvalidData, Unsupported):
        return 0


def _finding(rule: str, message: str, place: Place | None = None, related: tuple[int, ...] = ()) -> Finding:
    told, at = RULES[rule], place or Place("")
    return Finding(rule, told.severity, message, told.fix, at.file, at.row, None, related, at.unit)
