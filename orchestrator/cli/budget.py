"""`budget`: the caps, every reserved or billed cent with how it came about, and a person's word on a bill."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..canonical import plain
from .options import USD, limit
from .shell import Shell, command

if TYPE_CHECKING:
    from ..ledger import Bill
    from ..nouns.budget_view import BudgetView, Line, Scope, Sums

__all__ = ["budget"]

_CENT = Decimal("0.01")


@click.group()
def budget() -> None:
    """Caps in US dollars, enforced before anything is bought."""


@command()
@click.option("--month", metavar="YYYY-MM", help="Only what was reserved in that month (UTC), and its caps.")
@click.option("--provider", metavar="PLATFORM", help="Only this platform's.")
@click.option("--project", help="Only this project's.")
@click.option("--run", "run_id", metavar="RUN", help="Only this run's.")
@click.option("--csv", "file", type=click.Path(path_type=Path), help="Also write the spendings to a CSV file.")
def show(
    shell: Shell,
    month: str | None,
    provider: str | None,
    project: str | None,
    run_id: str | None,
    file: Path | None,
) -> None:
    """What may be spent, what is reserved, what was billed, and how each sum came about."""
    view = shell.call(
        lambda orchestrator: orchestrator.budget.show(month=month, provider=provider, project=project, run=run_id)
    )
    if file is not None:
        from ..nouns.budget_view import csv_text

        file.write_text(csv_text(view.lines), encoding="utf-8", newline="")
    shell.emit(view.to_json())
    if not view.caps:
        shell.out.print("no caps set: only --max-usd limits a run (tunewright budget set month 200)")
    for scope in view.scopes:
        _print_scope(shell, scope)
    for sandbox in (False, True):
        _print_lines(shell, view, sandbox)
    _print_record(shell, view.record)


def _print_scope(shell: Shell, scope: Scope) -> None:
    when = f" in {scope.month}" if scope.month and scope.scope != "month" else f" {scope.month}" if scope.month else ""
    cap = f"cap {limit(scope.cap_usd)}" if scope.cap_usd is not None else "no cap"
    left = scope.left_usd
    rest = "" if left is None else f", {limit(left)} left" if left >= 0 else f", over by {limit(-left)}"
    over = "bold red" if left is not None and left < 0 else ""
    shell.out.print(f"{scope.scope}{when}: {cap}; {_sums(scope.sums)}{rest}", style=over)


def _sums(sums: Sums) -> str:
    unknown = f", plus unknown ({sums.unknown} without a price)" if sums.unknown else ""
    return f"{limit(sums.billed_usd)} billed, {limit(sums.reserved_usd)} reserved{unknown}"


def _print_lines(shell: Shell, view: BudgetView, sandbox: bool) -> None:
    lines = [line for line in view.lines if line.spending.sandbox == sandbox]
    if not lines:
        return
    shell.out.print("sandbox, not money:" if sandbox else "spendings:", style="bold")
    for line in lines:
        _print_line(shell, line)
    shell.out.print(f"  in all: {_sums(view.total(sandbox=sandbox))}")


def _print_line(shell: Shell, line: Line) -> None:
    item = line.spending
    known = "unknown" if item.unknown and not item.usd else limit(item.usd)
    more = " plus unknown" if item.unknown and item.usd else ""
    quoted = "" if item.state == "reserved" or item.quoted_usd is None else f" of {limit(item.quoted_usd)} held"
    bought = f", {line.job}" if line.job else ""
    project = f", project {item.project}" if item.project else ""
    shell.out.print(
        f"  {item.at:%Y-%m-%d %H:%M}  {item.kind:<10} {item.state:<8} {known}{more}{quoted}  {item.provider}, "
        f"run {item.run_id or '-'}{project}{bought}"
    )
    shell.out.print(f"    {item.id}: {item.basis or 'how it came about was not kept'}", style="dim")
    if line.to_do:
        shell.out.print(f"    to do: {line.to_do}", style="yellow")


def _print_record(shell: Shell, record: tuple[Bill, ...]) -> None:
    """Quotes against bills, platform by platform."""
    kinds = dict.fromkeys((bill.provider, bill.sandbox) for bill in record)
    for provider, sandbox in kinds:
        bills = [bill for bill in record if (bill.provider, bill.sandbox) == (provider, sandbox)]
        ratios = [bill.ratio for bill in bills if bill.ratio is not None]
        if ratios:
            low = min(ratios).quantize(_CENT, rounding=ROUND_FLOOR)
            high = max(ratios).quantize(_CENT, rounding=ROUND_CEILING)
            where = f"{provider}{' (sandbox)' if sandbox else ''}"
            jobs = f"{len(ratios)} job{'' if len(ratios) == 1 else 's'}"
            shell.out.print(f"record of {where}: {jobs} billed {low} to {high} of the quoted middle")


@command("set")
@click.argument("scope")
@click.argument("usd", type=USD, required=False)
@click.option("--none", "nothing", is_flag=True, help="Remove the cap.")
def set_cap(shell: Shell, scope: str, usd: Decimal | None, nothing: bool) -> None:
    """Set the cap of SCOPE (run, month, provider:NAME, project, project:NAME) to USD.

    A month is a calendar month in UTC. A project's cap holds for all time; `project` alone is this project.
    """
    if (usd is None) != nothing:
        raise click.UsageError("give an amount, or --none to remove the cap")
    shell.call(lambda orchestrator: orchestrator.budget.set(scope, usd))
    shell.emit({"scope": scope, "usd": None if usd is None else str(usd)})
    shell.out.print(f"cap {scope}: {limit(usd) if usd is not None else 'removed'}")


@command()
@click.argument("spending")
@click.argument("usd", type=USD)
def settle(shell: Shell, spending: str, usd: Decimal) -> None:
    """Your word that SPENDING cost USD, where the platform tells no bill. `budget show` lists what waits for one."""
    item = shell.call(lambda orchestrator: orchestrator.budget.settle(spending, usd))
    shell.emit({"spending": plain(item)})
    shell.out.print(f"{item.id}: {limit(item.usd)} by your word")


budget.add_command(show)
budget.add_command(set_cap)
budget.add_command(settle)
