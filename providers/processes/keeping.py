"""Small files that a crash leaves whole: written beside their name and renamed; a journal of whole lines."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["append_line", "read_json", "read_lines", "sync_folder", "write_json", "write_whole"]


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """The file has its old content or this one, whatever happens."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Mapping[str, Any], mode: int = 0o644) -> None:
    """`write_whole` of one JSON object, readable for people."""
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n", mode)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object; None where there is no such file. Raises `ValueError` for what is no JSON object."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object")
    return found


def append_line(path: Path, value: Mapping[str, Any]) -> None:
    """One JSON line at the end, on the disk when this returns."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = b"\n" + line  # what a crash cut short stays a line of its own
        os.write(handle, line)
        os.fsync(handle)
    finally:
        os.close(handle)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Every whole line that is a JSON object; a line that is still being written, or that is none, is left out."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return [found for line in data.split(b"\n")[:-1] if (found := _object(line)) is not None]


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def sync_folder(folder: Path) -> None:
    """Have the names in the folder on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
