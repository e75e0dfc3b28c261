"""Named places where a test can kill this very process, to prove that a crash there buys nothing twice.

Does nothing unless `TUNEWRIGHT_FAILPOINTS` names the place. It is SIGKILL, never an exception: no handler runs.
`tests/faults` kills at every place that is named anywhere in this package, and fails for one that it never gets to.
"""

from __future__ import annotations

import os
import signal

__all__ = ["VARIABLE", "reach"]

VARIABLE = "TUNEWRIGHT_FAILPOINTS"


def reach(place: str) -> None:
    """Die here if the environment says so."""
    if place in os.environ.get(VARIABLE, "").split(","):
        os.kill(os.getpid(), signal.SIGKILL)
