"""One of several processes that work on the same ledger at once. Arguments: work, folder, how many, …, which one."""

from __future__ import annotations

import resource
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import alembic.command  # noqa: F401  imported early, so that all meet at the database and not in the import

from orchestrator.errors import BudgetRefused, TunewrightError
from orchestrator.ledger import Arrival, Ledger
from providers.records import WebhookNews

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def meet(folder: Path, count: int, me: str) -> None:
    """Wait until all are here."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"here-{me}").touch()
    deadline = time.monotonic() + 30
    while len(list(folder.glob("here-*"))) < count and time.monotonic() < deadline:
        time.sleep(0.001)


def open_blank(folder: Path, me: str) -> None:
    print(len(Ledger.open(folder).runs.all()))


def reserve(folder: Path, me: str) -> None:
    """Try to hold ten dollars again and again, each time under another id."""
    ledger, held = Ledger.open(folder), 0
    for number in range(8):
        try:
            ledger.budget.reserve(
                f"{me}-{number}", Decimal(10), NOW, kind="training", provider="p", account="a", sandbox=False
            )
            held += 1
        except BudgetRefused:
            pass
    print(held)


def claim(folder: Path, me: str, *intents: str) -> None:
    """Try to win the one POST of every intent."""
    ledger = Ledger.open(folder)
    print(sum(ledger.intents.begin_create(intent, NOW) is not None for intent in intents))


def tell(folder: Path, me: str, *intents: str) -> None:
    """Try to be the one who tells of every intent's end."""
    ledger = Ledger.open(folder)
    print(sum(ledger.notices.claim(intent, NOW) for intent in intents))


def deliver(folder: Path, me: str, *jobs: str) -> None:
    """Take in the same delivery about every job."""
    ledger = Ledger.open(folder)
    news = [WebhookNews(id=f"msg_{job}", kind="ended", job_id=job) for job in jobs]
    print(sum(ledger.deliveries.arrived("openai", item, NOW) is Arrival.LOOKING for item in news))


def fill_disk(folder: Path, me: str) -> None:
    """Write until no file may grow, say how that is told, and write again once there is room."""
    ledger = Ledger.open(folder)
    room = (folder / "ledger.sqlite3-wal").stat().st_size + 60_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    written = 0
    try:
        for written in range(500):
            ledger.budget.set_cap(f"cap-{written}", Decimal(1), NOW)
    except TunewrightError as error:
        print(error, "|", error.fix)
    kept = len(ledger.budget.caps())
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ledger.budget.set_cap("after", Decimal(1), NOW)
    ledger.close()
    print(kept == written > 0, len(Ledger.open(folder).budget.caps()) == kept + 1)


if __name__ == "__main__":
    work, folder, count, *arguments, me = sys.argv[1:]
    meet(Path(folder), int(count), me)
    works = {
        "open": open_blank,
        "reserve": reserve,
        "claim": claim,
        "fill": fill_disk,
        "tell": tell,
        "deliver": deliver,
    }
    works[work](Path(folder), me, *arguments)
