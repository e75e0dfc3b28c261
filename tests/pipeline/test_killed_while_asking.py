"""An evaluation that is killed again and again ends with the same table, and pays twice only for what was under way."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from orchestrator.evaluation.graders.choosing import named
from orchestrator.ledger import Ledger

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PROCESS = Path(__file__).with_name("lives.py")
QUESTIONS, KILLS = 100, 10


@dataclass
class Lives:
    """Every life of one evaluation: what the server was asked in it, and what was kept when it ended."""

    process: subprocess.Popen[str]
    wire: Any

    def live(self, until: int | None) -> list[tuple[str, str]]:
        """Let it ask until the server has seen so many questions, then kill it; to its end where None."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        before, tick = len(self.wire.asked), threading.Event()
        print(file=self.process.stdin, flush=True)
        number = int(self.process.stdout.readline())
        while until is not None and len(self.wire.asked) < before + until:
            tick.wait(0.001)
        if until is not None:
            os.kill(number, signal.SIGKILL)
        assert int(self.process.stdout.readline()) == (0 if until is None else -signal.SIGKILL)
        quiet, seen = 0, -1
        while quiet < 20:  # what was sent just before is still read
            tick.wait(0.005)
            quiet = quiet + 1 if not self.wire.now and len(self.wire.asked) == seen else 0
            seen = len(self.wire.asked)
        return list(self.wire.asked[before:])


@pytest.fixture
def lives(wire: Any, environ: dict[str, str], tmp_path: Path) -> Iterator[Lives]:
    command = [sys.executable, str(PROCESS), str(tmp_path / "home"), str(QUESTIONS)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ}
    ) as process:
        yield Lives(process, wire)


async def test_ten_kills_change_no_answer_and_pay_twice_only_for_what_was_not_committed(
    lives: Lives, asker_of: Callable[[int], Any], account: Any, wire: Any, tmp_path: Path
) -> None:
    killed = asker_of(QUESTIONS)
    wire.slow_s, chance = 0.01, random.Random(5)
    kept: set[tuple[str, str]] = set()
    needed, requests, lost = 2 * QUESTIONS, 0, 0
    for life in range(KILLS + 1):
        until = None if life == KILLS else chance.randint(10, 17)
        sent = await anyio.to_thread.run_sync(lives.live, until)
        assert len(set(sent)) == len(sent), "nothing is asked twice in one life"
        assert not kept & set(sent), "nothing that was committed is asked again"
        kept = asked_of(killed, await killed.answers())
        requests += len(sent)
        lost += len(set(sent) - kept)
    assert lost > 0
    assert (requests, len(kept)) == (needed + lost, needed)

    whole = replace(killed, desk=replace(killed.desk, ledger=Ledger.open(tmp_path / "other", {})))
    async with account() as provider:
        await whole.run(provider, concurrency=8)
    assert table(await killed.answers()) == table(await whole.answers())
    whole.desk.ledger.close()


def asked_of(asker: Any, answers: dict[tuple[str, str, int], Any]) -> set[tuple[str, str]]:
    """(model, question) of each answer, as the server knows them."""
    models = {candidate.name: candidate.model for candidate in asker.spec.candidates}
    texts = {question.key: question.row.example.prompt[-1].text for question in asker.asked}
    return {(models[name], texts[key]) for name, key, _ in answers}


def table(answers: dict[tuple[str, str, int], Any]) -> dict[tuple[str, str, int], tuple[str, float]]:
    """Each answer's text and grade."""
    grader = named("exact")
    return {whose: (answer.text, grader.grade(answer.text, "lost_card").score) for whose, answer in answers.items()}
