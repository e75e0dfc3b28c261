"""Jobs that do not touch each other, done by two processes at once.

A job must pickle, and doing it twice must be like doing it once: what the other process fails at is done again here, so
that its error is raised where somebody hears it.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["main", "side_by_side"]

T = TypeVar("T")


def side_by_side(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """The results, in the order of the jobs. Every second job is done by another process."""
    if len(jobs) < 2 or (os.cpu_count() or 1) < 2:
        return [job() for job in jobs]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "orchestrator.pipeline.side_by_side"]
    pipe = subprocess.PIPE
    helper = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environ)
    try:
        with suppress(BrokenPipeError):
            assert helper.stdin is not None
            with helper.stdin as stream:
                pickle.dump(jobs[1::2], stream)
        ours = [job() for job in jobs[0::2]]
        assert helper.stdout is not None
        answer = helper.stdout.read()
        theirs = pickle.loads(answer) if helper.wait() == 0 else [job() for job in jobs[1::2]]
    finally:
        helper.kill()
        helper.wait()
        if helper.stdout is not None:
            helper.stdout.close()
    return [(theirs if place % 2 else ours)[place // 2] for place in range(len(jobs))]


def main() -> None:
    """The other process: jobs come on standard input, results go out. An interrupt is left to who started us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jobs: Sequence[Callable[[], Any]] = pickle.load(sys.stdin.buffer)
    pickle.dump([job() for job in jobs], sys.stdout.buffer)


if __name__ == "__main__":
    main()
