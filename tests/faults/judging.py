"""What came of a case: the platform's own book against what the ledger says of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

from orchestrator.home import FILE_NAME

from .cases import Case
from .renting import USED
from .stage import Book, Machine

__all__ = ["Judgement", "judge"]

_ROUNDED = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Judgement:
    """`double`: a wish that took effect more than once, or bills on. `lost`: one that took none. `wrong_id`: the ledger
    does not hold the id of what it bought. `wrong_money`: what it holds or says was billed cannot be."""

    double: bool
    lost: bool
    wrong_id: bool
    wrong_money: bool
    ledger: tuple[Any, ...]

    @property
    def bad(self) -> bool:
        return self.double or self.lost or self.wrong_id or self.wrong_money


def judge(case: Case, book: Book, home: Path, ended: bool) -> Judgement:
    """Hold the book against the ledger in `home`."""
    return _of_a_job(case, book, home, ended) if case.what != "leases" else _of_leases(book, home, ended)


def _of_a_job(case: Case, book: Book, home: Path, ended: bool) -> Judgement:
    """One intent, one job, its id, and one sum held, or billed where it went on to the bill."""
    recorded = [row[0] for row in _rows(home, "select job_id from intent")]
    held = [row[0] for row in _rows(home, "select state from spending")]
    return Judgement(
        double=len(book.jobs) > 1,
        lost=not book.jobs or not ended,
        wrong_id=len(recorded) != 1 or recorded[0] not in book.jobs,
        wrong_money=held != ["settled" if case.scene.to_the_bill else "reserved"],
        ledger=(*recorded, *held),
    )


def _of_leases(book: Book, home: Path, ended: bool) -> Judgement:
    """Never two machines under one tag at once, none at the end; each known by its endpoint; no bill too low."""
    leases = _rows(home, "select id, tag, remote_id, state from lease")
    spendings = _rows(home, "select state, usd from spending")
    known = {(tag, remote_id) for _, tag, remote_id, _ in leases}
    told_usd = sum((Decimal(usd) for _, usd in spendings), Decimal(0))
    lowest_usd = book.bill_usd - _ROUNDED * len(leases)
    return Judgement(
        double=_at_once(book.machines) or any(machine.ended is None for machine in book.machines),
        lost=not ended or not (home / USED).exists(),
        wrong_id=any((machine.tag, machine.endpoint) not in known for machine in book.machines),
        wrong_money=told_usd < lowest_usd or any(state == "reserved" for state, _ in spendings),
        ledger=(*leases, *spendings),
    )


def _at_once(machines: Sequence[Machine]) -> bool:
    """Whether two machines of one tag ever ran side by side."""
    mine = [pair for pair in combinations(machines, 2) if pair[0].tag == pair[1].tag]
    return any(_until(one) > other.began and _until(other) > one.began for one, other in mine)


def _until(machine: Machine) -> float:
    return float("inf") if machine.ended is None else machine.ended


def _rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    database = sqlite3.connect(home / FILE_NAME)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()
