"""Named places where a test can kill this very process, to prove that a crash there buys nothing twice.

Does nothing unless `TUNEWRIGHT_FAILPOINTS` names the place. It is SIGKILL, never an exception: no handler runs. Within
`acting`, a test that plays several processes in one is asked instead. `tests/faults` kills at every place that is named
anywhere in this package, and fails for one that it never gets to.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["VARIABLE", "acting", "reach"]

VARIABLE = "TUNEWRIGHT_FAILPOINTS"


def _die(place: str) -> None:
    if place in os.environ.get(VARIABLE, "").split(","):
        os.kill(os.getpid(), signal.SIGKILL)


_ACTOR: ContextVar[Callable[[str], None]] = ContextVar("actor", default=_die)


def reach(place: str) -> None:
    """Die here if the environment says so."""
    _ACTOR.get()(place)


@contextmanager
def acting(actor: Callable[[str], None]) -> Iterator[None]:
    """Within the block, and tasks started in it, `actor` is told of each place that is reached."""
    token = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(token)
