"""Batches of questions: bought with a file, validated, answered some time later, their answers in files. No HTTP here.

A batch's state is computed from its record and the instant, so the clock may jump by days; its answers are computed
when it is first looked at after its end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from .book import new_id
from .faults import Faults
from .files import Files
from .refusals import Refused
from .store import Records, Store

__all__ = ["WINDOW_S", "Ask", "Batch", "Batches", "Phase"]

WINDOW_S = 24 * 3600.0
_MOST_REQUESTS = 50_000
_SHORT = 0.1
"""The share of a batch's pace that validating takes, and so do finalizing and cancelling."""

Phase = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
Ask = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""The answer to one request's body, as the wire's chat gives it. Raises `Refused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch. `takes_s`: from its creation to its end. `answered_share`: below 1 where it expires. `failure`: why
    its input was refused. `every_nth_fails`: 0 for none. `done` and `failed` count requests once it has ended.
    """

    id: str
    wire: str
    input_file: str
    endpoint: str
    created_at: float
    takes_s: float
    pace_s: float
    total: int
    model: str = ""
    metadata: Mapping[str, str] | None = None
    failure: str | None = None
    lag_s: float = 0.0
    answered_share: float = 1.0
    every_nth_fails: int = 0
    cancelled_at: float | None = None
    settled: bool = False
    done: int = 0
    failed: int = 0

    def phase(self, now: float) -> Phase:
        brief = _SHORT * self.pace_s
        if now < self.created_at + brief:
            return "validating"
        if self.failure is not None:
            return "failed"
        if self.cancelled_at is not None:
            return "cancelling" if now < self.cancelled_at + brief else "cancelled"
        if now < self.created_at + self.takes_s:
            return "in_progress"
        if now < self.created_at + self.takes_s + brief:
            return "finalizing"
        return "expired" if self.answered_share < 1 else "completed"

    def ended(self, now: float) -> bool:
        return self.phase(now) in ("failed", "completed", "expired", "cancelled")

    def listed(self, now: float) -> bool:
        """Whether lists show it yet."""
        return now >= self.created_at + self.lag_s

    @property
    def answered(self) -> int:
        """How many requests it comes to before it expires or is cancelled."""
        share = self.answered_share
        if self.cancelled_at is not None:
            share = min(share, max(0.0, (self.cancelled_at - self.created_at) / max(self.takes_s, 1e-9)))
        return int(self.total * min(share, 1.0))

    @property
    def output_file(self) -> str:
        return f"file-out-{self.id}"

    @property
    def error_file(self) -> str:
        return f"file-err-{self.id}"


class Batches:
    """Batches by id, in order of creation. `pace_s`: how long one takes."""

    def __init__(self, store: Store, files: Files, faults: Faults, now: Callable[[], float], pace_s: float) -> None:
        self._files, self._faults, self._now, self._pace_s = files, faults, now, pace_s
        self._records = Records(store, "batch", lambda body: Batch(**body), asdict)

    def create(self, wire: str, input_file: str, endpoint: str, metadata: Mapping[str, str] | None) -> Batch:
        """A new batch, met by whatever batch faults are on."""
        rows = self._files.content(input_file)
        failure, model, total = _validated(rows)
        lag, stuck, expired, failing = (
            self._faults.take("batch", name=name)
            for name in ("batch_lag", "batch_stuck", "batch_expired", "batch_rows_fail")
        )
        if self._faults.take("batch", name="batch_refused"):
            failure = "Enqueued token limit reached for this model."
        takes_s = expired.seconds if expired else self._pace_s + (stuck.seconds if stuck else 0.0)
        made = Batch(
            id=new_id("batch_"),
            wire=wire,
            input_file=input_file,
            endpoint=endpoint,
            metadata=metadata,
            created_at=self._now(),
            takes_s=takes_s,
            pace_s=self._pace_s,
            total=total,
            model=model,
            failure=failure,
            lag_s=lag.seconds if lag else 0.0,
            answered_share=float(expired.value) if expired else 1.0,
            every_nth_fails=int(failing.value) if failing else 0,
        )
        return self._records.put(made.id, made)

    def all(self, wire: str) -> list[Batch]:
        """Newest first, listed or not."""
        return [batch for batch in reversed(self._records.all()) if batch.wire == wire]

    def get(self, wire: str, id: str) -> Batch | None:
        found = self._records.get(id)
        return found if found is not None and found.wire == wire else None

    def cancel(self, id: str) -> Batch:
        now = self._now()
        return self._records.update(id, lambda batch: replace(batch, cancelled_at=batch.cancelled_at or now))

    async def settle(self, batch: Batch, ask: Ask) -> Batch:
        """Write the output and error files of a batch that has ended; once."""
        if batch.settled or batch.failure is not None or not batch.ended(self._now()):
            return batch
        rows = [json.loads(line) for line in self._files.content(batch.input_file).splitlines() if line.strip()]
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for place, row in enumerate(rows[: batch.answered], start=1):
            broken = batch.every_nth_fails and place % batch.every_nth_fails == 0
            line = _broken(row) if broken else await _answered(row, ask)
            (done if line["response"]["status_code"] == 200 else failed).append(line)
            if place % 200 == 0:
                await asyncio.sleep(0)  # the server goes on answering
        failed += _left(batch, rows[batch.answered :], batch.phase(self._now()))
        for id, lines in ((batch.output_file, done), (batch.error_file, failed)):
            if lines:
                data = "".join(json.dumps(line) + "\n" for line in lines).encode()
                self._files.add(batch.wire, f"{batch.id}.jsonl", _PURPOSES[batch.wire], data, id=id)
        missing = batch.total - len(done)
        return self._records.update(
            batch.id, lambda found: replace(found, settled=True, done=len(done), failed=missing)
        )

    def has(self, batch: Batch, file: str) -> bool:
        """Whether that output file was written: there is none without lines."""
        return batch.settled and self._files.get(batch.wire, file) is not None


_PURPOSES = {"openai": "batch_output", "together": "batch-generated"}


def _validated(data: bytes) -> tuple[str | None, str, int]:
    """(why it is refused, its one model, how many requests)."""
    seen: set[str] = set()
    models: set[str] = set()
    lines = [line for line in data.splitlines() if line.strip()]
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            custom_id, model = row["custom_id"], row["body"]["model"]
            good = isinstance(custom_id, str) and isinstance(model, str) and row["body"]["messages"]
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            return f"line {number} is no request with a custom_id and a body", "", len(lines)
        if custom_id in seen:
            return f"line {number} repeats the custom_id {custom_id}", "", len(lines)
        seen.add(custom_id)
        models.add(model)
    if len(models) != 1:
        return f"requests to {len(models)} models in one file", "", len(lines)
    if len(lines) > _MOST_REQUESTS:
        return f"{len(lines)} requests, and a batch takes {_MOST_REQUESTS}", "", len(lines)
    return None, models.pop(), len(lines)


async def _answered(row: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    try:
        status, body = 200, await ask(row["body"])
    except Refused as refused:
        status, body = refused.status, {"error": {"message": refused.message, "code": refused.code}}
    return _line(row, {"status_code": status, "request_id": new_id("req_"), "body": body}, None)


def _broken(row: Mapping[str, Any]) -> dict[str, Any]:
    body = {"error": {"message": "The server had an error while processing your request.", "code": "server_error"}}
    return _line(row, {"status_code": 500, "request_id": new_id("req_"), "body": body}, None)


def _left(batch: Batch, rows: Sequence[Mapping[str, Any]], phase: Phase) -> list[dict[str, Any]]:
    """What was never come to. OpenAI gives it lines of its own; of Together no such thing is told."""
    if batch.wire == "together":
        return []
    error = {"code": f"batch_{phase}", "message": "This request could not be executed before the batch ended."}
    return [_line(row, None, error) for row in rows]


def _line(row: Mapping[str, Any], response: Any, error: Any) -> dict[str, Any]:
    return {"id": new_id("batch_req_"), "custom_id": row["custom_id"], "response": response, "error": error}
