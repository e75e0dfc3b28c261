"""The one retry policy, for idempotent calls only. A paid create is never wrapped in it; a test asserts so.

The adapter decides what is worth repeating, the server's own hint wins over our spacing, a total time bounds it, and
every repetition is paid from the account's retry budget (`line.py`), so that an outage is not multiplied.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from providers.contract import Provider
from providers.errors import ProviderError, RateLimited, Unreachable
from providers.records import Decision

from .desk import PATIENCE_S, Desk
from .line import Line, line_of

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
    admit: Callable[[], Awaitable[None]] | None = None,
    line: Line | None = None,
) -> T:
    """Await `call()`, repeating it while the adapter calls the failure passing. Raises the last `ProviderError`.

    `patience_s`: how long, by default the desk's. `outage_s`: how long, where longer, while no connection can be made,
    the whole account is out, or the server itself says how long to wait; a longer pause than is left is not waited for.
    `admit` is awaited before every attempt, and its time is not counted. `line`: the account's, where it is at hand.
    When the account's retry budget is empty, a call of a minute's patience fails at once, and one of more waits for its
    turn to try.
    """
    bound_s = desk.patience_s if patience_s is None else patience_s
    once = _Patience(desk, provider, line or line_of(desk, provider), bound_s, max(bound_s, outage_s), admit)
    try:
        return await once.attempt(call)  # nearly always enough, and thousands of questions need no policy made for each
    except ProviderError as error:
        if not once.worth_repeating(error):
            raise
        once.first = error
    policy = AsyncRetrying(
        retry=retry_if_exception(once.worth_repeating),
        wait=once.wait_s,
        stop=once.over,  # type: ignore[arg-type]  # tenacity awaits it; its annotation does not say so
        sleep=once.pause,
        before_sleep=once.told,
        reraise=True,
    )
    return await policy(once.attempt, call)


class _Patience:
    """One call's way through its attempts: how long it has waited, and whether it is its turn to try."""

    def __init__(
        self,
        desk: Desk,
        provider: Provider,
        line: Line,
        bound_s: float,
        outage_s: float,
        admit: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._desk, self._provider, self._line, self._admit = desk, provider, line, admit
        self._bound_s, self._outage_s = bound_s, outage_s
        self._long = outage_s > PATIENCE_S
        self._admitted_s = 0.0
        self._slept_s = 0.0
        self._queued_s = 0.0
        self._hint_s: float | None = None
        self._mine = False
        self.first: ProviderError | None = None
        self._began_s = time.monotonic()

    # ── an attempt ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def attempt(self, call: Callable[[], Awaitable[T]]) -> T:
        if self.first is not None:  # it was made, and failed, before there was a policy
            first, self.first = self.first, None
            raise first
        if self._line.out and self._long and not self._mine:
            await self._turn()
        try:
            if self._admit is not None:
                await self._admitted(self._admit)
            answer = await call()
        except ProviderError as error:
            self._line.failed(error, self._provider.decide(error))
            raise
        finally:
            if self._mine:
                self._mine = False
                self._line.done()
        await self._line.answered()
        return answer

    async def _admitted(self, admit: Callable[[], Awaitable[None]]) -> None:
        began = self._desk.clock.now()
        await admit()
        self._admitted_s += (self._desk.clock.now() - began).total_seconds()

    async def _turn(self) -> None:
        before_s, left_s = self._line.waited_s, self._outage_s - self._slept_s - self._queued_s
        try:
            self._mine = await self._line.turn(left_s, self._hint_s)
        finally:
            self._queued_s += self._line.waited_s - before_s

    # ── and what comes after it ─────────────────────────────────────────────────────────────────────────────────────

    def worth_repeating(self, error: BaseException) -> bool:
        return isinstance(error, ProviderError) and self._provider.decide(error).kind != "no"

    def wait_s(self, state: RetryCallState) -> float:
        hint = self._decision(state).after_s
        return max(min(_SPACING(state), self._left_s(state)) if hint is None else hint, 0.0)

    async def over(self, state: RetryCallState) -> bool:
        decision, left_s = self._decision(state), self._left_s(state)
        self._hint_s = decision.after_s
        if left_s <= 0 or (decision.after_s or 0.0) > left_s:
            return True
        if await self._line.may_retry(decision, state.upcoming_sleep):
            return False
        if not self._long:
            _say_why(_failure(state))
            return True
        if decision.kind == "transient":
            self._line.go_out()
        return False

    async def pause(self, seconds: float) -> None:
        if self._line.out and self._long:
            await self._turn()
        else:
            self._slept_s += seconds
            await self._desk.clock.sleep(seconds)

    def told(self, state: RetryCallState) -> None:
        error, pause_s = _failure(state), state.upcoming_sleep
        _log.debug("waiting %.1f s before attempt %d after %s", pause_s, state.attempt_number + 1, error)
        self._line.tell(lambda: f"{error}; trying again in {pause_s:.0f} s", pause_s)

    def _decision(self, state: RetryCallState) -> Decision:
        return self._provider.decide(_failure(state))

    def _left_s(self, state: RetryCallState) -> float:
        # Time slept counts as asked for, not as measured: an injected clock sleeps in no time, a laptop for hours.
        asked_s = self._slept_s + self._queued_s
        total_s = self._outage_s if self._line.out or _out(_failure(state)) else self._bound_s
        return total_s - max(asked_s, time.monotonic() - self._began_s - self._admitted_s)


def _out(error: Exception) -> bool:
    """Whether nobody is there at all, or somebody is who says when to return; a request that goes wrong is neither."""
    return (isinstance(error, Unreachable) and error.nothing_created) or isinstance(error, RateLimited)


def _failure(state: RetryCallState) -> Exception:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Exception) else RuntimeError("no failure to look at")


def _say_why(error: Any) -> None:
    """A failure that is not waited out says why, and what to do."""
    error.message += " (not tried again: this account's retries are used up by what failed just before)"
    error.fix = error.fix or "wait some minutes and do it again; `tunewright doctor` shows what is left of the retries"
