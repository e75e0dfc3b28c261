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
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path

import anyio

from orchestrator.jobs.failpoints import VARIABLE
from orchestrator.ledger import Ledger

from .buying import buy
from .cases import Case, Scene
from .judging import Judgement, judge
from .renting import rent
from .scenery import Scenery, Variant
from .stage import Book, Stage

__all__ = ["Outcome", "Played", "play", "rehearse"]

BUYERS: dict[str, Callable[[Case, Variant, Scenery], Awaitable[None]]] = {"jobs": buy, "leases": rent}

_MOST_STARTS = 12
_HANGS_AFTER_S = 120
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


def play(cases: Sequence[Case], variant: Variant, folder: Path, workers: int) -> Played:
    """Play them, several at a time, each worker with a platform of its own."""
    ends = [_worker(cases[number::workers], variant, folder) for number in range(workers)]
    return Played(sorted(_gathered(ends), key=lambda outcome: outcome.case.name))


def rehearse(kinds: Iterable[tuple[str, str]], folder: Path) -> None:
    """One purchase of each (what, platform), in fair weather, from the first import to the bill; and a fresh ledger."""
    Ledger.open(folder / "fresh", {}).close()
    stage = Stage()
    for what, platform in kinds:
        calm = Case(what, platform, "rehearsal", 0, Scene(rest=(), to_the_bill=True))
        at, home = stage.begin(calm), folder / calm.name
        _fresh(folder, home)
        anyio.run(BUYERS[what], calm, Variant(), Scenery(home, stage.environ, stage.address, at))
    stage.close()
    assert threading.active_count() == 1, "a thread would not live on in what is forked"
    gc.collect()
    gc.freeze()


def _gathered(ends: list[Connection]) -> Iterator[Outcome]:
    while ends:
        for end in wait(ends):
            assert isinstance(end, Connection)
            try:
                yield end.recv()
            except EOFError:
                ends.remove(end)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def _worker(cases: Sequence[Case], variant: Variant, folder: Path) -> Connection:
    ours, theirs = Pipe(duplex=False)
    if os.fork() == 0:
        ours.close()
        try:
            _play_all(cases, variant, folder, theirs)
        except BaseException:  # noqa: BLE001  a forked process has nobody above it to raise to
            traceback.print_exc()
        finally:
            os._exit(0)
    theirs.close()
    return ours


def _play_all(cases: Sequence[Case], variant: Variant, folder: Path, told: Connection) -> None:
    stage = Stage()
    places = sorted({case.place for case in cases})
    for case in cases:
        told.send(_played(case, variant, stage, folder, places))
    stage.close()


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
