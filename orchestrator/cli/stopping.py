"""Ending what runs until it is told to stop: SIGTERM and Ctrl-C end it in order, a second one at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import TypeVar

__all__ = ["until_told"]

T = TypeVar("T")


async def until_told(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Do `work`, which watches the event. The signals mean again what they meant before, once it is set."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def tell(_number: int, _frame: FrameType | None) -> None:
        put_back()
        loop.call_soon_threadsafe(told.set)

    for number in before:
        signal.signal(number, tell)
    try:
        return await work(told)
    finally:
        put_back()
