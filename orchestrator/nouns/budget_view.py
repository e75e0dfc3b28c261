"""The budget explained: each cap with what was billed and reserved under it, and every spending with how it came about.

Pure, from rows of the ledger. Sums are exact: the parts that are listed add up to the totals to the last digit. A part
that nobody can price yet is counted as unknown beside a sum, never in it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..canonical import plain
from ..ledger import UNRESOLVED, UNSENT, Bill, Intent, IntentState, LeaseRow, LeaseStage, Spending
from ..ledger.caps import counts
from ..ledger.spending import exact_sum

__all__ = ["BudgetView", "Line", "Scope", "Sums", "csv_text", "line_of", "scopes_of", "sums_of"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A spreadsheet takes what starts so for a formula."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What some spendings come to. `unknown`: how many of them have no known price, which are in neither sum."""

    billed_usd: Decimal
    reserved_usd: Decimal
    unknown: int

    @property
    def usd(self) -> Decimal:
        """Billed and reserved."""
        return exact_sum((self.billed_usd, self.reserved_usd))


@dataclass(frozen=True, slots=True)
class Scope:
    """A cap (None: there is none) and what counts against it. `month` where it is the cap of a month."""

    scope: str
    month: str | None
    cap_usd: Decimal | None
    sums: Sums

    @property
    def left_usd(self) -> Decimal | None:
        """What may still be reserved; below zero where bills came out higher than what was held for them."""
        return None if self.cap_usd is None else exact_sum((self.cap_usd, -self.sums.usd))


@dataclass(frozen=True, slots=True)
class Line:
    """One spending, the platform's id of what it bought, and what has to be done before it is settled."""

    spending: Spending
    job: str | None
    to_do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetView:
    """Caps by scope, and the spendings that were asked for, newest first. Sandbox spending counts against no cap."""

    caps: Mapping[str, Decimal]
    month: str
    project: str
    scopes: tuple[Scope, ...] = ()
    lines: tuple[Line, ...] = ()
    everything: tuple[Spending, ...] = ()
    record: tuple[Bill, ...] = ()

    @property
    def spendings(self) -> tuple[Spending, ...]:
        """Those that were asked for."""
        return tuple(line.spending for line in self.lines)

    def used(self, *, sandbox: bool = False) -> Decimal:
        """Reserved and settled dollars of this month."""
        return exact_sum(i.usd for i in self.everything if i.month == self.month and i.sandbox == sandbox)

    def total(self, *, sandbox: bool = False) -> Sums:
        """What the listed spendings come to."""
        return sums_of(item for item in self.spendings if item.sandbox == sandbox)

    def to_json(self) -> dict[str, Any]:
        """The document of `tunewright budget show --json`."""
        return {
            "caps": plain(self.caps),
            "month": self.month,
            "project": self.project,
            "used_usd": str(self.used()),
            "scopes": [{**plain(scope), "left_usd": plain(scope.left_usd)} for scope in self.scopes],
            "total": plain(self.total()),
            "sandbox_total": plain(self.total(sandbox=True)),
            "spendings": [
                {**plain(line.spending), "unknown": line.spending.unknown, "job": line.job, "to_do": line.to_do}
                for line in self.lines
            ],
            "record": [{**plain(bill), "ratio": plain(bill.ratio)} for bill in self.record],
        }


def sums_of(items: Iterable[Spending]) -> Sums:
    """Billed, reserved, and how many are unknown."""
    items = list(items)
    return Sums(
        billed_usd=exact_sum(item.billed_usd for item in items),
        reserved_usd=exact_sum(item.reserved_usd for item in items),
        unknown=sum(item.unknown for item in items),
    )


def scopes_of(
    caps: Mapping[str, Decimal], everything: Iterable[Spending], *, month: str, project: str, run_id: str | None = None
) -> tuple[Scope, ...]:
    """The run that is asked after, the month, each platform, each project: those with a cap or with spending."""
    everything = list(everything)
    real = [item for item in everything if not item.sandbox]
    found = {*caps, "month", f"project:{project}"} - {"run"}
    found |= {f"provider:{item.provider}" for item in real if item.month == month}
    found |= {f"project:{item.project}" for item in real if item.project}
    names = [*(["run"] if run_id else []), *sorted(found, key=_order)]
    return tuple(
        Scope(
            scope=name,
            month=None if name == "run" or name.startswith("project:") else month,
            cap_usd=caps.get(name),
            sums=sums_of(item for item in everything if counts(name, item, month=month, run_id=run_id)),
        )
        for name in names
    )


def _order(scope: str) -> tuple[int, str]:
    return ("month", "provider", "project").index(scope.partition(":")[0]), scope


def line_of(item: Spending, intent: Intent | None, lease: LeaseRow | None) -> Line:
    """The spending with what it bought. `intent`, `lease`: what its id names, where there is such a thing."""
    job = intent.job_id if intent else lease.remote_id if lease else None
    return Line(item, job, _to_do(item, intent, lease) if item.state == "reserved" else "")


def _to_do(item: Spending, intent: Intent | None, lease: LeaseRow | None) -> str:
    settle = f"tunewright budget settle {item.id} USD, once you know the bill"
    if lease is not None and lease.stage is not LeaseStage.STOPPED:
        return f"settled when it is stopped: tunewright leases stop {lease.id}"
    if item.kind in ("evaluation", "judging"):
        return f"tunewright evaluate {item.run_id or 'RUN'} goes on; if no price is known: {settle}"
    if intent is None or intent.state is IntentState.ENDED:
        return f"the platform tells no bill: {settle}"
    if intent.state in UNRESOLVED:
        return "tunewright jobs recover"
    if intent.state in UNSENT:
        return f"nothing was sent: the same command goes on, or tunewright budget settle {item.id} 0 frees it"
    return f"settled when the job ends: tunewright watch {item.run_id or ''}".rstrip()


def csv_text(lines: Iterable[Line]) -> str:
    """One row a spending. No cell of text can be taken for a formula by a spreadsheet."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)  # ends lines with CR LF, as RFC 4180 has it, and so quotes either inside a cell
    names = ("id", "at", "month", "kind", "state", "provider", "account", "project", "run_id", "sandbox")
    writer.writerow([*names, "job", "quoted_usd", "reserved_usd", "billed_usd", "unknown", "basis", "to_do"])
    for line in lines:
        item = line.spending
        told = [_cell(plain(getattr(item, name))) for name in names]
        money = [_amount(usd) for usd in (item.quoted_usd, item.reserved_usd, item.billed_usd)]
        writer.writerow([*told, _cell(line.job), *money, item.unknown, _cell(item.basis), _cell(line.to_do)])
    return out.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _amount(usd: Decimal | None) -> str:
    return "" if usd is None else f"{usd:f}"
