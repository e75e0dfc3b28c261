"""Many processes that spend from one budget at once, forked from a parent in which everything is imported already.

Arguments: the ledger's folder, how many processes, how many dollars each wants. `TUNEWRIGHT_DATABASE_URL` as ever.
Prints one line a process: what became of it.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from orchestrator.errors import BudgetRefused
from orchestrator.ledger import Ledger

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def spend(folder: Path, usd: Decimal, me: int, gate: int) -> str:
    ledger = Ledger.open(folder, os.environ)
    os.read(gate, 1)  # nothing to read: it returns for all at once, when the parent closes the other end
    try:
        ledger.budget.reserve(f"s-{me}", usd, NOW, kind="training", provider="p", account="a", sandbox=False)
    except BudgetRefused:
        return "refused"
    return "held"


def main(folder: Path, count: int, usd: Decimal) -> None:
    gate, opener = os.pipe()
    children = []
    for me in range(count):
        pid = os.fork()
        if pid == 0:
            os.close(opener)
            os.write(1, f"{spend(folder, usd, me, gate)}\n".encode())
            os._exit(0)
        children.append(pid)
    os.close(opener)
    assert not any(os.waitpid(pid, 0)[1] for pid in children)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Decimal(sys.argv[3]))
