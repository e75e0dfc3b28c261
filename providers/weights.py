"""An archive of a tuned model's weights on its way from a platform that gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["WeightsKind", "WeightsStream"]

WeightsKind = Literal["merged", "adapter"]
"""Of a job that trained an adapter: the whole model with the adapter in it, or the adapter alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsStream:
    """`start`: which byte of the archive its first chunk begins with; `size`: bytes of the whole, None if not told.

    `mark` is the platform's name for these very bytes (an ETag): with the same mark, what is missing may be asked for
    later. `chunks` raises `ProviderError` when the connection fails on the way.
    """

    start: int
    size: int | None
    mark: str | None
    chunks: AsyncIterator[bytes]
