"""Batches of questions as every platform with a Batch API speaks them: the records that cross the seam, one line of the
input file, one line of an output file. Pure; adapters send and fetch.

A batch is bought with one request and answered within hours. Its custom ids carry our tag, so that the input file of
one intent is no other's, and its id can stand for the tag where a platform takes no mark of ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from .chat import chat_body, completion_of
from .errors import PlatformFault
from .records import Completion, Example, JsonObject, Sampling

__all__ = [
    "CUSTOM_ID_LIMIT",
    "ENDED_BATCH_STATES",
    "ENDPOINT",
    "BatchAnswer",
    "BatchLimits",
    "BatchState",
    "RemoteBatch",
    "answer_line",
    "request_line",
]

ENDPOINT = "/v1/chat/completions"
CUSTOM_ID_LIMIT = 64
"""Characters of a custom id: the least that a platform takes (docs.together.ai/docs/batch-inference, 2026-11)."""


class BatchState(StrEnum):
    """Neutral states of a batch. EXPIRED and CANCELLED ones may hold answers all the same."""

    VALIDATING = "validating"
    RUNNING = "running"
    FINALIZING = "finalizing"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


ENDED_BATCH_STATES = frozenset({BatchState.COMPLETED, BatchState.FAILED, BatchState.EXPIRED, BatchState.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """The most that one input file may hold, and how long a batch may take, as of `as_of`."""

    requests: int
    size: int
    window_h: int
    source: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBatch:
    """A batch as the platform reports it. `total`, `done`, `failed`: requests, None where it does not count them.

    An unknown status is `state=UNKNOWN` with `raw_status` as it came. `tag`: ours, where the platform keeps one.
    """

    id: str
    state: BatchState
    raw_status: str
    input_file: str | None = None
    tag: str | None = None
    output_file: str | None = None
    error_file: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    total: int | None = None
    done: int | None = None
    failed: int | None = None
    error: str | None = None
    raw: JsonObject = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Nothing more will come of it."""
        return self.state in ENDED_BATCH_STATES

    @property
    def label(self) -> str:
        """The state for people: `unknown(raw)` keeps what the platform said."""
        return f"unknown({self.raw_status})" if self.state is BatchState.UNKNOWN else self.state.value


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """What came back for one line: a completion (its `latency_s` says nothing), or why there is none."""

    custom_id: str
    completion: Completion | None = None
    error: str | None = None


def request_line(
    custom_id: str, model: str, example: Example, sampling: Sampling, *, length_field: str, routed: bool
) -> bytes:
    """One line of an input file, with its newline. `routed`: method and URL stand beside the body."""
    body = chat_body(model, example.prompt, sampling, example.tools, length_field=length_field)
    body.pop("stream", None)
    body.pop("stream_options", None)
    route: dict[str, Any] = {"method": "POST", "url": ENDPOINT} if routed else {}
    return json.dumps({"custom_id": custom_id, **route, "body": body}, ensure_ascii=False).encode() + b"\n"


def answer_line(line: str) -> BatchAnswer:
    """One line of an output or an error file. Raises `PlatformFault` for one that names no request."""
    try:
        told = json.loads(line)
    except ValueError as error:
        raise PlatformFault("a line of the batch's output is not JSON", body=line[:65_536]) from error
    if not isinstance(told, Mapping) or not isinstance(told.get("custom_id"), str):
        raise PlatformFault("a line of the batch's output names no request", body=line[:65_536])
    custom_id, response = told["custom_id"], told.get("response")
    status = response.get("status_code") if isinstance(response, Mapping) else None
    body = response.get("body") if isinstance(response, Mapping) else None
    if not isinstance(body, Mapping) or (isinstance(status, int) and status >= 400):
        return BatchAnswer(custom_id=custom_id, error=_why(told.get("error"), body, status))
    try:
        return BatchAnswer(custom_id=custom_id, completion=completion_of(body, 0.0, {}))
    except PlatformFault as error:
        return BatchAnswer(custom_id=custom_id, error=error.message)


def _why(error: object, body: object, status: object) -> str:
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    parts: Sequence[str] = ()
    for told in (error, inner):
        if isinstance(told, Mapping):
            parts = [str(told[key]) for key in ("code", "message") if told.get(key)]
        elif isinstance(told, str) and told:
            parts = [told]
        if parts:
            break
    return " ".join(": ".join(parts).split())[:500] or f"no answer (HTTP {status})"
