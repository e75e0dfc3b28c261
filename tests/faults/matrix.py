"""Plays cases in forked processes that are killed and started again until the purchase is made, and counts what came.

Forked from one warm parent: it has made a purchase of each kind itself, so that everything is imported and built, and
when it forks no loop, thread or client of that is left.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

import anyio

from orchestrator.jobs.failpoints import VARIABLE
from orchestrator.ledger import Ledger

from .buying import buy
from .cases import Case, Scene
from .judging import Judgement, judge
from .renting import rent
from .scenery import Scenery, Variant
from .stage import Book, Stage

__all__ = ["Outcome", "Played", "Theatre"]

BUYERS: dict[str, Callable[[Case, Variant, Scenery], Awaitable[None]]] = {"jobs": buy, "asked": buy, "leases": rent}

_MOST_STARTS = 12
_HANGS_AFTER_S = 120
_ENDS_WITHIN_S = 60.0
_WINDOW_S = 900.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case. `reached`: it was killed at its place. `ended`: a process came to the end of it."""

    case: Case
    kills: int
    reached: bool
    ended: bool
    book: Book
    judged: Judgement
    error: str = ""


@dataclass(slots=True)
class Played:
    """Every outcome of a matrix."""

    outcomes: list[Outcome] = field(default_factory=list)

    def count(self, what: str) -> int:
        """How many purchases were "double", "lost", …: the fields of `Judgement`."""
        return sum(getattr(outcome.judged, what) for outcome in self.outcomes)

    @property
    def kills(self) -> int:
        return sum(outcome.kills for outcome in self.outcomes)

    @property
    def struck(self) -> Counter[str]:
        """Kind of fault → paid POSTs that met it."""
        return sum((outcome.book.struck for outcome in self.outcomes), Counter[str]())

    def bad(self) -> Iterator[Outcome]:
        for outcome in self.outcomes:
            if outcome.judged.bad or not outcome.reached:
                yield outcome


class Theatre:
    """Stages, one a worker, and a rehearsal before the first play. `kinds`: every (what, platform) that is played."""

    def __init__(self, folder: Path, workers: int, kinds: Iterable[tuple[str, str]]) -> None:
        self._folder = folder
        self._stages = [Stage() for _ in range(workers)]
        self._rehearse(kinds)

    def play(self, cases: Sequence[Case], variant: Variant) -> Played:
        """Play them, several at a time."""
        places, many = sorted({case.place for case in cases}), len(self._stages)
        mine = [(stage, cases[number::many]) for number, stage in enumerate(self._stages)]
        workers = [_worker(partial(self._play_some, variant, places, stage, some)) for stage, some in mine]
        return Played(sorted(_gathered(workers), key=lambda outcome: outcome.case.name))

    def _play_some(
        self, variant: Variant, places: Sequence[str], stage: Stage, cases: Sequence[Case], told: Connection
    ) -> None:
        for case in cases:
            told.send(_played(case, variant, stage, self._folder, places))

    def close(self) -> None:
        for stage in self._stages:
            stage.close()

    def _rehearse(self, kinds: Iterable[tuple[str, str]]) -> None:
        """One purchase of each kind in fair weather, from the first import to the bill; and a fresh ledger."""
        Ledger.open(self._folder / "fresh", {}).close()
        stage = self._stages[0]
        for what, platform in kinds:
            calm = Case(what, platform, "rehearsal", 0, Scene(rest=(), to_the_bill=True))
            at, home = stage.begin(calm), self._folder / calm.name
            _fresh(self._folder, home)
            anyio.run(BUYERS[what], calm, Variant(), Scenery(home, stage.environ, stage.address, at))
            stage.end(calm)
        _let_threads_end()
        gc.collect()
        gc.freeze()


def _let_threads_end() -> None:
    """A loop tells its worker threads to end, and does not wait for it."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(_ENDS_WITHIN_S)
    assert threading.active_count() == 1, "a thread would not live on in what is forked"


class _Worker(NamedTuple):
    pid: int
    told: Connection


def _worker(play: Callable[[Connection], object]) -> _Worker:
    ours, theirs = Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            play(theirs)
        except BaseException:  # noqa: BLE001  a forked process has nobody above it to raise to
            traceback.print_exc()
        finally:
            os._exit(0)
    theirs.close()
    return _Worker(pid, ours)


def _gathered(workers: Sequence[_Worker]) -> Iterator[Outcome]:
    ends = [worker.told for worker in workers]
    while ends:
        for end in wait(ends):
            assert isinstance(end, Connection)
            try:
                yield end.recv()
            except EOFError:
                ends.remove(end)
    for worker in workers:
        os.waitpid(worker.pid, 0)


def _played(case: Case, variant: Variant, stage: Stage, folder: Path, places: Sequence[str]) -> Outcome:
    home, log = folder / case.name, folder / f"{case.name}.log"
    _fresh(folder, home)
    at, deaths, kills, reached, ended = stage.begin(case), case.deaths(places), 0, False, False
    for _ in range(_MOST_STARTS):
        scenery = Scenery(home, stage.environ, stage.address, at)
        armed = deaths[0] if deaths else ""
        code = _in_child(lambda: anyio.run(BUYERS[case.what], case, variant, scenery), armed, log)  # noqa: B023  at once
        if code == -signal.SIGKILL:
            kills, reached = kills + 1, reached or armed == case.place
            if case.scene.anew and kills == 1:
                _fresh(folder, home)
                at = stage.pass_by(_WINDOW_S)
            deaths.pop(0)
        elif code == 0:
            ended = True
            break
        at = stage.pass_by(0)
    book = stage.end(case)
    judged = judge(case, book, home, ended)
    error = log.read_text() if log.exists() else ""
    shutil.rmtree(home)
    return Outcome(case, kills, reached, ended, book, judged, error)


def _fresh(folder: Path, home: Path) -> None:
    """A ledger in which nothing has happened yet."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(folder / "fresh", home)


def _in_child(work: Callable[[], object], armed: str, log: Path) -> int:
    """Do it in a process of its own that dies at the place `armed`; its exit code, or minus its signal."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.environ[VARIABLE] = armed
            signal.alarm(_HANGS_AFTER_S)
            work()
            code = 0
        except BaseException:  # noqa: BLE001  the same
            with log.open("a") as file:
                traceback.print_exc(file=file)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
