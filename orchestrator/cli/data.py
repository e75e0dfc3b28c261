"""`check` and `prepare`: what the pairs are, before any money is near."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..errors import ExitCode, UsageError
from .options import PAIRS, by_method, gather, reading, targets
from .shell import Shell, command

if TYPE_CHECKING:
    from ..dataset.fix_records import FixedRow
    from ..dataset.records import Dataset, Finding

__all__ = ["check", "prepare", "print_sources"]

_SHOWN, _SHOWN_FIXES = 5, 2
_SIDES = {"train": "train", "validation": "validation", "test": "held out"}
_STYLE = {"error": "bold red", "warning": "yellow", "info": "dim"}


@command()
@click.argument("pairs", type=click.Path(path_type=Path), required=False)
@reading
@targets
@by_method
@click.option("--as-is", is_flag=True, help="Judge the bytes as they would be uploaded to --to.")
@click.option("--format", metavar="NAME", help="For --as-is: judge them as this file format, as in docs/formats.md.")
@click.option("--explain", metavar="RULE", help="Why a rule exists and how to fix what it finds.")
@click.option("--page", type=click.Path(path_type=Path), help="Write the picture of the data as one HTML page.")
def check(
    shell: Shell,
    pairs: Path | None,
    explain: str | None,
    as_is: bool,
    format: str | None,
    page: Path | None,
    **given: Any,
) -> None:
    """Check PAIRS row by row: every finding with rule, row, field and fix. Exit 3 when they would be refused.

    Plain `check` judges what can be read and converted, for all of --to; --as-is judges the file itself, for one.
    """
    if explain:
        _explain(shell, explain)
        return
    if pairs is None:
        raise UsageError("name the file with the pairs", fix="tunewright check PAIRS, or --explain RULE")
    if as_is and page:
        raise UsageError("--page shows what can be read, not --as-is", fix="leave one of the two out")
    if format and not as_is:
        raise UsageError("--format says what --as-is judges for", fix="add --as-is, or --to PLATFORM:MODEL instead")
    judged = _as_is(shell, pairs, format, given) if as_is else _as_read(shell, pairs, page, given)
    _print_findings(shell, judged)
    if page:
        shell.out.print(f"\npage: {page}")
    _print_verdict(shell, judged)


class _Judged(NamedTuple):
    """`counts`: rule → how often it was met. `one_file`: then its name need not stand before every row.

    `stops`: what errors stop. `taken`: what there is to say where there are none. `hint`: what may have been meant.
    """

    findings: Sequence[Finding]
    counts: Mapping[str, int]
    one_file: bool
    stops: str = "run and prepare will not go on"
    taken: str = ""
    hint: str = ""


def _as_is(shell: Shell, pairs: Path, format: str | None, given: dict[str, Any]) -> _Judged:
    findings = shell.call(lambda orchestrator: orchestrator.check_as_is(pairs, format=format, **gather(given)))
    shell.emit({"findings": [finding.to_json() for finding in findings]})
    hint = _print_heading(shell, pairs, format, given)
    taken = "no error found: it would be taken" if findings else "nothing found: it would be taken"
    return _Judged(findings, {}, given["validation"] is None, "as it is, the file would not be taken", taken, hint)


def _print_heading(shell: Shell, pairs: Path, format: str | None, given: dict[str, Any]) -> str:
    """Which file was judged as what. What else may have been meant is answered, for the end."""
    from ..pipeline.judging import hint_of_method, judged_as

    chosen = shell.orchestrator().settings(pairs, **gather(given))
    target = f" for {chosen.target}" if given["to"] or format is None else ""
    shell.out.print(f"{pairs}, judged as {judged_as(chosen, format)}{target}:")
    return hint_of_method(chosen) if format is None else ""


def _as_read(shell: Shell, pairs: Path, page: Path | None, given: dict[str, Any]) -> _Judged:
    dataset = shell.call(lambda orchestrator: orchestrator.check(pairs, page=page, **gather(given)))
    shell.emit({**dataset.to_json(), "page": str(page) if page else None, **_map(given["redact"])})
    print_sources(shell, dataset)
    _print_redacted(shell, dataset, given["redact"])
    return _Judged(dataset.findings, dataset.counts, len(dataset.sources) == 1)


def _explain(shell: Shell, name: str) -> None:
    from ..dataset import explain

    rule, rulings = explain(name), _rulings(name)
    shell.emit({"rule": rule.id, "severity": rule.severity, "why": rule.why, "fix": rule.fix, "rulings": rulings})
    shell.out.print(f"{rule.id} ({rule.severity})\n  why: {rule.why}\n  fix: {rule.fix}")
    _print_rulings(shell, rule.severity, rulings)


def _print_rulings(shell: Shell, usual: str, rulings: list[dict[str, str]]) -> None:
    if not rulings:
        shell.out.print("  severity: the same for every platform and method, as far as is known")
        return
    shell.out.print(f"  severity: {usual}, but")
    alike: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for ruling in rulings:
        alike[ruling["severity"], ruling["source"], ruling["as_of"]].append(ruling["title"])
    for (severity, source, as_of), titles in alike.items():
        shell.out.print(f"    {severity} for {'; '.join(titles)}")
        shell.out.print(f"      {source} (checked {as_of})", style="dim")


def _rulings(rule: str) -> list[dict[str, str]]:
    """The formats whose platforms judge otherwise: a format is a platform's file for one method."""
    from providers.dialects import format_of
    from providers.dialects.rulings import rulings_on

    return [
        {
            "format": name,
            "title": format_of(name).title,
            "severity": ruling.severity,
            "source": ruling.source,
            "as_of": ruling.as_of.isoformat(),
        }
        for name, ruling in rulings_on(rule).items()
    ]


def print_sources(shell: Shell, dataset: Dataset) -> None:
    """What was recognised, what is left, how it is split."""
    for source in dataset.sources:
        shell.out.print(f"{source.file}: {source.format}, {source.encoding}, {source.shape}, {source.rows:,} rows")
        for note in source.notes:
            shell.out.print(f"  {note}", style="dim")
    split = dataset.split
    shares = f"{len(split.train):,} train, {len(split.validation):,} validation, {len(split.test):,} held out"
    shell.out.print(f"{len(dataset.rows):,} rows kept: {shares} · answers are {dataset.task}")
    _print_split(shell, split.balance)
    dropped = Counter(item.rule for item in dataset.dropped)
    if dropped:
        shell.out.print(f"{dropped.total():,} dropped:")
    for rule, count in dropped.most_common():
        shell.out.print(f"  {count:>9,}  {rule}")


def _map(path: Path | None) -> dict[str, str | None]:
    return {"redaction_map": str(path) if path else None}


def _print_split(shell: Shell, balance: Mapping[str, Any]) -> None:
    """What decided the sides, where the user named a column for it."""
    if balance["by"] == "time":
        shell.out.print("  split by time, the latest rows held out:")
        for side, times in balance["times"].items():
            if times is not None:
                first, last = (time.removesuffix("Z").replace("T", " ").removesuffix(" 00:00:00") for time in times)
                shell.out.print(f"    {_SIDES[side]:<10}  {first} to {last} (UTC)")
    if balance["by"] == "group":
        told = {side: balance["groups"][side] for side in _SIDES}
        alone = f"; {balance['groups']['none']:,} rows without one go by their input" * bool(balance["groups"]["none"])
        sides = ", ".join(f"{count:,} {_SIDES[side]}" for side, count in told.items())
        shell.out.print(f"  split by group: {sum(told.values()):,} groups, {sides}{alone}")


def _print_redacted(shell: Shell, dataset: Dataset, path: Path | None) -> None:
    """How many values were replaced, and where they can be read."""
    if path is None:
        return
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in dataset.redacted.items())
    shell.out.print(
        f"redacted, each value counted once: {kinds}" if kinds else "redacted: nothing, no such value was found"
    )
    shell.out.print(f"  the map: {path} (for you alone, never uploaded)")


def _print_findings(shell: Shell, judged: _Judged) -> None:
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in judged.findings:
        groups[(finding.severity, finding.rule)].append(finding)
    order = {"error": 0, "warning": 1, "info": 2}
    for (severity, rule), findings in sorted(groups.items(), key=lambda item: order[item[0][0]]):
        count = max(len(findings), judged.counts.get(rule, 0))
        shell.out.print(f"\n{severity}: {rule} ({count:,})", style=_STYLE[severity])
        for finding in findings[:_SHOWN]:
            place = replace(finding, file="") if judged.one_file else finding
            shell.out.print(f"  {place.where}: {finding.message}" if place.where else f"  {finding.message}")
        if count > _SHOWN:
            shell.out.print(f"  … and {count - _SHOWN:,} more (--json lists {len(findings):,})", style="dim")
        shell.out.print(f"  fix: {findings[0].fix}", style="dim")
    if not judged.findings and not judged.taken:
        shell.out.print("nothing to complain about")


def _print_verdict(shell: Shell, judged: _Judged) -> None:
    """The last word, and the exit code where it is no."""
    errors = list(dict.fromkeys(finding.rule for finding in judged.findings if finding.severity == "error"))
    if errors:
        rules = "1 rule" if len(errors) == 1 else f"{len(errors)} rules"
        what = f"refused: {rules} must be mended first ({', '.join(errors)}); {judged.stops}"
        shell.out.print(f"\n{what}", style="bold red")
        if judged.hint:
            shell.out.print(f"  hint: {judged.hint}")
        raise SystemExit(int(ExitCode.DATA_REFUSED))
    if judged.taken:
        shell.out.print(f"\n{judged.taken}")


@command()
@PAIRS
@reading
@targets
@by_method
@click.option("--format", "formats", multiple=True, metavar="NAME", help="A file format; several, or beside --to.")
@click.option("--fix", is_flag=True, default=None, help="Apply safe fixes, which change no meaning; each is listed.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder to write into.")
def prepare(shell: Shell, pairs: Path, out: Path, **given: Any) -> None:
    """Clean, split and convert PAIRS into OUT/PLATFORM/ or OUT/FORMAT/, with the held-out rows in OUT/test.jsonl.

    Formats: openai-chat, bedrock-nova, gemini, llama-factory, trl-chat and more; docs/formats.md says what each holds.
    """
    dataset, files = shell.call(lambda orchestrator: orchestrator.prepare(pairs, out, **gather(given)))
    listed = {
        name: [{"path": str(f.path), "role": f.role, "rows": f.rows, "bytes": f.size, "sha256": f.sha256} for f in made]
        for name, made in files.items()
    }
    beside = {"test": out / "test.jsonl", "dropped_file": out / "dropped.jsonl", "page": out / "data.html"}
    shell.emit(
        {
            **dataset.to_json(),
            "files": listed,
            **{name: str(path) for name, path in beside.items()},
            **_map(given["redact"]),
        }
    )
    print_sources(shell, dataset)
    _print_redacted(shell, dataset, given["redact"])
    _print_warned(shell, dataset)
    if given["fix"]:
        _print_fixes(shell, dataset)
    for name, made in files.items():
        for file in made:
            shell.out.print(f"{name} {file.role}: {file.path} ({file.rows} rows, {file.size:,} bytes)")
    shell.out.print(f"held out: {beside['test']} ({len(dataset.split.test)} rows, never uploaded)")
    shell.out.print(f"dropped:  {beside['dropped_file']} ({len(dataset.dropped)} rows, each with its reason)")
    shell.out.print(f"page:     {beside['page']}")


def _print_warned(shell: Shell, dataset: Dataset) -> None:
    from ..pipeline.warned import warnings_text

    if warned := warnings_text(dataset):
        shell.out.print(warned, style="yellow")


def _print_fixes(shell: Shell, dataset: Dataset) -> None:
    """The safe fixes by kind, the most frequent first, with the first rows of each."""
    from ..dataset.fixing import FIXES

    kinds: defaultdict[str, list[FixedRow]] = defaultdict(list)
    for row in dataset.fixed:
        kinds[row.fixed.rule].append(row)
    shell.out.print("fixed:" if kinds else "fixed: nothing, there was nothing to fix")
    for rule, count in Counter(dataset.fix_counts).most_common():
        shell.out.print(f"  {count:>9,}  {rule}: {FIXES[rule]}")
        for row in kinds[rule][:_SHOWN_FIXES]:
            file = f"{row.file}, " if len(dataset.sources) > 1 else ""
            change = f"“{row.fixed.before}” → “{row.fixed.after}”"
            shell.out.print(f"             {file}row {row.row}, {row.fixed.field}: {change}", style="dim")
