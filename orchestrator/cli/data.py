"""`check`, `prepare` and `advise`: what the pairs are, before any money is near."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ExitCode, UsageError
from .options import PAIRS, gather, reading, targets
from .shell import Shell, command, option
from .text import plain_text

if TYPE_CHECKING:
    from ..costing import Advice
    from ..dataset.records import Dataset, Finding

__all__ = ["advise", "check", "prepare"]

_SHOWN = 5
_STYLE = {"error": "bold red", "warning": "yellow", "info": "dim"}


@command()
@click.argument("pairs", type=click.Path(path_type=Path), required=False)
@reading
@click.option("--explain", metavar="RULE", help="Why a rule exists and how to fix what it finds.")
def check(shell: Shell, pairs: Path | None, explain: str | None, **given: Any) -> None:
    """Check PAIRS row by row: every finding with rule, row, field and fix. Exit 3 when they would be refused."""
    if explain:
        _explain(shell, explain)
        return
    if pairs is None:
        raise UsageError("name the file with the pairs", fix="tunewright check PAIRS, or --explain RULE")
    dataset = shell.call(lambda orchestrator: orchestrator.check(pairs, **gather(given)))
    shell.emit(dataset.to_json())
    print_sources(shell, dataset)
    _print_findings(shell, dataset)
    if dataset.errors:
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
            shell.out.print(f"  {plain_text(note)}", style="dim")
    dropped = Counter(item.rule for item in dataset.dropped)
    kept = f"{len(dataset.rows)} rows kept"
    if dropped:
        kept += ", dropped: " + ", ".join(f"{count} {rule}" for rule, count in dropped.most_common())
    split = dataset.split
    shares = f"{len(split.train)} train, {len(split.validation)} validation, {len(split.test)} held out"
    shell.out.print(f"{kept}\n{shares} · answers are {dataset.task}")


def _print_findings(shell: Shell, dataset: Dataset) -> None:
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in dataset.findings:
        groups[(finding.severity, finding.rule)].append(finding)
    order = {"error": 0, "warning": 1, "info": 2}
    for (severity, rule), findings in sorted(groups.items(), key=lambda item: order[item[0][0]]):
        shell.out.print(f"\n{severity}: {rule} ({len(findings)})", style=_STYLE[severity])
        for finding in findings[:_SHOWN]:
            shell.out.print(f"  {plain_text(finding.where)}: {plain_text(finding.message)}")
        if len(findings) > _SHOWN:
            shell.out.print(f"  … and {len(findings) - _SHOWN} more (--json lists all)", style="dim")
        shell.out.print(f"  fix: {findings[0].fix}", style="dim")
    if not dataset.findings:
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


_YES_NO = click.Choice(["yes", "no"])


@command()
@click.argument("pairs", type=click.Path(path_type=Path), required=False)
@reading
@option("--domain-expertise", type=_YES_NO, help="Is domain expertise critical?")
@option("--production", type=_YES_NO, help="Is it for a production system?")
@option("--expected-improvement", type=float, help="The improvement you expect, in per cent.")
@option("--real-time", type=_YES_NO, help="Must it know what changed today?")
@option("--situation", help="The kind of use; `advise --json` lists them.")
@option("--domain", help="The domain; `advise --json` lists them.")
@option("--maintenance-planned", type=_YES_NO, help="Is retraining every 3 to 6 months planned for?")
@option("--general-check", type=_YES_NO, help="Will similar and general tasks be tested too?")
def advise(shell: Shell, pairs: Path | None, **given: Any) -> None:
    """Should you fine-tune at all? The five questions, answered from PAIRS where they can be, asked where not."""
    from ..costing import AdviceInput

    answers = AdviceInput(
        domain_expertise=_truth(given.pop("domain_expertise")),
        production=_truth(given.pop("production")),
        real_time=_truth(given.pop("real_time")),
        maintenance_planned=_truth(given.pop("maintenance_planned")),
        general_check=_truth(given.pop("general_check")),
        expected_improvement=_share(given.pop("expected_improvement")),
        situation=given.pop("situation"),
        domain=given.pop("domain"),
    )
    options = gather(given)
    advice = shell.call(lambda orchestrator: orchestrator.advise(pairs, answers, **options))
    shell.emit(advice.to_json())
    print_advice(shell, advice)


def _truth(text: str | None) -> bool | None:
    return None if text is None else text == "yes"


def _share(per_cent: float | None) -> Decimal | None:
    return None if per_cent is None else Decimal(str(per_cent)) / 100


def print_advice(shell: Shell, advice: Advice) -> None:
    """The outcome, why, the five questions and mistakes, and what is still to be asked."""
    provisional = " (provisional: answer the questions below)" if advice.provisional else ""
    shell.out.print(f"advice: {advice.outcome}{provisional}", style="bold")
    for reason in advice.reasons:
        shell.out.print(f"  {reason}")
    shell.out.print("\nthe five questions", style="bold")
    for answer in advice.answers:
        said = {True: "yes", False: "no", None: "?"}[answer.yes]
        shell.out.print(f"  {said:>3}  {answer.text}" + (f" ({answer.detail})" if answer.detail else ""))
    shell.out.print("\nthe five mistakes", style="bold")
    for mistake in advice.mistakes:
        shell.out.print(f"  {mistake.status:>7}  {mistake.title}: {mistake.detail}")
        if mistake.status != "ok":
            shell.out.print(f"           {mistake.advice}", style="dim")
    if advice.questions:
        shell.out.print("\nstill to answer", style="bold")
        for question in advice.questions:
            shell.out.print(f"  {question.flag:<24} {question.text}")
