"""The one retry policy, for idempotent calls only. A paid create is never wrapped in it; a test asserts so.

The adapter decides what is worth repeating, the server's own hint wins over our spacing, and a total time bounds it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from providers.contract import Provider
from providers.errors import ProviderError, Unreachable

from .desk import Desk

__all__ = ["patiently"]

T = TypeVar("T")
_log = logging.getLogger(__name__)
_SPACING = wait_random_exponential(multiplier=0.5, max=60)


async def patiently(
    desk: Desk,
    provider: Provider,
    call: Callable[[], Awaitable[T]],
    *,
    patience_s: float | None = None,
    outage_s: float = 0.0,
) -> T:
    """Await `call()`, repeating it while the adapter calls the failure passing. Raises the last `ProviderError`.

    `patience_s`: how long, by default the desk's. `outage_s`: how long, where longer, while no connection can be made
    at all. A server that asks for a longer pause than is left is not waited for.
    """
    bound_s = desk.patience_s if patience_s is None else patience_s

    def left_s(state: RetryCallState) -> float:
        # Time slept counts as asked for, not as measured: an injected clock sleeps in no time, a laptop for hours.
        total_s = max(bound_s, outage_s) if _out(_failure(state)) else bound_s
        return total_s - max(state.idle_for, state.seconds_since_start or 0.0)

    def hint_s(state: RetryCallState) -> float | None:
        return provider.decide(_failure(state)).after_s

    def wait_s(state: RetryCallState) -> float:
        hint = hint_s(state)
        return max(min(_SPACING(state), left_s(state)) if hint is None else hint, 0.0)

    def over(state: RetryCallState) -> bool:
        return left_s(state) <= 0 or (hint_s(state) or 0.0) > left_s(state)

    def told(state: RetryCallState) -> None:
        pause_s = state.next_action.sleep if state.next_action else 0.0
        _log.debug("retry in %.1f s after %s", pause_s, _failure(state))
        desk.say("retrying", f"{_failure(state)}; trying again in {pause_s:.0f} s", wait_s=pause_s)

    policy = AsyncRetrying(
        retry=retry_if_exception(lambda error: _worth_repeating(provider, error)),
        wait=wait_s,
        stop=over,
        sleep=desk.clock.sleep,
        before_sleep=told,
        reraise=True,
    )

    async def attempt() -> T:
        return await call()

    return await policy(attempt)


def _worth_repeating(provider: Provider, error: BaseException) -> bool:
    return isinstance(error, ProviderError) and provider.decide(error).kind != "no"


def _out(error: Exception) -> bool:
    """Whether the platform cannot be reached at all; a single request that goes wrong is no outage."""
    return isinstance(error, Unreachable) and error.nothing_created


def _failure(state: RetryCallState) -> Exception:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Exception) else RuntimeError("no failure to look at")
