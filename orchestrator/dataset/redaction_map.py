"""The file that says what each placeholder stood for: private, written whole or not at all, never uploaded."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import TunewrightError, UsageError

__all__ = ["RedactionMap", "create_or_read", "refuse_among_uploads", "write"]

Value = str | int | float
_ABOUT = "What each placeholder stood for. Keep it private; it undoes --redact. Never upload it."
_VERSION = 1
_KEY_BYTES = 32
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_OTHERS = 0o077


@dataclass(slots=True)
class RedactionMap:
    """`key`: makes placeholders that tell nothing about their values. `values`: placeholder → what it stands for."""

    key: bytes
    values: dict[str, Value] = field(default_factory=dict)


def refuse_among_uploads(path: Path, uploads: Path) -> None:
    """Raises `UsageError` for a map that would lie in the folder of the files to upload, or below it."""
    if path.resolve().is_relative_to(uploads.resolve()):
        what = "the map of what was redacted would lie among the files to upload"
        raise UsageError(what, where=str(path), fix="give a path outside that folder")


def create_or_read(path: Path) -> RedactionMap:
    """The map there; where there is none, a new one with a key of its own, on the disk when this returns.

    Raises `UsageError` for a file that others can read, that is a link, or that is no such map.
    """
    fresh = RedactionMap(os.urandom(_KEY_BYTES))
    try:
        draft = _draft(path, fresh)
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    return fresh


def write(path: Path, redactions: RedactionMap) -> None:
    """Put the map in the file's place, readable by its owner only, whole or not at all.

    What another run has added to the file since is kept. Raises `TunewrightError` where it cannot be written.
    """
    there = _read(path)
    if there.key != redactions.key:
        raise UsageError("the map was replaced while it was used", where=str(path), fix="run it again")
    redactions.values.update({name: value for name, value in there.values.items() if name not in redactions.values})
    try:
        draft = _draft(path, redactions)
        try:
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _draft(path: Path, redactions: RedactionMap) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(6).hex()}.part")
    values = dict(sorted(redactions.values.items()))
    table = {"about": _ABOUT, "version": _VERSION, "key": redactions.key.hex(), "values": values}
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass") as stream:
        json.dump(table, stream, ensure_ascii=True, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    return draft


def _read(path: Path) -> RedactionMap:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | _NO_FOLLOW), "rb") as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode) or (os.name == "posix" and found.st_mode & _OTHERS):
                raise UsageError("the map can be read by others", where=str(path), fix=f"chmod 600 {path}")
            return _decoded(json.loads(stream.read()))
    except OSError as error:
        raise UsageError(
            f"the map cannot be read: {error.strerror}", where=str(path), fix="give a plain file"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError("the file is no map of --redact", where=str(path), fix="give another path") from error


def _decoded(table: Mapping[str, Any]) -> RedactionMap:
    key, values = bytes.fromhex(table["key"]), table["values"]
    if table["version"] != _VERSION or len(key) != _KEY_BYTES:
        raise ValueError("another version")
    if not all(isinstance(value, (str, int, float)) for value in values.values()):
        raise TypeError("a value is neither text nor number")
    return RedactionMap(key, dict(values))


def _unwritable(path: Path, error: OSError) -> TunewrightError:
    what = f"the map of what was redacted cannot be written: {error.strerror}"
    return TunewrightError(what, where=str(path), fix="give a path in a folder that can be written to")
