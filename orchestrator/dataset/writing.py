"""Writes rows as one file ready to upload: all of it or nothing, named by the hash of its bytes."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from providers.contract import Dialect
from providers.dialects import encode_line
from providers.errors import InvalidData
from providers.records import FileRole, ProviderFile

from ..errors import DataRefused, TunewrightError
from .records import Row

__all__ = ["write_file"]

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _Written(NamedTuple):
    sha256: str
    size: int


def write_file(rows: Sequence[Row], dialect: Dialect, directory: Path, role: FileRole) -> ProviderFile:
    """`directory/<sha256>.jsonl`, readable by its owner only; the same rows give the same file.

    Raises `DataRefused` for no rows, the dialect's own `InvalidData` or `Unsupported` with the row it is about, and
    `TunewrightError` when the disk is full or not writable; then nothing is left behind.
    """
    if not rows:
        raise DataRefused(f"there are no {role} rows to write", where=str(directory), fix="give more rows")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        draft = directory / f".{role}-{os.getpid()}-{os.urandom(6).hex()}.part"
        try:
            written = _write_draft(draft, rows, dialect)
            final = directory / f"{written.sha256}.jsonl"
            draft.replace(final)
            _sync_directory(directory)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(error, directory) from error
    return ProviderFile(final, written.sha256, written.size, len(rows), role, dialect.name)


def _write_draft(draft: Path, rows: Sequence[Row], dialect: Dialect) -> _Written:
    digest, size = sha256(), 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(draft, flags, 0o600), "wb", buffering=1 << 20) as stream:
        for row in rows:
            line = _line(row, dialect)
            digest.update(line)
            size += stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())
    return _Written(digest.hexdigest(), size)


def _line(row: Row, dialect: Dialect) -> bytes:
    try:
        return encode_line(dialect, row.example)
    except InvalidData as error:
        raise type(error)(
            f"{row.file}, row {row.number}: {error.message}", fix=error.fix, nothing_created=True
        ) from error


def _sync_directory(directory: Path) -> None:
    """A rename is durable only once its directory is; file systems without that answer EINVAL, Windows has it not."""
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def _cannot_write(error: OSError, directory: Path) -> TunewrightError:
    if error.errno in _NO_SPACE:
        what = "no space left for the training file; nothing was written"
        return TunewrightError(what, where=str(directory), fix="free some space, or choose another directory")
    what = f"the training file cannot be written: {error.strerror}"
    return TunewrightError(what, where=str(directory), fix="check the directory and its permissions")
