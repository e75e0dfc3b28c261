"""Asking every candidate the same held-out questions: interleaved, concurrent, and resumable row by row.

Each answer is stored as it arrives under (evaluation, candidate, row, sample); a later start asks only what is missing.
Grading is not done here, so that answers can be graded again without asking again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

import anyio

from providers.contract import Provider
from providers.errors import Auth, Billing, InvalidData, NotFound, ProviderError
from providers.records import Completion, Message, Sampling

from ..errors import TunewrightError
from ..jobs.desk import Desk
from ..jobs.patience import patiently
from .keeping import Keeper, Kept, answered, stored
from .lanes import Lanes
from .order import Order, Turn
from .questions import Answer, Candidate, Question, Spec

__all__ = ["WARM_UP", "ask", "await_model", "stored"]

WARM_UP = 3
"""A candidate's first answers after a start, whose time is no measure: caches and machines are cold."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


async def await_model(desk: Desk, provider: Provider, model: str, sampling: Sampling, bound_s: float) -> None:
    """Wait, within `bound_s`, until a just-tuned model answers: platforms say "does not exist" for a while.

    Raises the `NotFound` itself when the bound passes, with what to check.
    """
    deadline, pause_s = desk.clock.now() + timedelta(seconds=bound_s), _FIRST_PAUSE_S
    probe = (Message("user", "ping"),)
    short = Sampling(temperature=sampling.temperature, max_tokens=1, seed=sampling.seed)
    while True:
        try:
            await patiently(desk, provider, lambda: provider.complete(model, probe, short))
            return
        except InvalidData:
            return  # it is there, and dislikes so short a question; the real ones are not this short
        except NotFound as error:
            if desk.clock.now() >= deadline:
                error.fix = "check that the key belongs to the same project or organisation that trained the model"
                raise
            desk.say("model_not_ready", f"{model} is not served yet; asking again in {pause_s:.0f} s")
            await desk.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


async def ask(
    desk: Desk,
    providers: dict[str, Provider],
    spec: Spec,
    asked: Sequence[Question],
    *,
    spec_id: str,
    concurrency: int,
    progress: Callable[[int, int], None],
) -> None:
    """Ask what is not answered yet, storing it under `spec_id`. `providers` maps candidate name → opened account.

    `concurrency`: most questions in flight at one account; fewer where it answers 429. Raises `Auth` or `Billing` at
    once, and what an account fails with after a quarter of an hour without an answer: every further request would fail
    alike. What was answered stays stored. No more than what is in flight is held in memory, besides the questions.
    """
    order = Order(spec, asked)
    async for page in answered(desk, spec_id):
        order.skip(page)
    progress(order.answered, len(order))
    keeper = Keeper(desk, spec_id, order.answered, len(order), progress)
    lanes = Lanes(desk, providers, concurrency)
    asking = _Asking(lanes, spec, iter(order), keeper)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(keeper.run)
            try:
                async with anyio.create_task_group() as workers:
                    for _ in range(concurrency):
                        workers.start_soon(asking.work)
            finally:
                keeper.close()
    except ExceptionGroup as failed:
        raise _cause(failed) from failed
    await lanes.close()
    if asking.fatal:
        raise asking.fatal[0]


def _cause(failed: ExceptionGroup[Exception]) -> Exception:
    """Why the group of workers ended: a refusal of ours (a full disk, say) before what followed from it."""
    leaves = list(_leaves(failed))
    ours = (error for error in leaves if isinstance(error, TunewrightError))
    return next(ours, leaves[0])


def _leaves(error: Exception) -> Iterator[Exception]:
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)


class _Asking:
    """What the workers of one evaluation share. `fatal`: what would fail every further question alike."""

    def __init__(self, lanes: Lanes, spec: Spec, turns: Iterator[Turn], keeper: Keeper) -> None:
        self._lanes, self._spec, self._turns, self._keeper = lanes, spec, turns, keeper
        self._begun: Counter[str] = Counter()
        self.fatal: list[ProviderError] = []

    async def work(self) -> None:
        """One question after the other, until there is none or all would fail."""
        for turn in self._turns:
            try:
                answer = await self._answer(turn)
            except ProviderError as error:
                self.fatal.append(error)
                return
            await self._keeper.put(Kept(turn.candidate.name, turn.question.key, turn.sample, answer))
            if self.fatal:
                return

    async def _answer(self, turn: Turn) -> Answer:
        candidate, lane = turn.candidate, self._lanes[turn.candidate.name]
        self._begun[candidate.name] += 1
        cold = self._begun[candidate.name] <= WARM_UP
        try:
            put, sampling = candidate.puts(turn.question.row.example), self._spec.sampling_of(turn.sample)
            completion, connected = await lane.ask(candidate.model, put, sampling)
        except (Auth, Billing):
            raise
        except ProviderError as error:
            if await lane.is_hopeless(error, candidate.model):
                raise  # the other questions would all be missing too
            return Answer(text="", error=f"{error.code}: {error.message}")
        return _answer_of(candidate, completion, warm_up=cold or connected)


def _answer_of(candidate: Candidate, completion: Completion, *, warm_up: bool) -> Answer:
    return Answer(
        text=completion.text,
        refusal=completion.refusal,
        finish_reason=completion.finish_reason,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        latency_s=completion.latency_s,
        first_token_s=completion.first_token_s,
        usd=_usd(candidate, completion),
        warm_up=warm_up,
        tool_calls=completion.tool_calls,
    )


def _usd(candidate: Candidate, completion: Completion) -> Decimal | None:
    """Dollars of one answer at the candidate's prices; None when a price or a count is unknown."""
    into, out = candidate.input_usd_per_mtok, candidate.output_usd_per_mtok
    if into is None or out is None or completion.input_tokens is None or completion.output_tokens is None:
        return None
    return (completion.input_tokens * into + completion.output_tokens * out) / Decimal(1_000_000)
