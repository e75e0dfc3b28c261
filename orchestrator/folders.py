"""Making a folder to keep things in, and saying in words where that cannot be done."""

from __future__ import annotations

import errno
from pathlib import Path

from .errors import UsageError

__all__ = ["writable"]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def writable(folder: Path) -> Path:
    """The folder, made if need be. Raises `UsageError` where it may not be, `OSError` where the disk is full."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        raise UsageError(
            f"cannot make the folder: {error.strerror}", where=str(folder), fix="choose another with --home"
        ) from error
    return folder
