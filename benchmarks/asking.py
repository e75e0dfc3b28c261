"""What keeping to rates costs an evaluation that no rate limits: questions a second, beside a fixed pool of workers.

Both ask the same questions of a loopback server of its own process that answers in 50 ms, over the real adapter, and
store every answer in a ledger file; they take turns, so that whatever else the machine does falls on both alike. On a
busy machine the ratio of CPU tells more than that of time: the better of the two is held against the limit.
The fixed pool is what an evaluation was before it adapted: so many workers, each with a retry policy of its own.
`--smoke` asks a few.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

import providers
from orchestrator.clock import SystemClock
from orchestrator.dataset.records import Row
from orchestrator.evaluation.ask import ask
from orchestrator.evaluation.keeping import Keeper, Kept
from orchestrator.evaluation.order import Order
from orchestrator.evaluation.questions import Answer, Candidate, Question, Spec, questions
from orchestrator.jobs.desk import Desk
from orchestrator.ledger import Ledger
from providers.contract import Provider
from providers.errors import ProviderError
from providers.records import Example, Message, Sampling

LIMIT = 0.95
ANSWERS_IN_S = 0.05
MODELS = ("gpt-4.1-mini-2025-04-14", "gpt-4.1-nano-2025-04-14")


async def main(rounds: int, rows: int, concurrency: Sequence[int]) -> float:
    """Print the table; the lowest median of the rounds' ratios, of time or of CPU."""
    lowest = float("inf")
    print(f"{'in flight':>9} {'fixed pool':>20} {'adaptive':>20} {'ratio':>6} {'of CPU':>7}   ideal")
    with server() as url, tempfile.TemporaryDirectory() as folder:
        for many in concurrency:
            taken: dict[str, list[Measured]] = {"fixed": [], "adaptive": []}
            for number in range(rounds + 1):
                ways = [("fixed", fixed), ("adaptive", adaptive)]
                for name, way in ways if number % 2 else reversed(ways):
                    measured = await measure(way, url, Path(folder) / f"{many}-{number}-{name}", rows, many)
                    if number:  # the first round only warms up
                        taken[name].append(measured)
            before, after = (middle(taken[name]) for name in ("fixed", "adaptive"))
            rounds_of = list(zip(taken["fixed"], taken["adaptive"], strict=True))
            ratio = statistics.median(two.per_s / one.per_s for one, two in rounds_of)
            of_cpu = statistics.median(one.cpu_ms / two.cpu_ms for one, two in rounds_of)
            lowest = min(lowest, max(ratio, of_cpu))
            print(f"{many:>9} {before} {after} {ratio:>6.3f} {of_cpu:>7.3f}   {many / ANSWERS_IN_S:.0f}/s")
    return lowest


class Measured(NamedTuple):
    """Answers a second, and CPU milliseconds of this process an answer."""

    per_s: float
    cpu_ms: float

    def __str__(self) -> str:
        return f"{self.per_s:>9.0f}/s {self.cpu_ms:>5.2f} ms"


def middle(several: Sequence[Measured]) -> Measured:
    """Of each its median."""
    return Measured(*(statistics.median(values) for values in zip(*several, strict=True)))


async def measure(way: Callable[..., Any], url: str, folder: Path, rows: int, many: int) -> Measured:
    """One whole evaluation."""
    desk, asked = Desk(ledger=Ledger.open(folder, {}), clock=SystemClock()), held_out(rows)
    candidates = tuple(Candidate(name=name, provider="openai", model=m) for name, m in zip("ab", MODELS, strict=True))
    spec = Spec(candidates=candidates, questions=tuple(q.key for q in asked), sampling=Sampling(max_tokens=8))
    async with opened(url, folder) as provider:
        began, cpu = time.perf_counter(), time.process_time()
        await way(desk, provider, spec, asked, many)
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    kept = len(desk.ledger.answers.page(spec.id, None, 4 * rows))
    desk.ledger.close()
    assert kept == 2 * rows, f"{kept} of {2 * rows} answers"
    return Measured(kept / took_s, 1000 * cpu_s / kept)


async def adaptive(desk: Desk, provider: Provider, spec: Spec, asked: Sequence[Question], many: int) -> None:
    both = {candidate.name: provider for candidate in spec.candidates}
    await ask(desk, both, spec, asked, spec_id=spec.id, concurrency=many, progress=lambda _done, _total: None)


async def fixed(desk: Desk, provider: Provider, spec: Spec, asked: Sequence[Question], many: int) -> None:
    order = Order(spec, asked)
    keeper, turns = Keeper(desk, spec.id, 0, len(order), lambda _done, _total: None), iter(order)

    async def worker() -> None:
        for candidate, question, sample in turns:
            answer = await repeated(provider, candidate, question, spec.sampling)
            await keeper.put(Kept(candidate.name, question.key, sample, answer))

    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        async with anyio.create_task_group() as workers:
            for _ in range(many):
                workers.start_soon(worker)
        keeper.close()


async def repeated(provider: Provider, candidate: Candidate, question: Question, sampling: Sampling) -> Answer:
    policy = AsyncRetrying(
        retry=retry_if_exception_type(ProviderError),
        wait=wait_random_exponential(multiplier=0.5, max=60),
        stop=stop_after_delay(120),
        reraise=True,
    )

    async def once() -> Any:
        return await provider.complete(candidate.model, question.row.example.prompt, sampling)

    had = await policy(once)
    return Answer(
        text=had.text,
        finish_reason=had.finish_reason,
        input_tokens=had.input_tokens,
        output_tokens=had.output_tokens,
        latency_s=had.latency_s,
    )


def held_out(count: int) -> tuple[Question, ...]:
    system = Message("system", "Answer with one label: lost_card, refund")
    turns = [(system, Message("user", f"my card is lost {n}"), Message("assistant", "lost_card")) for n in range(count)]
    return questions([Row(number=n, file="pairs.csv", example=Example(turn)) for n, turn in enumerate(turns, start=1)])


def opened(url: str, folder: Path) -> AbstractAsyncContextManager[Provider]:
    platform = providers.platform("openai")
    environ = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "sk-sandbox-bench"}
    return platform.open(platform.connection(environ, None, folder))


# ── the server, in a process of its own ─────────────────────────────────────────────────────────────────────────────


@contextmanager
def server() -> Any:
    running = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(running.stdout.readline())}"
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


async def serve() -> None:
    listening = await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=512)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    message = {"role": "assistant", "content": "lost_card"}
    usage = {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})
    told = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        await reader.readexactly(int(lengths[0]))
        await asyncio.sleep(ANSWERS_IN_S)
        writer.write(told)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="one round of few questions")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
    rounds, rows, concurrency = (1, 50, (8,)) if given.smoke else (11, 200, (8, 64))
    ratio = asyncio.run(main(rounds, rows, concurrency))
    kept = ratio >= LIMIT
    print(f"limit for the ratio: {LIMIT}: {'kept' if kept else 'not kept'}")
    sys.exit(int(not kept and not given.smoke))
