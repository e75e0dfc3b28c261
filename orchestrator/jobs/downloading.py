"""Taking a tuned model's weights away: under their name only once they are whole and on the disk.

Names are made of the job's id, never of what a platform calls the file.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

import anyio.to_thread

from providers.contract import Provider

from ..errors import UsageError
from .arriving import Arriving, Wish, alone
from .desk import Desk
from .persisting import while_it_gets_on
from .progress import Transfer

__all__ = ["Archive", "Wish", "download"]

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_ENDINGS = {b"\x28\xb5\x2f\xfd": ".tar.zst", b"\x1f\x8b": ".tar.gz", b"PK\x03\x04": ".zip"}
_TAR_AT = 257


@dataclass(frozen=True, slots=True)
class Archive:
    """Weights on this disk; the SHA-256 also stands beside the file, for `sha256sum -c`. `kept`: it was here before."""

    path: Path
    size: int
    sha256: str
    kept: bool = False


async def download(desk: Desk, provider: Provider, wish: Wish, folder: Path) -> Archive:
    """The archive in `folder`; one that is here already is checked, not fetched again.

    Raises `UsageError` where another file stands in its place, `TunewrightError` where the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder: {error.strerror}", where=str(folder)) from error
    kept = await anyio.to_thread.run_sync(_kept, folder, _name(wish))
    if kept is not None:
        return kept
    path = folder / f".{_name(wish)}.part"
    with alone(path) as handle:
        arriving = Arriving(provider, wish, path, handle, Transfer(desk, "weights"))
        await while_it_gets_on(desk, provider, arriving.fetch, arriving.so_far)
        placed = await anyio.to_thread.run_sync(_placed, path, handle, folder / _name(wish))
        arriving.clear()
    return placed


def _name(wish: Wish) -> str:
    """The file's name without its ending."""
    job = wish.job_id if _SAFE.fullmatch(wish.job_id) else sha256(wish.job_id.encode()).hexdigest()[:24]
    parts = (job, wish.kind, None if wish.step is None else f"step-{wish.step}")
    return "-".join(part for part in parts if part)


def _kept(folder: Path, name: str) -> Archive | None:
    """The archive of an earlier call, if it is still what it was."""
    for ending in (*_ENDINGS.values(), ".tar", ".bin"):
        path = folder / f"{name}{ending}"
        if path.exists():
            found, told = _sha256(path), path.with_name(f"{path.name}.sha256")
            if told.exists() and told.read_text(encoding="utf-8").startswith(found):
                return Archive(path, path.stat().st_size, found, kept=True)
            raise UsageError(
                "a file of that name stands here already, and it is not the archive that was downloaded",
                where=str(path),
                fix="move it away, or give another folder with -o",
            )
    return None


def _placed(part: Path, handle: int, stem: Path) -> Archive:
    """Give the whole `.part` file its name, its hash written before it, everything on the disk."""
    os.fsync(handle)
    digest = _sha256(part)
    path = stem.with_name(f"{stem.name}{_ending(part)}")
    record = path.with_name(f"{path.name}.sha256")
    half = record.with_name(f".{record.name}.part")
    with half.open("w", encoding="utf-8") as stream:
        stream.write(f"{digest}  {path.name}\n")
        stream.flush()
        os.fsync(stream.fileno())
    half.replace(record)
    part.replace(path)
    _sync_folder(path.parent)
    return Archive(path, path.stat().st_size, digest)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _ending(path: Path) -> str:
    """What kind of archive it is, by its first bytes."""
    with path.open("rb") as stream:
        head = stream.read(512)
    known = next((ending for magic, ending in _ENDINGS.items() if head.startswith(magic)), None)
    return known or (".tar" if head[_TAR_AT : _TAR_AT + 5] == b"ustar" else ".bin")


def _sync_folder(folder: Path) -> None:
    """Have the new names on the disk too, where folders can be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
