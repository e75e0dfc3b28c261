"""What must hold at every moment, read from the database files and the platform's own book, past all of our code."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from .platform import Book

__all__ = ["Watchman"]

PLANNED, APPROVED, UPLOADED, CREATING = "planned", "approved", "uploaded", "creating"
IN_DOUBT, NEEDS_HUMAN, CREATED, ENDED = "in_doubt", "needs_human", "created", "ended"
UNSENT, UNRESOLVED = {PLANNED, APPROVED, UPLOADED}, {CREATING, IN_DOUBT, NEEDS_HUMAN}
TERMINAL = {"succeeded", "failed", "cancelled", "blocked", "gone"}
MAY_BILL = {"starting", "in_doubt", "needs_human", "serving", "stopping"}

_INTENT = {
    "planned": ({None}, PLANNED),
    "approved": (UNSENT, None),
    "uploaded": ({APPROVED}, UPLOADED),
    "creating": ({UPLOADED}, CREATING),
    "in_doubt": ({CREATING}, IN_DOUBT),
    "looked": ({CREATING, IN_DOUBT}, None),
    "needs_human": (UNSENT | {CREATING, IN_DOUBT}, NEEDS_HUMAN),
    "refused": ({CREATING, IN_DOUBT}, UPLOADED),
    "proved_absent": ({CREATING, IN_DOUBT}, UPLOADED),
    "created": (UNSENT | UNRESOLVED, CREATED),
    "adopted": (UNSENT | UNRESOLVED, CREATED),
    "resolved": (UNRESOLVED, None),
    "job": ({CREATED, ENDED}, None),
    "stuck": ({CREATED}, None),
    "unstuck": ({CREATED, ENDED}, None),
}
"""History entry → the states in which it may happen, and the one it leads to; None: it depends, or stays."""

_SENT = {"starting", "in_doubt", "needs_human"}
_OPEN = {"wanted", "serving", "stopping"} | _SENT
_LEASE = {
    "wanted": ({None}, "wanted"),
    "starting": ({"wanted"}, "starting"),
    "refused": (_SENT, "wanted"),
    "in_doubt": ({"starting"}, "in_doubt"),
    "needs_human": (_SENT, "needs_human"),
    "looked": (_SENT, None),
    "serving": (_SENT, "serving"),
    "adopted": (_SENT, "serving"),
    "serving_unwanted": (_OPEN | {"stopped"}, "stopping"),
    "adopted_unwanted": (_OPEN | {"stopped"}, "stopping"),
    "found_unwanted": (_OPEN, "stopping"),
    "stopping": ({"serving"}, "stopping"),
    "unwanted": (_OPEN, None),
    "teardown": (_OPEN, None),
    "not_stopped": (_OPEN, None),
    "unsent": ({"wanted"}, "stopped"),
    "stopped": (_OPEN, "stopped"),
    "proved_absent": (_SENT, "stopped"),
}


class Watchman:
    """Looks at one directory's ledger file after every step, and remembers what must never change again."""

    def __init__(self, directory: str, path: Path, book: Book) -> None:
        self.directory, self._book = directory, book
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._seen_events = 0
        self._states: dict[str, str | None] = {}
        self._attempts: dict[str, int] = {}
        self._final: dict[str, tuple[str, str]] = {}

    def close(self) -> None:
        self._db.close()

    def rows(self, table: str) -> list[sqlite3.Row]:
        return self._db.execute(f"SELECT * FROM {table}").fetchall()

    def look(self) -> None:
        """Every promise, now."""
        assert self._book.wrong == [], "; ".join(self._book.wrong)
        intents, leases = self.rows("intent"), self.rows("lease")
        spendings = {row["id"]: row for row in self.rows("spending")}
        self._read_history()
        for row in intents:
            self._look_at_intent(row, spendings.get(f"training:{row['id']}"))
        for row in leases:
            assert self._states[f"lease:{row['id']}"] == row["state"], dict(row)
            self._look_at_lease(row, spendings.get(f"lease:{row['id']}"))
        self._look_for_machines({row["tag"]: row for row in leases})

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _look_at_intent(self, row: sqlite3.Row, spending: sqlite3.Row | None) -> None:
        assert self._states[f"intent:{row['id']}"] == row["state"], dict(row)
        assert self._attempts.get(row["id"], 0) == row["attempt"]
        if row["state"] in UNRESOLVED | {CREATED}:
            assert spending is not None
            assert spending["state"] in ("reserved", "settled"), f"{row['state']}, and its money is free"
        if row["job_id"] is not None:
            assert self._book.job(row["job_id"]).tag == row["tag"], "adopted a job of somebody else"
        if row["state"] == ENDED:
            now = (row["job_id"], row["job_state"])
            assert self._final.setdefault(row["id"], now) == now, "what had ended has changed"

    # ── leases ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _look_at_lease(self, row: sqlite3.Row, spending: sqlite3.Row | None) -> None:
        assert spending is not None
        if row["state"] != "stopped":
            assert spending["state"] == "reserved", f"{row['state']}, and its money is {spending['state']}"
        if row["remote_id"] is not None:
            (machine,) = [item for item in self._book.machines if item.id == row["remote_id"]]
            assert machine.tag == row["tag"]
        assert row["deadline"] is not None
        assert row["idle_timeout_s"]

    def _look_for_machines(self, leases: dict[str, sqlite3.Row]) -> None:
        now = self._book.clock.now()
        for machine in self._book.machines:
            if machine.directory == self.directory and machine.billing(now):
                assert leases[machine.tag]["state"] in MAY_BILL, "a machine bills, and no row says so"

    def left_behind(self, living: set[str]) -> set[str]:
        """Machines of a known id that are past their deadline, or that nobody uses any more."""
        now = self._book.clock.now()
        return {
            row["remote_id"]
            for row in self.rows("lease")
            if row["owner"] not in living or datetime.fromisoformat(row["deadline"]) <= now
        }

    def none_bills(self, machines: set[str]) -> None:
        """What a sweep found left behind has ended."""
        now = self._book.clock.now()
        assert not [item.id for item in self._book.machines if item.id in machines and item.billing(now)]

    # ── money ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def after_a_reservation(self) -> None:
        """What was just reserved fits into every cap, together with all that is spent or reserved."""
        caps = {row["scope"]: Decimal(row["usd"]) for row in self.rows("cap")}
        month = f"{self._book.clock.now():%Y-%m}"
        used = sum((Decimal(row["usd"]) for row in self.rows("spending") if row["month"] == month), Decimal(0))
        for scope in ("month", "provider:fake"):
            assert used <= caps.get(scope, used), f"{used} reserved and spent, and the cap of {scope} is {caps[scope]}"

    # ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read_history(self) -> None:
        """Every state is where its own history leads, step by step."""
        for row in self._db.execute("SELECT * FROM event WHERE id > ? ORDER BY id", (self._seen_events,)).fetchall():
            self._seen_events = row["id"]
            family = row["subject"].partition(":")[0]
            if family in ("intent", "lease"):
                self._step(row["subject"], family, row["kind"], json.loads(row["data"]))

    def _step(self, subject: str, family: str, kind: str, data: dict[str, Any]) -> None:
        rules: Any = _INTENT if family == "intent" else _LEASE
        before = self._states.get(subject)
        sources, target = rules[kind]
        assert before in sources, f"{kind} of {subject} while {before}"
        if kind == "creating":
            name = subject.partition(":")[2]
            self._attempts[name] = self._attempts.get(name, 0) + 1
            assert data["attempt"] == self._attempts[name]
        self._states[subject] = target or _depends(kind, before, data)


def _depends(kind: str, before: str | None, data: dict[str, Any]) -> str | None:
    if kind == "approved":
        return APPROVED if before == PLANNED else before
    if kind == "resolved":
        return CREATED if "job" in data else UPLOADED
    if kind == "job":
        return ENDED if data["state"] in TERMINAL else CREATED
    return before
