"""Pairs in, a checked and split dataset out: each file opened and scanned, then all rows assembled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataRefused, UsageError
from .assembling import Assembly
from .collecting import Collector
from .gathering import files_of
from .making import Treatment
from .reading import Opened, open_part
from .records import Columns, Dataset, Finding, Policy
from .scanning import Scan
from .shards import scan_part

if TYPE_CHECKING:
    from .redacting import Redactor
    from .sensitive import Detector

__all__ = ["PairsRefused", "check", "load"]

_RECOGNISED, _USUAL = Columns(), Policy()


class PairsRefused(DataRefused):
    """The pairs cannot be used as they are; `findings` says all of why."""

    def __init__(self, what: str, *, where: str = "", fix: str = "", findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(what, where=where, fix=fix)
        self.findings = findings

    def __reduce__(self) -> tuple[object, ...]:
        return (_refusal, (self.what, self.where, self.fix, self.findings))


def load(
    path: Path,
    *,
    columns: Columns = _RECOGNISED,
    policy: Policy = _USUAL,
    test: Path | None = None,
    validation: Path | None = None,
    tokenizers: Sequence[str] = (),
    redactor: Redactor | None = None,
    detectors: Sequence[Detector] = (),
) -> Dataset:
    """The dataset in `path`: a file, a folder of files, or a pattern such as `data/*.jsonl`.

    `test` and `validation` (likewise) replace the shares that would be split off. `tokenizers`: names of
    `providers.tokenizers` to count rows with on the way, for `Dataset.lengths`. `redactor`: replaces what is sensitive;
    its map is saved by the caller. `detectors`: find sensitive data beside the patterns.

    Raises `UsageError` for a wrong file or column, `PairsRefused` (a `DataRefused`) where a finding is an error.
    """
    dataset = check(
        path,
        columns=columns,
        policy=policy,
        test=test,
        validation=validation,
        tokenizers=tokenizers,
        redactor=redactor,
        detectors=detectors,
    )
    errors = dataset.errors
    if not errors:
        return dataset
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    where = first.where or str(path)
    raise PairsRefused(f"{first.message}{more}", where=where, fix=first.fix, findings=dataset.findings)


def check(
    path: Path,
    *,
    columns: Columns = _RECOGNISED,
    policy: Policy = _USUAL,
    test: Path | None = None,
    validation: Path | None = None,
    tokenizers: Sequence[str] = (),
    redactor: Redactor | None = None,
    detectors: Sequence[Detector] = (),
) -> Dataset:
    """Like `load`, but what would be refused is a finding of severity "error". Raises `UsageError`."""
    given = (("pairs", path), ("test", test), ("validation", validation))
    if columns.group and columns.time:
        what = "the rows are split by group or by time, not by both"
        raise UsageError(what, where="--time", fix="leave out --group or --time")
    files = {role: files_of(Path(file)) for role, file in given if file is not None}
    _must_differ(files, path)
    collector, treatment = Collector(policy), Treatment(policy.fix, redactor, tuple(detectors))
    opened: list[Opened] = []
    scans: list[Scan] = []
    ends: dict[str, int] = {}
    for role, parts in files.items():
        chosen = columns if role == "pairs" else replace(columns, group=None, time=None)
        for file in parts:
            part = open_part(file, chosen, treatment)
            scan = scan_part(part, policy, tuple(tokenizers))
            collector.extend(scan.collector)
            part.judge(scan, collector)
            opened.append(part)
            scans.append(scan)
        ends[role] = sum(len(scan.table) for scan in scans)
    return Assembly(opened, scans, ends, collector).dataset()


def _must_differ(files: dict[str, tuple[Path, ...]], path: Path) -> None:
    given = [file.resolve() for parts in files.values() for file in parts]
    if len(set(given)) < len(given):
        raise UsageError("the same file is given twice", where=str(path), fix="the held-out rows must be other rows")


def _refusal(what: str, where: str, fix: str, findings: tuple[Finding, ...]) -> PairsRefused:
    return PairsRefused(what, where=where, fix=fix, findings=findings)
