"""`check` and `prepare`: what the pairs are, before any money is near."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ExitCode, UsageError
from .options import PAIRS, gather, reading, targets
from .shell import Shell, command

if TYPE_CHECKING:
    from ..dataset.records import Dataset, Finding

__all__ = ["check", "prepare", "print_sources"]

_SHOWN = 5
_STYLE = {"error": "bold red", "warning": "yellow", "info": "dim"}


@command()
@click.argument("pairs", type=click.Path(path_type=Path), required=False)
@reading
@targets
@click.option("--method", type=click.Choice(["sft", "dpo"]), default="sft", help="What --as-is judges for.")
@click.option("--as-is", is_flag=True, help="Judge the bytes as they would be uploaded to --to.")
@click.option("--explain", metavar="RULE", help="Why a rule exists and how to fix what it finds.")
def check(shell: Shell, pairs: Path | None, explain: str | None, as_is: bool, method: str, **given: Any) -> None:
    """Check PAIRS row by row: every finding with rule, row, field and fix. Exit 3 when they would be refused.

    Plain `check` judges what can be read and converted; --as-is judges the file itself, for one platform.
    """
    if explain:
        _explain(shell, explain)
        return
    if pairs is None:
        raise UsageError("name the file with the pairs", fix="tunewright check PAIRS, or --explain RULE")
    if as_is:
        findings = shell.call(lambda orchestrator: orchestrator.check_as_is(pairs, method=method, **gather(given)))
        shell.emit({"findings": [finding.to_json() for finding in findings]})
    else:
        dataset = shell.call(lambda orchestrator: orchestrator.check(pairs, **gather(given)))
        findings = dataset.findings
        shell.emit(dataset.to_json())
        print_sources(shell, dataset)
    _print_findings(shell, findings)
    if any(finding.severity == "error" for finding in findings):
        raise SystemExit(int(ExitCode.DATA_REFUSED))


def _explain(shell: Shell, name: str) -> None:
    from ..dataset import explain

    rule = explain(name)
    shell.emit({"rule": rule.id, "severity": rule.severity, "why": rule.why, "fix": rule.fix})
    shell.out.print(f"{rule.id} ({rule.severity})\n  why: {rule.why}\n  fix: {rule.fix}")


def print_sources(shell: Shell, dataset: Dataset) -> None:
    """What was recognised, what is left, how it is split."""
    for source in dataset.sources:
        shell.out.print(f"{source.file}: {source.format}, {source.encoding}, {source.shape}, {source.rows} rows")
        for note in source.notes:
            shell.out.print(f"  {note}", style="dim")
    dropped = Counter(item.rule for item in dataset.dropped)
    kept = f"{len(dataset.rows)} rows kept"
    if dropped:
        kept += ", dropped: " + ", ".join(f"{count} {rule}" for rule, count in dropped.most_common())
    split = dataset.split
    shares = f"{len(split.train)} train, {len(split.validation)} validation, {len(split.test)} held out"
    shell.out.print(f"{kept}\n{shares} · answers are {dataset.task}")


def _print_findings(shell: Shell, found: Sequence[Finding]) -> None:
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in found:
        groups[(finding.severity, finding.rule)].append(finding)
    order = {"error": 0, "warning": 1, "info": 2}
    for (severity, rule), findings in sorted(groups.items(), key=lambda item: order[item[0][0]]):
        shell.out.print(f"\n{severity}: {rule} ({len(findings)})", style=_STYLE[severity])
        for finding in findings[:_SHOWN]:
            where = f"{finding.where}: " if finding.where else ""
            shell.out.print(f"  {where}{finding.message}")
        if len(findings) > _SHOWN:
            shell.out.print(f"  … and {len(findings) - _SHOWN} more (--json lists all)", style="dim")
        shell.out.print(f"  fix: {findings[0].fix}", style="dim")
    if not found:
        shell.out.print("nothing to complain about")


@command()
@PAIRS
@reading
@targets
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder to write into.")
def prepare(shell: Shell, pairs: Path, out: Path, **given: Any) -> None:
    """Clean, split and convert PAIRS into OUT/PLATFORM/, with the held-out rows in OUT/test.jsonl."""
    dataset, files = shell.call(lambda orchestrator: orchestrator.prepare(pairs, out, **gather(given)))
    listed = {
        name: [{"path": str(f.path), "role": f.role, "rows": f.rows, "bytes": f.size, "sha256": f.sha256} for f in made]
        for name, made in files.items()
    }
    shell.emit({**dataset.to_json(), "files": listed, "test": str(out / "test.jsonl")})
    print_sources(shell, dataset)
    for name, made in files.items():
        for file in made:
            shell.out.print(f"{name} {file.role}: {file.path} ({file.rows} rows, {file.size:,} bytes)")
    shell.out.print(f"held out: {out / 'test.jsonl'} ({len(dataset.split.test)} rows, never uploaded)")
