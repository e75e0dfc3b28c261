"""Downloading what a Together job has made: a merged model, an adapter, or a whole model; or the rest of one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import together
from together import omit

from ..errors import PlatformFault, Unsupported
from ..records import JsonObject
from ..weights import WeightsKind, WeightsStream
from ..wire import integer

Checkpoint = Literal["merged", "adapter", "model_output_path"]

__all__ = ["as_stream", "checkpoint_of", "request"]

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def checkpoint_of(job: JsonObject, kind: WeightsKind | None) -> Checkpoint:
    """What the platform calls it. A fully trained model has one form; an adapter's is merged unless asked otherwise.

    Raises `Unsupported` for a form that the job has not.
    """
    training = job.get("training_type")
    full = isinstance(training, Mapping) and training.get("type") == "Full"
    if full and kind is not None:
        raise Unsupported(
            f"job {job.get('id')} trained all weights, so there is no {kind} form of them", fix="leave --weights out"
        )
    return "model_output_path" if full else kind or "merged"


def request(
    client: together.AsyncTogether, job_id: str, checkpoint: Checkpoint, step: int | None, start: int, mark: str | None
) -> AbstractAsyncContextManager[Any]:
    """The request for the archive from byte `start` on; a step, where given, decides for itself what is meant."""
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    if start and mark:
        headers["If-Range"] = mark
    return client.fine_tuning.with_streaming_response.content(
        ft_id=job_id,
        checkpoint=checkpoint,
        checkpoint_step=step or omit,
        extra_headers=headers,
    )


def as_stream(response: Any, chunks: AsyncIterator[bytes]) -> WeightsStream:
    """What came back: all of it, or from some byte on. Raises `PlatformFault` for a range that makes no sense."""
    headers, start, size = response.headers, 0, integer(response.headers.get("content-length"))
    if response.status_code == 206:
        told = _RANGE.fullmatch(str(headers.get("content-range", "")))
        if told is None:
            raise PlatformFault("part of an archive came without saying which part")
        start, size = int(told[1]), integer(told[2])
    return WeightsStream(start=start, size=size, mark=headers.get("etag"), chunks=chunks)
