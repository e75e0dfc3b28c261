"""A checked dataset as a picture: everything counted, a few first rows of each. Pure; one pass over findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ..dataset.collecting import MOST_OF_A_RULE
from ..dataset.fix_records import FixedRow
from ..dataset.fixing import FIXES
from ..dataset.records import Dataset, Dropped, Finding, SourceInfo
from ..dataset.rules import RULES
from .data_view import (
    DataPicture,
    FileView,
    FixView,
    LabelBar,
    LabelsView,
    LengthsView,
    RepeatsView,
    RuleView,
    Severity,
    Spot,
)

if TYPE_CHECKING:
    from .data_lengths import Limit, TokenCounts

__all__ = ["picture_of"]

_FIRST = 4
_MOST_FILES, _MOST_COLUMNS, _MOST_NOTES, _MOST_LABELS = 20, 20, 8, 30
_LONGEST_MESSAGE, _LONGEST_NAME = 160, 80
_GRAVEST_FIRST: Mapping[Severity, int] = {"error": 0, "warning": 1, "info": 2}
_UNITS = {"JSON Lines": "line", "JSON": "item"}
_REPEATS: Mapping[Literal["exact", "near", "contradiction", "leak"], tuple[str, ...]] = {
    "exact": ("exact-duplicate",),
    "near": ("near-duplicate",),
    "contradiction": ("contradiction",),
    "leak": ("held-out-overlap", "trained-on-before"),
}


def picture_of(
    dataset: Dataset,
    *,
    pairs: str = "",
    tokens: TokenCounts | None = None,
    limits: Sequence[Limit] = (),
    fixed: Sequence[FixedRow] | None = None,
    skipped: Sequence[str] = (),
    dropped_file: str | None = None,
) -> DataPicture:
    """The picture of one dataset.

    `pairs`: what the user gave. `tokens`: tokens of the kept rows. `limits`: of the targets; drawn only where `tokens`
    are known. `skipped`: kinds of checks that were not done, as in `Policy.skip`.
    """
    balance, one_file = dataset.split.balance, len(dataset.sources) == 1
    kept = balance["train"] + balance["validation"] + balance["test"]
    findings = _by_rule(dataset, one_file)
    return DataPicture(
        pairs=_clip(pairs or (dataset.sources[0].file if dataset.sources else "the pairs"), _LONGEST_NAME),
        usable=not any(group.severity == "error" for group in findings),
        task=dataset.task,
        sha256=dataset.sha256,
        rows_read=sum(source.rows for source in dataset.sources),
        rows_kept=kept,
        sides=(balance["train"], balance["validation"], balance["test"]),
        split_by=str(balance["by"]),
        moved=len(balance["moved"]),
        files=tuple(map(_file, dataset.sources[:_MOST_FILES])),
        more_files=max(0, len(dataset.sources) - _MOST_FILES),
        findings=findings,
        dropped=_dropped(dataset.dropped, {source.file: source.format for source in dataset.sources}, one_file),
        repeats=_repeats(findings, skipped),
        fixed=None if fixed is None else _fixes(fixed, dataset.fix_counts, one_file),
        labels=_labels(balance["labels"]) if balance["labels"] else None,
        lengths=_lengths(tokens, limits),
        dropped_file=dropped_file,
    )


def _lengths(tokens: TokenCounts | None, limits: Sequence[Limit]) -> LengthsView | None:
    if tokens is None:
        return None
    from .data_lengths import lengths_view

    return lengths_view(tokens, limits)


def _by_rule(dataset: Dataset, one_file: bool) -> tuple[RuleView, ...]:
    """The gravest first, then the most frequent. Where there is but one file, it is not named again and again."""
    counts: Counter[tuple[Severity, str]] = Counter()
    first: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in dataset.findings:
        key = (finding.severity, finding.rule)
        counts[key] += 1
        if counts[key] <= _FIRST:
            first.setdefault(key, []).append(finding)
    for key in counts:
        if counts[key] == MOST_OF_A_RULE:
            counts[key] = dataset.counts.get(key[1], counts[key])
    ordered = sorted(counts, key=lambda key: (_GRAVEST_FIRST[key[0]], -counts[key], key[1]))
    return tuple(_rule(key[1], key[0], counts[key], first[key], one_file) for key in ordered)


def _rule(rule: str, severity: Severity, count: int, first: Sequence[Finding], one_file: bool) -> RuleView:
    return RuleView(
        rule=rule,
        severity=severity,
        count=count,
        why=RULES[rule].why,
        fix=_clip(first[0].fix),
        first=tuple(_spot(_place(finding, one_file), finding.message) for finding in first),
    )


def _place(finding: Finding, one_file: bool) -> str:
    return replace(finding, file="").where if one_file else finding.where


def _dropped(dropped: Iterable[Dropped], formats: Mapping[str, str], one_file: bool) -> tuple[RuleView, ...]:
    """The most frequent first."""
    counts: Counter[str] = Counter()
    first: dict[str, list[Spot]] = {}
    for item in dropped:
        counts[item.rule] += 1
        if counts[item.rule] <= _FIRST:
            row = f"{_UNITS.get(formats.get(item.file, ''), 'row')} {item.row}"
            where = row if one_file else f"{item.file}, {row}"
            first.setdefault(item.rule, []).append(_spot(where, item.reason))
    return tuple(
        RuleView(
            rule=rule,
            severity=RULES[rule].severity,
            count=count,
            why=RULES[rule].why,
            fix=RULES[rule].fix,
            first=tuple(first[rule]),
        )
        for rule, count in counts.most_common()
    )


def _repeats(findings: Sequence[RuleView], skipped: Sequence[str]) -> tuple[RepeatsView, ...]:
    """Every kind that is looked for, with none found too: that is news."""
    views = []
    for kind, rules in _REPEATS.items():
        if f"{kind}-duplicates" not in skipped:
            groups = [group for group in findings if group.rule in rules]
            first = [spot for group in groups for spot in group.first]
            views.append(
                RepeatsView(kind=kind, rules=rules, count=sum(g.count for g in groups), first=tuple(first[:_FIRST]))
            )
    return tuple(views)


def _fixes(fixed: Iterable[FixedRow], counts: Mapping[str, int], one_file: bool) -> tuple[FixView, ...]:
    """The most frequent first."""
    first: dict[str, list[Spot]] = {}
    for one in fixed:
        rule, field, before, after = one.fixed
        spots = first.setdefault(rule, [])
        if len(spots) < _FIRST:
            where = f"row {one.row}, {field}" if one_file else f"{one.file}, row {one.row}, {field}"
            spots.append(_spot(where, f"“{before}” → “{after}”"))
    return tuple(
        FixView(rule=rule, why=FIXES[rule], count=count, first=tuple(first[rule]))
        for rule, count in Counter(counts).most_common()
    )


def _labels(sides: Mapping[str, Mapping[str, int]]) -> LabelsView:
    bars = [
        LabelBar(label=_clip(label, _LONGEST_NAME), counts=(count["train"], count["validation"], count["test"]))
        for label, count in sides.items()
    ]
    bars.sort(key=lambda bar: (-sum(bar.counts), bar.label))
    rest = bars[_MOST_LABELS:]
    return LabelsView(
        labels=len(bars),
        top=tuple(bars[:_MOST_LABELS]),
        rest_labels=len(rest),
        rest_rows=sum(sum(bar.counts) for bar in rest),
        least=rest[-1] if rest else None,
        untested=sum(bar.counts[2] == 0 for bar in bars),
    )


def _file(source: SourceInfo) -> FileView:
    return FileView(
        file=_clip(source.file),
        format=source.format,
        encoding=source.encoding,
        shape=_clip(source.shape),
        rows=source.rows,
        columns={meaning: _clip(name, _LONGEST_NAME) for meaning, name in list(source.columns.items())[:_MOST_COLUMNS]},
        notes=tuple(_clip(note) for note in source.notes[:_MOST_NOTES]),
    )


def _spot(where: str, message: str) -> Spot:
    return Spot(where=_clip(where), message=_clip(message))


def _clip(text: str, longest: int = _LONGEST_MESSAGE) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
