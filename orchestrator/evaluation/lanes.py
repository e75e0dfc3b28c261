"""One account's way for questions: as many in flight as it bears, no faster than its limits, repeated with patience."""

from __future__ import annotations

import logging
from typing import NamedTuple

import anyio

from providers.contract import Provider
from providers.errors import Capacity, PlatformFault, ProviderError, RateLimited, Unreachable
from providers.records import Completion, Example, Message, Sampling

from ..jobs.desk import Desk
from ..jobs.line import line_of
from ..jobs.pacing import LONGEST_HOLD_S, Pace
from ..jobs.patience import patiently
from .concurrency import Concurrency

__all__ = ["Heard", "Lane", "Lanes"]

_ROW_PATIENCE_S = 120.0
_OUTAGE_S = 900.0
_CHARACTERS_A_TOKEN = 4
_TOKENS_A_MESSAGE = 4
_PING = (Message("user", "ping"),)
_log = logging.getLogger(__name__)


class Heard(NamedTuple):
    """An answer, and whether a connection had to be opened for it: its time is then no measure."""

    completion: Completion
    connected: bool


class Lane:
    """`cap`: most questions in flight at this account."""

    def __init__(self, desk: Desk, provider: Provider, cap: int) -> None:
        self._desk, self._provider = desk, provider
        self._line = line_of(desk, provider)
        self.control = Concurrency(cap)
        self._slots = anyio.CapacityLimiter(self.control.limit)
        self._paces: dict[str, Pace] = {}

    async def ask(self, model: str, example: Example, sampling: Sampling) -> Heard:
        """One answer. Raises `ProviderError` when it cannot be had."""
        pace = self._pace(model)
        tokens = _estimate(example, sampling) if pace.counts_tokens else 0.0
        heard = await patiently(
            self._desk,
            self._provider,
            lambda: self._send(pace, model, example, sampling),
            patience_s=_ROW_PATIENCE_S,
            outage_s=_OUTAGE_S,
            admit=lambda: pace.admit(tokens),
            line=self._line,
        )
        answer = heard.completion
        if tokens and answer.input_tokens is not None and answer.output_tokens is not None:
            pace.refund(tokens - answer.input_tokens - answer.output_tokens)
        if answer.rates is not None:
            with anyio.CancelScope(shield=True):  # it was paid for: an interruption just now must not lose it
                await pace.learn(answer.rates)
        return heard

    async def is_hopeless(self, error: ProviderError, model: str) -> bool:
        """Whether every other question would fail like this one: nobody is there, or not for a quarter of an hour.

        A question that the platform chokes on is told from an outage by a question of no content.
        """
        if isinstance(error, Unreachable) and error.nothing_created:
            return True
        if isinstance(error, RateLimited):
            return (error.retry_after_s or 0.0) > LONGEST_HOLD_S
        return self._line.out and not await self._answers(model)

    async def close(self) -> None:
        """Tell the ledger what was waited."""
        for pace in self._paces.values():
            await pace.close()

    async def _answers(self, model: str) -> bool:
        try:
            await self._provider.complete(model, _PING, Sampling(max_tokens=1))
        except ProviderError as error:
            return self._provider.decide(error).kind != "transient"
        return True

    def _pace(self, model: str) -> Pace:
        if model not in self._paces:
            self._paces[model] = Pace(self._desk, self._provider, model)
        return self._paces[model]

    async def _send(self, pace: Pace, model: str, example: Example, sampling: Sampling) -> Heard:
        await self._slot()
        try:
            connected = self.control.began()
            try:
                answer = await self._provider.complete(model, example.prompt, sampling, example.tools)
            except ProviderError as error:
                await self._failed(pace, error)
                raise
            finally:
                self.control.ended()
            self._answered()
            return Heard(answer, connected)
        finally:
            self._slots.release()

    async def _slot(self) -> None:
        try:
            self._slots.acquire_nowait()  # nearly always there, and then no turn of the event loop is given away
        except anyio.WouldBlock:
            await self._slots.acquire()

    def _answered(self) -> None:
        self.control.answered(self._now())
        self._resize("all is well")

    async def _failed(self, pace: Pace, error: ProviderError) -> None:
        if isinstance(error, RateLimited):
            cut = self.control.throttled(self._now(), error.retry_after_s)
            if cut:
                self._resize("429")
            if cut or error.retry_after_s:
                await pace.hold(error.retry_after_s or 0.0, cut=cut)
        elif isinstance(error, PlatformFault | Capacity | Unreachable):
            self.control.faulted(self._now())
        else:
            self._answered()

    def _resize(self, why: str) -> None:
        if self._slots.total_tokens != self.control.limit:
            _log.debug("%s: %d in flight at most now: %s", self._provider.platform.name, self.control.limit, why)
            self._slots.total_tokens = self.control.limit

    def _now(self) -> float:
        return self._desk.clock.now().timestamp()


class Lanes:
    """Candidate → its lane; candidates of one account share one."""

    def __init__(self, desk: Desk, providers: dict[str, Provider], cap: int) -> None:
        self._of: dict[str, Lane] = {}
        accounts: dict[str, Lane] = {}
        for name, provider in providers.items():
            account = f"{provider.platform.name} {provider.connection.ref}"
            if account not in accounts:
                accounts[account] = Lane(desk, provider, cap)
            self._of[name] = accounts[account]

    def __getitem__(self, candidate: str) -> Lane:
        return self._of[candidate]

    async def close(self) -> None:
        """Once for each account."""
        for lane in {id(lane): lane for lane in self._of.values()}.values():
            await lane.close()


def _estimate(example: Example, sampling: Sampling) -> float:
    """Tokens that the platform will count before it answers: about the prompt's, and the most of the answer."""
    texts = sum(len(message.text) for message in example.prompt)
    return texts / _CHARACTERS_A_TOKEN + _TOKENS_A_MESSAGE * len(example.prompt) + sampling.max_tokens
