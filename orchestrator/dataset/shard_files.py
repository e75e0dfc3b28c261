"""The scan of a shard as a file: columns of numbers and a JSON text, no pickle, so that reading one runs no code."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import Answers
from .collecting import Collector
from .fix_records import Fixed, FixedRow
from .lengths import Lengths
from .records import Dropped, Finding, Policy
from .scanning import Scan
from .table import COLUMNS, RowTable

__all__ = ["read_scan", "write_scan"]


def write_scan(scan: Scan, path: Path) -> None:
    """All of it or nothing. Raises `OSError`."""
    columns: dict[str, NDArray[Any]] = {name: getattr(scan.table, name) for name in COLUMNS}
    for name, lengths in scan.table.lengths.items():
        columns[f"usual {name}"], columns[f"odd {name}"] = lengths.usual, lengths.odd
    columns["told"] = np.frombuffer(json.dumps(_told(scan)).encode(), np.uint8)
    draft = path.with_suffix(f".{os.getpid()}.part.npz")
    try:
        np.savez(draft, **columns)  # type: ignore[arg-type]  # names are only known here
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _told(scan: Scan) -> dict[str, Any]:
    answers, collector = scan.answers, scan.collector
    return {
        "answers": [answers.total, answers.numbers, answers.jsons, answers.labels],
        "findings": [finding.to_json() for finding in collector.findings],
        "dropped": [dropped.to_json() for dropped in collector.dropped],
        "counts": collector.counts,
        "fix_counts": collector.fix_counts,
        "fixed": [(fixed.row, fixed.file, fixed.fixed) for fixed in collector.fixed],
        "roles": {name: lengths.answer_role for name, lengths in scan.table.lengths.items()},
        "rows": scan.rows,
        "names": scan.names,
        "tally": scan.tally,
    }


def read_scan(path: Path) -> Scan:
    """The scan back. Raises `OSError`, or `ValueError` for what is no such file."""
    with np.load(path, allow_pickle=False) as kept:
        told = json.loads(kept["told"].tobytes())
        lengths = {
            name: Lengths(kept[f"usual {name}"], kept[f"odd {name}"], role) for name, role in told["roles"].items()
        }
        table = RowTable(**{name: kept[name] for name in COLUMNS}, lengths=lengths)
    total, numbers, jsons, labels = told["answers"]
    collector = Collector(
        Policy(),
        [Finding(**{**finding, "related": tuple(finding["related"])}) for finding in told["findings"]],
        [Dropped(**dropped) for dropped in told["dropped"]],
        Counter(told["counts"]),
        [FixedRow(row, file, Fixed(*fixed)) for row, file, fixed in told["fixed"]],
        Counter(told["fix_counts"]),
    )
    answers = Answers(total, numbers, jsons, None if labels is None else Counter(labels))
    return Scan(table, answers, collector, told["rows"], tuple(told["names"]), Counter(told["tally"]))
