"""Keeping to a model's rate: slots taken from the ledger's buckets about a second's worth at a time, and slept to.

The rate is what the platform's headers tell or the configuration says, whichever is lower; else nothing is held back.
Every process of the ledger takes from the same buckets, and heeds the same "not before" after a 429.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import anyio

from providers.contract import Provider
from providers.records import RateHints

from ..config import RateConfig
from ..ledger import BucketKey, Slot
from .desk import Desk

__all__ = ["LONGEST_HOLD_S", "Pace"]

LONGEST_HOLD_S = 900.0
"""Longest that a 429 of one call holds back all of them; a server that asks for more is not waited for."""

_LOOK_EVERY_S = 1.0
_SAME_RATE = 0.02
_WORTH_TELLING_S = 1.0
_log = logging.getLogger(__name__)


class _Share:
    """This process's part of one bucket: units in hand, and until when they last. Pure but for the ledger's answers."""

    def __init__(self, key: BucketKey, cap_per_s: float | None) -> None:
        self.key, self.cap_per_s = key, cap_per_s
        self.per_s: float | None = cap_per_s
        self.units = 0.0
        self.ends_at = 0.0
        self.looked_at = float("-inf")

    def take(self, units: float) -> float | None:
        """When `units` may be sent (Unix seconds); None when there are not enough in hand."""
        if self.per_s is None:
            return 0.0
        if self.units < units:
            return None
        at = self.ends_at - self.units / self.per_s
        self.units -= units
        return at

    def add(self, slot: Slot) -> None:
        if slot.units:
            self.units, self.ends_at = self.units + slot.units, slot.ends_at
        self.per_s = slot.per_s

    def rate_of(self, told_per_s: float) -> float | None:
        """The rate that a told limit comes to here; None when that is nothing new."""
        rate = min(told_per_s, self.cap_per_s or told_per_s)
        return None if self.per_s and abs(rate - self.per_s) <= _SAME_RATE * self.per_s else rate


class Pace:
    """The rate of one model on one account, for every question asked of it in this process."""

    def __init__(self, desk: Desk, provider: Provider, model: str) -> None:
        self._desk, self._model = desk, model
        name, ref = provider.platform.name, provider.connection.ref
        caps = _caps(desk.rates, name)
        self._shares = {kind: _Share(BucketKey(name, ref, model, kind), caps[kind]) for kind in ("requests", "tokens")}
        self._not_before = 0.0
        self._slept_s = 0.0
        self._opened = self._told = False
        self._lock = anyio.Lock()

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens are limited, so that it is worth estimating them."""
        return self._shares["tokens"].per_s is not None

    async def admit(self, tokens: float) -> None:
        """Return when one more request of so many tokens (the prompt's and the most of the answer) may be sent."""
        if self._free():
            return
        async with self._lock:  # one at a time waits for its slot, so that a crash leaves none reserved far ahead
            at = max(
                [await self._slot(self._shares["requests"], 1.0), await self._slot(self._shares["tokens"], tokens)]
            )
            while (wait_s := max(at, self._not_before) - self._now()) > 0:
                await self._sleep(wait_s)  # a 429 meanwhile moves it for everybody

    def _free(self) -> bool:
        """Whether nothing holds anybody back, as far as was seen within the last second."""
        now = self._now()  # once: this is asked before every question
        if now < self._not_before or not self._opened:
            return False
        return all(share.per_s is None and now - share.looked_at < _LOOK_EVERY_S for share in self._shares.values())

    def refund(self, tokens: float) -> None:
        """What was reserved and not used (below 0: used beyond it)."""
        self._shares["tokens"].units += tokens

    async def learn(self, hints: RateHints | None) -> None:
        """Heed the limits that the platform has told with an answer."""
        if hints is None:
            return
        for kind, told in (("requests", hints.requests_per_s), ("tokens", hints.tokens_per_s)):
            share = self._shares[kind]
            rate = None if told is None else share.rate_of(told)
            if rate is not None:
                share.per_s = rate  # before the ledger hears of it: the next answers say the same
                _log.debug("%s: %.2f %s a second, by the platform's own word", self._model, rate, kind)
                await self._desk.db(self._desk.ledger.buckets.learn, share.key, rate, self._desk.clock.now())

    async def hold(self, after_s: float, *, cut: bool) -> None:
        """Nobody sends for `after_s`. `cut`: the first 429 of an episode."""
        until = self._now() + min(after_s, LONGEST_HOLD_S)
        if not cut and until <= self._not_before + _LOOK_EVERY_S:
            return  # the others of the same storm: known already
        self._not_before = max(self._not_before, until)
        key, now = self._shares["requests"].key, self._desk.clock.now()
        await self._desk.db(self._desk.ledger.buckets.hold, key, until, cut=cut, now=now)

    async def close(self) -> None:
        """Write down what was waited and not yet told to the ledger."""
        if self._slept_s:
            await self._desk.db(
                self._desk.ledger.buckets.slept, self._shares["requests"].key, self._slept(), self._desk.clock.now()
            )

    async def _slot(self, share: _Share, units: float) -> float:
        at = share.take(units) if self._fresh(share) else None
        while at is None:
            await self._fetch(share, units)
            at = share.take(units)
        return at

    def _fresh(self, share: _Share) -> bool:
        return self._opened and self._now() - share.looked_at < _LOOK_EVERY_S

    async def _fetch(self, share: _Share, units: float) -> None:
        buckets, now = self._desk.ledger.buckets, self._desk.clock.now()
        if not self._opened:
            caps = {one.key: one.cap_per_s for one in self._shares.values()}
            self._heed(await self._desk.db(buckets.open, caps, now))
            self._opened = True
        elif share.per_s is None or share.units >= units:
            self._heed(await self._desk.db(buckets.look, [one.key for one in self._shares.values()]))
        else:
            missing = units - share.units
            self._heed({share.key: await self._desk.db(buckets.reserve, share.key, missing, now, self._slept())})

    def _heed(self, slots: Mapping[BucketKey, Slot]) -> None:
        for share in self._shares.values():
            if share.key in slots:
                share.add(slots[share.key])
                share.looked_at = self._now()
        self._not_before = max([self._not_before, *(slot.not_before for slot in slots.values())])

    def _slept(self) -> float:
        slept_s, self._slept_s = self._slept_s, 0.0
        return slept_s

    async def _sleep(self, wait_s: float) -> None:
        _log.debug("waiting %.2f s for the rate of %s", wait_s, self._model)
        if wait_s >= _WORTH_TELLING_S and not self._told:
            self._told = True
            self._desk.say("paced", f"{self._model} is asked no faster than its limit{self._rates()}", wait_s=wait_s)
        self._slept_s += wait_s
        await self._desk.clock.sleep(wait_s)

    def _rates(self) -> str:
        told = [f"{share.per_s * 60:,.0f} {kind}" for kind, share in self._shares.items() if share.per_s]
        return f": {' and '.join(told)} a minute" if told else ""

    def _now(self) -> float:
        return self._desk.clock.now().timestamp()


def _caps(rates: Mapping[str, RateConfig], platform: str) -> dict[str, float | None]:
    """What the configuration allows a second."""
    told = rates.get(platform, RateConfig())
    per_min = {"requests": told.requests_per_min, "tokens": told.tokens_per_min}
    return {kind: None if value is None else value / 60 for kind, value in per_min.items()}
