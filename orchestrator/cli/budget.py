"""`budget`: the caps, and every reserved or spent cent."""

from __future__ import annotations

from decimal import Decimal

import click

from ..canonical import plain
from .options import USD, limit, money
from .shell import Shell, command

__all__ = ["budget"]


@click.group()
def budget() -> None:
    """Caps in US dollars, enforced before anything is bought."""


@command()
def show(shell: Shell) -> None:
    """What may be spent, what is reserved and what was billed."""
    view = shell.call(lambda orchestrator: orchestrator.budget.show())
    shell.emit(
        {
            "caps": plain(view.caps),
            "month": view.month,
            "used_usd": str(view.used()),
            "spendings": [plain(item) for item in view.spendings],
        }
    )
    for scope, usd in sorted(view.caps.items()):
        shell.out.print(f"cap {scope}: {limit(usd)}")
    if not view.caps:
        shell.out.print("no caps set: only --max-usd limits a run (tunewright budget set month 200)")
    shell.out.print(f"{view.month}: {money(view.used())} spent or reserved")
    for item in view.spendings:
        where = " (sandbox, not money)" if item.sandbox else ""
        shell.out.print(
            f"  {item.at:%Y-%m-%d %H:%M}  {item.kind:<10} {item.state:<8} {money(item.usd):>10}"
            f"  {item.provider}  run {item.run_id or '-'}{where}"
        )


@command("set")
@click.argument("scope")
@click.argument("usd", type=USD, required=False)
@click.option("--none", "nothing", is_flag=True, help="Remove the cap.")
def set_cap(shell: Shell, scope: str, usd: Decimal | None, nothing: bool) -> None:
    """Set the cap of SCOPE (run, month, provider:NAME) to USD."""
    if (usd is None) != nothing:
        raise click.UsageError("give an amount, or --none to remove the cap")
    shell.call(lambda orchestrator: orchestrator.budget.set(scope, usd))
    shell.emit({"scope": scope, "usd": None if usd is None else str(usd)})
    shell.out.print(f"cap {scope}: {limit(usd) if usd is not None else 'removed'}")


budget.add_command(show)
budget.add_command(set_cap)
