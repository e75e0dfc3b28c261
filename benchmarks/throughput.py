"""How many questions a second an evaluation asks, stores and grades, beside bare aiohttp and beside inspect_ai.

All ask the same server, of a process of its own, which answers in 50 ms; not streamed. Bare aiohttp only sends and
reads; ours goes through the adapter and the SDK's aiohttp transport, keeps to limits, stores every answer in a ledger
file and grades it. inspect_ai is installed in an environment of its own, made here and kept for the next time; where
that cannot be done it is left out, and said so. Then the memory: the most that a process took that asked ten thousand
prompts, and ten times as many, of a server that answers at once. `--smoke` asks a few, and installs nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import aiohttp
from loopback import ANSWER, server

import providers
from orchestrator.clock import SystemClock
from orchestrator.dataset.records import Row
from orchestrator.evaluation.ask import ask
from orchestrator.evaluation.graders.choosing import named
from orchestrator.evaluation.keeping import pages
from orchestrator.evaluation.questions import Candidate, Question, Spec
from orchestrator.jobs.desk import Desk
from orchestrator.ledger import Ledger
from providers.records import Example, Message, Sampling

OF_BARE, TIMES_INSPECT = 0.55, 8.0
INSPECT_PROMPTS, INSPECT_AFTER = 1_000, (1, 3, 5)
"""Enough to tell its rate by, for it takes a minute for three times as many; and after which rounds it has its turn."""

ANSWERS_IN_S, IN_FLIGHT = 0.05, 64
MODEL = "gpt-4.1-mini-2025-04-14"
SYSTEM = "Answer with one label: lost_card, refund"
KEY = "sk-sandbox-bench"
FLAT_BYTES = 48 << 20
"""What ten times the prompts may take more: their own names, 83 bytes each, and the allocator's moods."""


class Speed(NamedTuple):
    """Answers a second, and CPU milliseconds of the asking process an answer."""

    per_s: float
    cpu_ms: float

    def __str__(self) -> str:
        return f"{self.per_s:>7,.0f}/s {self.cpu_ms:>6.2f} ms"


class Questions(Sequence[Question]):
    """Held-out questions made when looked at, as a file of any length would give them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> Question:  # type: ignore[override]
        if not 0 <= place < self._count:
            raise IndexError(place)
        turns = (Message("system", SYSTEM), Message("user", prompt(place)), Message("assistant", ANSWER))
        return Question(f"{place:032x}-1", Row(number=place + 1, file="pairs.csv", example=Example(turns)))


def prompt(number: int) -> str:
    return f"my card is lost, and this is the number of my letter: {number}"


# ── ours ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def ours(url: str, count: int, folder: Path) -> Speed:
    """One whole evaluation, from the first question to the last grade."""
    desk, asked = Desk(ledger=Ledger.open(folder, {}), clock=SystemClock()), Questions(count)
    spec = Spec(
        candidates=(Candidate(name="base", provider="openai", model=MODEL),),
        questions=tuple(question.key for question in asked),
        sampling=Sampling(max_tokens=8),
    )
    platform, grader = providers.platform("openai"), named("exact")
    connection = platform.connection({"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY}, None, folder)
    async with platform.open(connection) as provider:
        began, cpu = time.perf_counter(), time.process_time()
        await ask(
            desk,
            {"base": provider},
            spec,
            asked,
            spec_id=spec.id,
            concurrency=IN_FLIGHT,
            progress=lambda _done, _total: None,
        )
        right = 0
        async for page in pages(desk, spec.id):
            right += sum(grader.grade(kept.answer.text, ANSWER).passed is True for kept in page)
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    desk.ledger.close()
    assert right == count, f"{right} of {count} answers are right"
    return Speed(count / took_s, 1000 * cpu_s / count)


# ── bare aiohttp ────────────────────────────────────────────────────────────────────────────────────────────────────


async def bare(url: str, count: int, _folder: Path) -> Speed:
    numbers = iter(range(count))
    headers = {"authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT), headers=headers) as session:

        async def worker() -> None:
            for number in numbers:
                turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt(number)}]
                body = {"model": MODEL, "messages": turns, "temperature": 0.0, "max_completion_tokens": 8, "seed": 7}
                async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
                    told = await answer.json()
                    assert told["choices"][0]["message"]["content"] == ANSWER

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    return Speed(count / took_s, 1000 * cpu_s / count)


# ── inspect_ai, in an environment of its own ────────────────────────────────────────────────────────────────────────

INSPECT = """
import sys, time
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import exact

url, count, in_flight, folder, model, answer, system = sys.argv[1:]
samples = [
    Sample(input=system + ": my card is lost, and this is the number of my letter: %d" % n, target=answer)
    for n in range(int(count))
]
asked = get_model("openai/" + model, base_url=url + "/v1", api_key="sk-sandbox-bench", responses_api=False)
config = GenerateConfig(max_connections=int(in_flight), max_tokens=8, temperature=0.0, seed=7)
began, cpu = time.perf_counter(), time.process_time()
(log,) = eval(Task(dataset=MemoryDataset(samples), scorer=exact(), config=config), model=asked, display="none",
              log_dir=folder)
took, cpu = time.perf_counter() - began, time.process_time() - cpu
assert log.status == "success", log.error
assert log.results.completed_samples == int(count)
print(int(count) / took, 1000 * cpu / int(count))
"""


def inspect_python(install: bool) -> Path | str:
    """The interpreter that has inspect_ai; why there is none."""
    home = Path(tempfile.gettempdir()) / "tunewright-benchmark-inspect-ai"
    python, ready = home / "bin" / "python", home / "installed"
    if ready.exists():
        return python
    if not install:
        return "it is not installed here, and a smoke run installs nothing"
    venv.create(home, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "inspect-ai", "openai"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"it cannot be installed: {done.stderr.strip().splitlines()[-1]}"
    ready.touch()
    return python


def inspect_ai(url: str, count: int, python: Path) -> Speed | str:
    """As many answers a second as inspect_ai's own `eval` has; why not."""
    with tempfile.TemporaryDirectory() as folder:
        told = [url, str(count), str(IN_FLIGHT), folder, MODEL, ANSWER, SYSTEM]
        environ = {**os.environ, "INSPECT_LOG_LEVEL": "error", "XDG_DATA_HOME": folder}
        done = subprocess.run(
            [str(python), "-c", INSPECT, *told], capture_output=True, text=True, check=False, env=environ, cwd=folder
        )
    if done.returncode:
        return f"it failed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}"
    return Speed(*(float(word) for word in done.stdout.split()[-2:]))


# ── the two tables ──────────────────────────────────────────────────────────────────────────────────────────────────


async def speeds(rounds: int, count: int) -> list[bool]:
    """Print the table of speeds; whether each limit is kept. Ours and bare take turns, the first round warms up, and
    the best round of each is held against the other's."""
    taken: dict[str, list[Speed]] = {"bare aiohttp": [], "tunewright": []}
    python = inspect_python(install=rounds > 1)
    theirs: list[Speed] = []
    why = python if isinstance(python, str) else ""
    with server(ANSWERS_IN_S) as url, tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for name, way in (("bare aiohttp", bare), ("tunewright", ours)):
                speed = await way(url, count if number else IN_FLIGHT, Path(folder) / f"{name}-{number}")
                if number:
                    taken[name].append(speed)
            if number in INSPECT_AFTER and isinstance(python, Path):
                found = inspect_ai(url, min(count, INSPECT_PROMPTS), python)
                why = found if isinstance(found, str) else why
                theirs += [found] if isinstance(found, Speed) else []
    best = {name: max(several) for name, several in taken.items()}  # what else the machine does only slows
    ratio, per_s = best["tunewright"].per_s / best["bare aiohttp"].per_s, best["tunewright"].per_s
    print(f"{count:,} prompts, {IN_FLIGHT} in flight, answered in 50 ms (ideal {IN_FLIGHT / ANSWERS_IN_S:,.0f}/s):")
    for name, several in [*taken.items(), ("inspect_ai", theirs)]:
        print(f"  {name:<13}", _best(several) if several else f"left out: {why}")
    kept = [_said("of bare aiohttp's", ratio, OF_BARE)]
    if theirs:
        kept.append(_said("times inspect_ai's", per_s / max(theirs).per_s, TIMES_INSPECT))
    return kept


def _best(several: Sequence[Speed]) -> str:
    middle = statistics.median(speed.per_s for speed in several)
    return f"{max(several)} (best of {len(several)}; median {middle:,.0f}/s)"


def _said(what: str, ratio: float, limit: float) -> bool:
    print(f"  {ratio:.2f} {what}; at least {limit}: {'kept' if ratio >= limit else 'not kept'}")
    return ratio >= limit


def memory(counts: Sequence[int]) -> bool:
    """Print the most that asking so many took, each in a process of its own; whether it stays flat."""
    peaks: list[int] = []
    print(f"{'prompts':>9} {'peak MB':>9} {'a second':>9}")
    with server(0.0) as url:
        for count in counts:
            command = [sys.executable, __file__, "--asking", url, str(count)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            told = json.loads(done.stdout)
            peaks.append(told["peak"])
            print(f"{count:>9,} {told['peak'] / 2**20:>9.1f} {told['per_s']:>9,.0f}")
    kept, more = peaks[-1] - peaks[0] <= FLAT_BYTES, (peaks[-1] - peaks[0]) / 2**20
    print(f"  {more:.1f} MB more; at most {FLAT_BYTES >> 20}: {'kept' if kept else 'not kept'}")
    return kept


def asking(url: str, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        speed = asyncio.run(ours(url, count, Path(folder)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"peak": peak, "per_s": speed.per_s}))


def main() -> int:
    """Print both tables; exit 1 where a limit is not kept. A smoke run only shows that it runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a few prompts, one round")
    parser.add_argument("--no-memory", action="store_true", help="only the speeds")
    parser.add_argument("--asking", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.asking:
        asking(given.asking[0], int(given.asking[1]))
        return 0
    kept = asyncio.run(speeds(*((1, 300) if given.smoke else (5, 3_000))))
    if not given.no_memory:
        kept.append(memory((200, 1_000) if given.smoke else (10_000, 100_000)))
    return int(not all(kept) and not given.smoke)


if __name__ == "__main__":
    sys.exit(main())
