"""Which process uses what, as 'host:pid:start': what a dead one left behind is told from what a living one uses.

The start time keeps a re-used process id from being mistaken for the old process.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

__all__ = ["alive", "me"]


def me() -> str:
    """This process."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def alive(owner: str | None) -> bool:
    """True when the owning process still runs here. On another host we cannot know, and leave it alone."""
    host, _, rest = (owner or "::").partition(":")
    pid, _, started = rest.partition(":")
    if not pid:
        return False
    if host != socket.gethostname():
        return True
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    """The process's start time in clock ticks; '' for one that is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return _signalled(pid)


def _signalled(pid: int) -> str:
    # Without /proc (macOS) only the pid itself can be asked after.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "alive"
    return "alive"
