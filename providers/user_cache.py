"""Where a user's caches live, by each system's own convention."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["cache_root"]


def cache_root() -> Path:
    """The folder for caches. One that cannot be written is for the caller to do without."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():
        return given
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local)
    try:
        home = Path.home()
    except RuntimeError:  # no home at all, as in some containers: the caller falls back to a temporary directory
        return Path(os.devnull)
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache")
