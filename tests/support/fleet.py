"""Thousands of jobs at one platform: real HTTP on loopback in OpenAI's wire, each job a function of the time.

The sandbox trains each of its jobs; here nothing is trained, so that a machine can hold ten thousand. Lists are paged
a hundred at a time, newest first, as there. Every request is counted by what it asks for.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa

from orchestrator.canonical import intent_id, tag_of
from orchestrator.ledger import Ledger, Progress, schema
from orchestrator.ledger.claims import watch_from
from orchestrator.ledger.codec import dump
from orchestrator.ledger.engine import writing
from orchestrator.ledger.history import iso
from providers.contract import Connection, Secret
from providers.records import Hyperparameters, Method, Plan

__all__ = ["PROVIDER", "Fleet", "Job", "connection", "fill", "serving"]

PROVIDER = "openai"
MODEL = "gpt-4.1-mini-2025-04-14"
PAGE = 100
_MOST_EVENTS = 5


def connection(url: str) -> Connection:
    """How an adapter reaches a fleet."""
    return Connection(api_key=Secret("sk-fleet"), base_url=url)


@dataclass(frozen=True, slots=True)
class Job:
    """Runs from `began` to `ends` (Unix seconds) and tells a step every `step_s` seconds, until `silent_from`."""

    id: str
    began: float
    ends: float
    step_s: float = 300.0
    silent_from: float = float("inf")
    word: str | None = None

    def status(self, now: float) -> str:
        if self.word is not None:
            return self.word
        return "succeeded" if now >= self.ends else "running"

    def body(self, now: float) -> dict[str, Any]:
        over = self.status(now) == "succeeded"
        return {
            "id": self.id,
            "object": "fine_tuning.job",
            "model": MODEL,
            "created_at": int(self.began),
            "finished_at": int(self.ends) if over else None,
            "organization_id": "org-fleet",
            "status": self.status(now),
            "training_file": "file-1",
            "validation_file": None,
            "result_files": [],
            "fine_tuned_model": f"ft:{self.id}" if over else None,
            "trained_tokens": 1000 if over else None,
            "estimated_finish": None,
            "error": {},
            "seed": 7,
            "hyperparameters": {"n_epochs": 2},
            "metadata": {},
        }

    def events(self, now: float) -> list[dict[str, Any]]:
        """Newest first."""
        until = min(now, self.ends, self.silent_from)
        steps = max(int((until - self.began) / self.step_s), 0)
        return [self._event(step) for step in range(steps, max(steps - _MOST_EVENTS, 0), -1)]

    def _event(self, step: int) -> dict[str, Any]:
        return {
            "id": f"ev-{self.id}-{step}",
            "object": "fine_tuning.job.event",
            "created_at": int(self.began + step * self.step_s),
            "level": "info",
            "message": f"Step {step}: training loss={1 / (step + 1):.3f}",
            "type": "metrics",
            "data": {"step": step, "train_loss": 1 / (step + 1)},
        }


@dataclass
class Fleet:
    """The platform's side. `now`: its clock. `out`: every request gets a 503. `delay_s`: before an answer."""

    jobs: Sequence[Job]
    now: Callable[[], float]
    asked: Counter[str] = field(default_factory=Counter)
    url: str = ""
    out: bool = False
    delay_s: float = 0.0
    _by_id: dict[str, Job] = field(default_factory=dict)
    _newest: list[Job] = field(default_factory=list)
    _place: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_id = {job.id: job for job in self.jobs}
        self._newest = sorted(self.jobs, key=lambda job: job.began, reverse=True)
        self._place = {job.id: place for place, job in enumerate(self._newest)}

    def answer(self, target: str) -> tuple[int, dict[str, Any]]:
        url, query = urlsplit(target), parse_qs(urlsplit(target).query)
        parts = url.path.removeprefix("/v1/fine_tuning/jobs").strip("/").split("/")
        kind = "list" if parts == [""] else "job" if len(parts) == 1 else parts[-1]
        self.asked[kind] += 1
        if self.out:
            return 503, {"error": {"message": "out"}}
        if kind == "list":
            return 200, self._page(query)
        job = self._by_id.get(parts[0])
        if job is None:
            return 404, {"error": {"message": "no such job", "code": "not_found"}}
        if kind == "job":
            return 200, job.body(self.now())
        return 200, _listing(job.events(self.now()) if kind == "events" else [])

    def _page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        start = self._place[query["after"][0]] + 1 if "after" in query else 0
        now = self.now()
        return {
            **_listing([job.body(now) for job in self._newest[start : start + PAGE]]),
            "has_more": start + PAGE < len(self._newest),
        }


def _listing(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": items, "has_more": False}


@contextmanager
def serving(fleet: Fleet) -> Iterator[Fleet]:
    """Serve on loopback, in a thread of its own."""
    loop, ready, talks = asyncio.new_event_loop(), threading.Event(), set[asyncio.StreamWriter]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(writer)
        try:
            while line := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                status, body = fleet.answer(line.split()[1].decode())
                data = json.dumps(body).encode()
                head = f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
                await asyncio.sleep(fleet.delay_s)
                writer.write(head.encode() + data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            talks.discard(writer)
            writer.close()

    async def start() -> asyncio.Server:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        fleet.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        return server

    async def end(server: asyncio.Server) -> None:
        server.close()
        for writer in list(talks):
            writer.close()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    def run() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(end(server))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield fleet
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def fill(ledger: Ledger, jobs: Sequence[Job], now: datetime, *, account: str, seen_s: float | None = None) -> None:
    """The ledger as it is after buying all these jobs, each due now, in one transaction.

    `seen_s`: they have been watched before, and events and curve were last read up to that many seconds ago.
    """
    rows = [_row(job, account) for job in jobs]
    with writing(ledger._engine) as connection:
        connection.execute(schema.intent.insert(), rows)
        watch_from(connection, [(row["id"], row["provider"], account) for row in rows], now)
        if seen_s is not None:
            named = schema.watched.c.intent_id == sa.bindparam("named")
            statement = schema.watched.update().where(named).values(progress=sa.bindparam("seen"))
            spread = [now - timedelta(seconds=seen_s * place / len(rows)) for place in range(len(rows))]
            seen = [dump(Progress(status="running", read_at=at)) for at in spread]
            connection.execute(statement, [{"named": r["id"], "seen": s} for r, s in zip(rows, seen, strict=True)])


def _row(job: Job, account: str) -> dict[str, Any]:
    plan = _plan(job, account)
    name, sent_at = intent_id(plan), iso(datetime.fromtimestamp(job.began, UTC))
    return {
        "id": name,
        "provider": plan.provider,
        "account": account,
        "tag": tag_of(name),
        "plan": dump(plan),
        "state": "created",
        "attempt": 1,
        "sent_at": sent_at,
        "empty_looks": 0,
        "job_id": job.id,
        "job_state": "running",
        "job_status": job.status(job.began),
        "sandbox": False,
        "created_at": sent_at,
        "updated_at": sent_at,
    }


def _plan(job: Job, account: str) -> Plan:
    return Plan(
        provider=PROVIDER,
        account=account,
        model=MODEL,
        method=Method.SFT,
        hyperparameters=Hyperparameters(epochs=2, seed=7),
        train_sha256=sha256(job.id.encode()).hexdigest(),
        validation_sha256=None,
    )
