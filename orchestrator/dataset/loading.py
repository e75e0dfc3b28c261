"""Pairs in, a checked and split dataset out: the one place that runs readers, rules and split in their order."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import DataRefused, UsageError
from .answers import Task, label_counts, task_of
from .collecting import Collector
from .comparing import count_rows, drop_leaks, settle_repeats
from .gathering import files_of
from .label_rules import label_problems
from .normal import canonical
from .reading import Entry, Loaded, read_file
from .records import Columns, Dataset, Finding, Policy, Row, Split
from .splitting import Given, Sides, label_balance, split

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
) -> Dataset:
    """The dataset in `path`: a file, a folder of files, or a pattern such as `data/*.jsonl`.

    `test` and `validation` (likewise) replace the shares that would be split off.

    Raises `UsageError` for a wrong file or column, `PairsRefused` (a `DataRefused`) where a finding is an error.
    """
    dataset = check(path, columns=columns, policy=policy, test=test, validation=validation)
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
) -> Dataset:
    """Like `load`, but what would be refused is a finding of severity "error". Raises `UsageError`."""
    given = (("pairs", path), ("test", test), ("validation", validation))
    files = {role: files_of(Path(file)) for role, file in given if file is not None}
    _must_differ(files, path)
    collector = Collector(policy)
    loaded: list[Loaded] = []
    shares: dict[str, list[Entry]] = {}
    for role, parts in files.items():
        chosen = columns if role == "pairs" else replace(columns, group=None)
        read = [read_file(part, chosen, collector) for part in parts]
        loaded += read
        shares[role] = settle_repeats([entry for one in read for entry in one.entries], collector)
    task = task_of([entry.row.example.answer for share in shares.values() for entry in share])
    sides = _sides(shares, Given(test is not None, validation is not None), task, collector)
    return _dataset(sides, loaded, task, collector)


def _must_differ(files: dict[str, tuple[Path, ...]], path: Path) -> None:
    given = [file.resolve() for parts in files.values() for file in parts]
    if len(set(given)) < len(given):
        raise UsageError("the same file is given twice", where=str(path), fix="the held-out rows must be other rows")


def _sides(shares: dict[str, list[Entry]], given: Given, task: Task, collector: Collector) -> Sides:
    """Split, add the given files, and take what leaks out of the side that learns from it."""
    sides = split(shares["pairs"], given, task == "labels", collector.policy.minimum_rows)
    test = shares.get("test", sides.test)
    validation = drop_leaks(shares.get("validation", sides.validation), test, collector, "the test set")
    train = drop_leaks(sides.train, test, collector, "the test set")
    train = drop_leaks(train, validation, collector, "the validation set")
    return Sides(train, validation, test, sides.moved)


def _dataset(sides: Sides, loaded: list[Loaded], task: Task, collector: Collector) -> Dataset:
    kept = [*sides.train, *sides.validation, *sides.test]
    _judge_whole(sides, kept, loaded, task, collector)
    order = {one.info.file: place for place, one in enumerate(loaded)}
    rows = sorted((entry.row for entry in kept), key=lambda row: (order[row.file], row.number))
    shares = Split(_rows(sides.train), _rows(sides.validation), _rows(sides.test), _balance(sides, task))
    return Dataset(
        tuple(rows),
        tuple(collector.dropped),
        tuple(collector.findings),
        tuple(one.info for one in loaded),
        shares,
        _sha256(shares),
        task,
    )


def _judge_whole(sides: Sides, kept: list[Entry], loaded: list[Loaded], task: Task, collector: Collector) -> None:
    if not kept and any(finding.rule == "empty-file" for finding in collector.findings):
        return
    count_rows(len(kept), len(sides.train), (entry.answer for entry in kept), collector)
    if kept and not sides.test:
        collector.whole("nothing-held-out", "no row is left to compare base and tuned model on")
    if any(entry.row.example.rejected for entry in kept):
        collector.whole("preference-rows", "the rows hold a rejected answer each")
    if any(one.layout and one.layout.kind == "text" for one in loaded):
        collector.whole("plain-text", "the rows are plain text without an input")
    if task == "labels":
        for problem in label_problems(label_counts(entry.row.example.answer for entry in kept)):
            collector.whole(problem.rule, problem.message)
    if task == "labels" and sides.test:
        tested = {entry.row.example.answer.strip() for entry in sides.test}
        missing = sorted({entry.row.example.answer.strip() for entry in kept} - tested)
        if missing:
            collector.whole("label-not-in-test", f"no test row for: {', '.join(missing[:10])}"[:300])


def _rows(entries: Iterable[Entry]) -> tuple[Row, ...]:
    return tuple([entry.row for entry in entries])


def _balance(sides: Sides, task: Task) -> dict[str, Any]:
    shares = {"train": sides.train, "validation": sides.validation, "test": sides.test}
    total = sum(map(len, shares.values()))
    by_group = any(entry.row.group for share in shares.values() for entry in share)
    return {
        **{side: len(share) for side, share in shares.items()},
        "shares": {side: round(len(share) / total, 4) if total else 0.0 for side, share in shares.items()},
        "by": "group" if by_group else "input",
        "moved": sides.moved,
        "labels": label_balance(shares) if task == "labels" else None,
    }


def _sha256(shares: Split) -> str:
    """Names the rows and their sides: each row's exact content with its length, in order, under its side."""
    digest = sha256(b"tunewright dataset 1\n")
    for side in ("train", "validation", "test"):
        digest.update(f"{side}\n".encode())
        for row in getattr(shares, side):
            content = canonical(row.example)
            digest.update(b"%d %b\n" % (len(content), content))
            if row.group is not None or row.accept:
                digest.update(json.dumps([row.group, row.accept]).encode() + b"\n")
    return digest.hexdigest()


def _refusal(what: str, where: str, fix: str, findings: tuple[Finding, ...]) -> PairsRefused:
    return PairsRefused(what, where=where, fix=fix, findings=findings)
