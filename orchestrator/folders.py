"""Making a folder to keep things in, and files that are whole or not there; in words where that cannot be done."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from .errors import UsageError

__all__ = ["replacing", "writable"]

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


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A text file, its owner's alone, that takes the place of `path` once it is whole and on the disk.

    Where that fails nothing of it is left, and what was there stands.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(_private(part), "w", encoding="utf-8", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
