"""Asking every candidate the same held-out questions: interleaved, concurrent, and resumable row by row.

Each answer is stored as it arrives under (evaluation, candidate, row, sample); a later start asks only what is missing.
Grading is not done here, so that answers can be graded again without asking again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from providers.contract import Provider
from providers.errors import Auth, Billing, InvalidData, NotFound, ProviderError
from providers.records import Completion, Message, Sampling

from ..errors import TunewrightError
from ..jobs.desk import Desk
from ..jobs.patience import patiently
from ..ledger.codec import dump, load
from .lanes import Lane, Lanes
from .questions import Answer, Candidate, Question, Spec

__all__ = ["ask", "await_model", "stored"]

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


_Asked = tuple[Candidate, Question, int]
_Answered = tuple[str, str, int, Answer]


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
    alike. What was answered stays stored.
    """
    lanes = Lanes(desk, providers, concurrency)
    known = await stored(desk, spec_id)
    answered = {key for key, answer in known.items() if answer.error is None}
    work = iter(_interleaved(spec, asked, answered))
    total = len(spec.candidates) * len(asked) * spec.samples
    progress(len(answered), total)
    send, receive = anyio.create_memory_object_stream[_Answered](max_buffer_size=concurrency)
    fatal: list[ProviderError] = []

    async def worker(out: MemoryObjectSendStream[_Answered]) -> None:
        async with out:
            for candidate, question, sample in work:
                try:
                    answer = await _answer(lanes[candidate.name], candidate, question, spec.sampling)
                except ProviderError as error:
                    fatal.append(error)
                    return
                # What was answered was paid for: it is kept even when somebody interrupts just now.
                with anyio.CancelScope(shield=True):
                    await out.send((candidate.name, question.key, sample, answer))
                if fatal:
                    return

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_keep, desk, spec_id, receive, len(answered), total, progress)
            async with send:
                for _ in range(concurrency):
                    group.start_soon(worker, send.clone())
    except ExceptionGroup as failed:
        raise _cause(failed) from failed
    await lanes.close()
    if fatal:
        raise fatal[0]


def _cause(failed: ExceptionGroup[Exception]) -> Exception:
    """Why the group of workers ended: a refusal of ours (a full disk, say) before what followed from it."""
    ours = (error for error in failed.exceptions if isinstance(error, TunewrightError))
    return next(ours, failed.exceptions[0])


def _interleaved(spec: Spec, asked: Sequence[Question], answered: set[tuple[str, str, int]]) -> list[_Asked]:
    """Rows shuffled, and within a row the candidates too: latency drifts, and must drift alike for all."""
    order = random.Random(spec.order_seed)
    rows = order.sample(list(asked), len(asked))
    work = [
        (candidate, question, sample)
        for sample in range(spec.samples)
        for question in rows
        for candidate in order.sample(list(spec.candidates), len(spec.candidates))
    ]
    return [(c, q, sample) for c, q, sample in work if (c.name, q.key, sample) not in answered]


async def _keep(
    desk: Desk,
    evaluation_id: str,
    receive: MemoryObjectReceiveStream[_Answered],
    done: int,
    total: int,
    progress: Callable[[int, int], None],
) -> None:
    """Store what has arrived, in one transaction for all that waits: durable, and the disk does not set the pace.

    Shielded: it ends when the last worker has, and until then an interruption loses no answer.
    """
    with anyio.CancelScope(shield=True):
        async with receive:
            async for first in receive:
                batch = [first]
                while receive.statistics().current_buffer_used:
                    batch.append(receive.receive_nowait())
                rows = [(name, key, sample, dump(answer)) for name, key, sample, answer in batch]
                await desk.db(desk.ledger.answers.put, evaluation_id, rows)
                done += len(batch)
                progress(done, total)


async def _answer(lane: Lane, candidate: Candidate, question: Question, sampling: Sampling) -> Answer:
    try:
        completion = await lane.ask(candidate.model, question.row.example, sampling)
    except (Auth, Billing):
        raise
    except ProviderError as error:
        if await lane.is_hopeless(error, candidate.model):
            raise  # the other questions would all be missing too
        return Answer(text="", error=f"{error.code}: {error.message}")
    return Answer(
        text=completion.text,
        refusal=completion.refusal,
        finish_reason=completion.finish_reason,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        latency_s=completion.latency_s,
        first_token_s=completion.first_token_s,
        usd=_usd(candidate, completion),
    )


def _usd(candidate: Candidate, completion: Completion) -> Decimal | None:
    """Dollars of one answer at the candidate's prices; None when a price or a count is unknown."""
    into, out = candidate.input_usd_per_mtok, candidate.output_usd_per_mtok
    if into is None or out is None or completion.input_tokens is None or completion.output_tokens is None:
        return None
    return (completion.input_tokens * into + completion.output_tokens * out) / Decimal(1_000_000)


async def stored(desk: Desk, spec_id: str) -> dict[tuple[str, str, int], Answer]:
    """(candidate, question key, sample) → answer, for everything answered so far."""
    rows = await desk.db(desk.ledger.answers.all, spec_id)
    return {key: load(Answer, text) for key, text in rows.items()}
