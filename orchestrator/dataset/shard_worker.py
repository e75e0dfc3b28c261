"""A helper process of a scan: `python -m orchestrator.dataset.shard_worker`, with its work on standard input.

It is started by `shards` alone, which pickles the work for it; what it finds it leaves as files that hold no code.
"""

from __future__ import annotations

import pickle
import signal
import sys

from .shards import work_on

__all__ = ["main"]


def main() -> None:
    """Take part in one scan. An interrupt is left to the process that started us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    share, parent = pickle.load(sys.stdin.buffer)  # from our own parent, through a pipe
    work_on(share, parent=parent)


if __name__ == "__main__":
    main()
