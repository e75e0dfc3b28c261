"""What all calls to one account have in common: the retry budget, whether anybody answers there, and the news of it.

Retries are paid from a budget that every process of the ledger shares and that successes fill, so that an outage is not
multiplied. When it is empty the line is *out*: who may wait long waits for one caller at a time to try, and everybody
goes on with the first answer; who may not, fails with what he has.
"""

from __future__ import annotations

import copy
import logging
import random
from collections.abc import Callable

import anyio
import anyio.lowlevel

from providers.contract import Provider
from providers.errors import ProviderError
from providers.records import Decision

from ..ledger import RETRIES_MOST, BucketKey
from .desk import Desk

__all__ = ["COST", "Line", "line_of"]

COST = {"transient": 14.0, "rate_limit": 5.0}
"""What a retry costs of 500, as in botocore's standard mode; every success while in trouble gives 1 back."""

_EPISODE_S = 15.0
_WORTH_TELLING_S = 30.0
_BANK_EVERY = 25
_FIRST_PROBE_S, _LONGEST_PROBE_S = 1.0, 30.0
_log = logging.getLogger(__name__)


def line_of(desk: Desk, provider: Provider) -> Line:
    """The line to the provider's account; every call of this desk finds the same one."""
    key = BucketKey(provider.platform.name, provider.connection.ref, "*", "retries")
    line: Line | None = desk.lines.get(str(key))
    if line is None:
        line = desk.lines[str(key)] = Line(desk, key)
    return line


class Line:
    """`out`: the budget is empty and nobody was answered since; `error` is then the last failure."""

    def __init__(self, desk: Desk, key: BucketKey) -> None:
        self._desk, self._key = desk, key
        self.out = False
        self.error: ProviderError | None = None
        self.waited_s = 0.0
        self._probing = False
        self._probes = 0
        self._changed: anyio.Event | None = None
        self._trouble = False
        self._answered_since = True
        self._earned = 0.0
        self._slept_s = 0.0
        self._began_at = self._failed_at = float("-inf")
        self._told = False

    # ── what became of a call ───────────────────────────────────────────────────────────────────────────────────────

    async def answered(self) -> None:
        """A call was answered: while in trouble it fills the budget, and ends being out."""
        if not self._trouble:
            return
        self._alive()
        self._recovered()
        self._earned += 1
        if self._earned >= _BANK_EVERY:
            await self._bank()

    def failed(self, error: ProviderError, decision: Decision) -> None:
        """A call failed. A refusal is an answer too: somebody is there."""
        if decision.kind != "transient" and error.status is not None:
            self._alive()
        if decision.kind == "no":
            return
        now = self._now()
        if self._answered_since and now - self._failed_at > _EPISODE_S:
            self._told, self._began_at = False, now
        self._trouble, self._answered_since, self._failed_at, self.error = True, False, now, error

    async def may_retry(self, decision: Decision, pause_s: float) -> bool:
        """Pay for one more attempt after `pause_s`; False when the budget is empty. Free while the line is out."""
        if self.out:
            return False
        earned, self._earned = self._earned, 0.0
        slept_s, self._slept_s = self._slept_s + pause_s, 0.0
        cost = COST[decision.kind]
        buckets, now = self._desk.ledger.buckets, self._desk.clock.now()
        paid = await self._desk.db(buckets.spend, self._key, cost, earned, slept_s, now)
        if not paid:
            _log.debug("the retry budget of %s is empty", self._key.provider)
        return paid

    def go_out(self) -> None:
        """Nobody answers: from now on one caller at a time tries."""
        if not self.out:
            self.out = True
            _log.debug("%s: one call at a time is tried until it answers", self._key.provider)
            self._desk.say("outage", f"{self._key.provider} does not answer; one call at a time is tried until it does")

    def _alive(self) -> None:
        if self.out:
            self.out, self._probes = False, 0
            self._wake()

    # ── one at a time ───────────────────────────────────────────────────────────────────────────────────────────────

    async def turn(self, left_s: float, hint_s: float | None = None) -> bool:
        """Return when somebody was answered (False), or when it is this caller's turn to try (True: `done` follows).

        Raises the last failure when `left_s` have been waited.
        """
        until_s = self.waited_s + left_s
        await anyio.lowlevel.checkpoint()  # whoever has just tried lets the others have their turn first
        while self.out:
            if self.waited_s >= until_s and self.error is not None:
                raise copy.copy(self.error)
            if self._probing:
                self._changed = self._changed or anyio.Event()
                await self._changed.wait()
                continue
            self._probing = True
            try:
                await self._wait(min(max(self._probe_pause_s(), hint_s or 0.0), max(until_s - self.waited_s, 0.0)))
            except BaseException:
                self.done()
                raise
            return True
        return False

    def done(self) -> None:
        """The caller whose turn it was has tried."""
        self._probing = False
        self._probes += 1
        self._wake()

    async def _wait(self, pause_s: float) -> None:
        _log.debug("%s: waiting %.1f s before the next try", self._key.provider, pause_s)
        self._slept_s += pause_s
        await self._desk.clock.sleep(pause_s)
        self.waited_s += pause_s

    def _probe_pause_s(self) -> float:
        longest_s: float = min(_LONGEST_PROBE_S, _FIRST_PROBE_S * 2 ** min(self._probes, 10))
        return longest_s * (1 - random.random() / 4)

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    # ── news and books ──────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, text: Callable[[], str], pause_s: float) -> None:
        """Say once an episode that calls are repeated, however many callers there are."""
        if not self._told:
            self._told = True
            self._desk.say("retrying", text(), wait_s=pause_s)

    def _recovered(self) -> None:
        """The episode ends with an answer after which nothing has failed for a while."""
        self._answered_since, now = True, self._now()
        if self._told and now - self._failed_at > _EPISODE_S:
            self._told = False
            lasted_s = self._failed_at - self._began_at
            if lasted_s >= _WORTH_TELLING_S:
                self._desk.say("recovered", f"{self._key.provider} answers again, after {lasted_s:.0f} s of trouble")

    async def _bank(self) -> None:
        earned, self._earned = self._earned, 0.0
        slept_s, self._slept_s = self._slept_s, 0.0
        buckets, now = self._desk.ledger.buckets, self._desk.clock.now()
        left = await self._desk.db(buckets.earn, self._key, earned, slept_s, now)
        quiet = now.timestamp() - self._failed_at > _EPISODE_S
        self._trouble = self._trouble and not (quiet and left >= RETRIES_MOST)

    def _now(self) -> float:
        return self._desk.clock.now().timestamp()
