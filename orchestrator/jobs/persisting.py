"""Patience with a long transfer: as long as each try gets further than the one before, it is tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from providers.contract import Provider
from providers.errors import ProviderError

from .desk import Desk
from .patience import patiently

__all__ = ["while_it_gets_on"]

T = TypeVar("T")


async def while_it_gets_on(
    desk: Desk, provider: Provider, call: Callable[[], Awaitable[T]], so_far: Callable[[], Awaitable[int]]
) -> T:
    """`patiently`, begun again whenever `so_far()` has grown: hours of transfer outlast any patience with one call.

    Raises the last `ProviderError` once a whole patience has brought nothing more.
    """
    while True:
        before = await so_far()
        try:
            return await patiently(desk, provider, call)
        except ProviderError as error:
            if provider.decide(error).kind == "no" or await so_far() <= before:
                raise
            desk.say("retrying", f"{error}; going on with what is missing")
