"""The parent's end of a platform: the real sandbox in a process of its own, told over a pipe which case is on."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing import Pipe
from typing import Any
from urllib.parse import urlsplit

from .cases import Case

__all__ = ["Book", "Machine", "Stage"]


@dataclass(slots=True)
class Machine:
    """A deployment, gone or not: whose tag its endpoint bore, and from when until when (None: still) it ran."""

    endpoint: str
    tag: str | None
    began: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """What the platform holds after a case: every job, every machine there was, and what befell the POSTs."""

    jobs: tuple[str, ...]
    machines: tuple[Machine, ...]
    bill_usd: Decimal
    struck: Counter[str]


class Stage:
    """`environ` points clients at the sandbox, `address` is its host and port."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._pipe.close()
            # Only here: what the sandbox brings with it would weigh on every fork of a buyer.
            from .actor import act

            act(theirs)
            os._exit(0)
        theirs.close()
        self.environ: dict[str, str] = self._pipe.recv()
        self.address = urlsplit(self.environ["TOGETHER_BASE_URL"]).netloc

    def begin(self, case: Case) -> float:
        """The case's weather; answers what the clock says."""
        return float(self._ask("begin", case))

    def pass_by(self, seconds: float) -> float:
        """Let time pass between two processes of the case; answers what the clock then says."""
        return float(self._ask("pass_by", seconds))

    def end(self, case: Case) -> Book:
        """Everything that was under way has ended; what there is now."""
        book: Book = self._ask("end", case)
        return book

    def close(self) -> None:
        # Said, and not only hung up: a stage that was forked later holds this end too.
        self._pipe.send(("end_of_season", None))
        self._pipe.close()
        os.waitpid(self._pid, 0)

    def _ask(self, verb: str, what: Any) -> Any:
        self._pipe.send((verb, what))
        return self._pipe.recv()
