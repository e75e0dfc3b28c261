"""Looks at a file before it is read: is it there, is it text, in which encoding. Rows are left to the readers."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import UsageError

__all__ = ["TextFile", "look_at"]

_CHUNK = 1 << 20
_GIVE_TEXT = "give a CSV, TSV, JSON or JSON Lines file"
_MAGIC = (
    (b"\x1f\x8b", "gzip-compressed", "decompress it first: gunzip -k FILE"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", "decompress it first: zstd -d FILE"),
    (b"BZh", "bzip2-compressed", "decompress it first: bunzip2 -k FILE"),
    (b"\xfd7zXZ\x00", "xz-compressed", "decompress it first: unxz -k FILE"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"PAR1", "a Parquet file", "export it as JSON Lines"),
    (b"%PDF", "a PDF", _GIVE_TEXT),
    (b"\x89PNG", "a picture", _GIVE_TEXT),
    (b"\xff\xd8\xff", "a picture", _GIVE_TEXT),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_IN_CP1252 = {0x81, 0x8D, 0x8F, 0x90, 0x9D}


@dataclass(frozen=True, slots=True)
class TextFile:
    """A readable text file. `guessed`: the encoding was told from the bytes, not from a mark or valid UTF-8.

    `mixed`: some lines are UTF-8 and some bytes are not; those read as lone surrogates U+DC80-U+DCFF.
    """

    path: Path
    encoding: str
    size: int
    notes: tuple[str, ...] = ()
    guessed: bool = False
    mixed: bool = False

    @property
    def name(self) -> str:
        """The name the user gave."""
        return str(self.path)

    def open(self, newline: str) -> IO[str]:
        """The text. Bytes that are not in the encoding come as lone surrogates, so that a row can be named for them."""
        return self.path.open(encoding=self.encoding, errors="surrogateescape", newline=newline)


def look_at(path: Path) -> TextFile:
    """What the file is. Raises `UsageError` when it is missing, unreadable, no regular file, or no text."""
    try:
        return _look_at(path)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), fix="check the permissions") from error


def _look_at(path: Path) -> TextFile:
    _must_be_a_file(path)
    with path.open("rb") as stream:
        head = stream.read(_CHUNK)
    _must_be_text(path, head)
    size = path.stat().st_size
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return TextFile(path, encoding, size, (f"starts with a byte order mark ({encoding})",))
    wide = _wide_encoding(head)
    if wide:
        return TextFile(path, wide, size, (f"looks like {wide} without a byte order mark",), guessed=True)
    if head.count(b"\0") * 1000 > len(head):
        raise UsageError("is a binary file, not text", where=str(path), fix=_GIVE_TEXT)
    if _is_utf8(path):
        return TextFile(path, "utf-8", size)
    return _not_utf8(path, size)


def _must_be_a_file(path: Path) -> None:
    if path.is_dir():
        raise UsageError("is a directory", where=str(path), fix="name one file in it")
    if not path.exists():
        near = _similar_name(path)
        raise UsageError("no such file", where=str(path), fix=f"did you mean {near}?" if near else "check the path")
    if not path.is_file():
        raise UsageError("is no regular file", where=str(path), fix=_GIVE_TEXT)


def _similar_name(path: Path) -> str | None:
    from difflib import get_close_matches

    folder = path.parent
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() and os.access(folder, os.R_OK) else []
    near = get_close_matches(path.name, names, n=1)
    return str(folder / near[0]) if near else None


def _must_be_text(path: Path, head: bytes) -> None:
    for magic, what, fix in _MAGIC:
        if head.startswith(magic):
            raise UsageError(f"is {what}", where=str(path), fix=fix.replace("FILE", str(path)))


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 of mostly Western text shows itself by a NUL in nearly every second byte."""
    sample = head[:4096]
    half = len(sample) // 2
    if half < 2:
        return None
    if sample[1::2].count(0) > 0.8 * half and sample[0::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if sample[0::2].count(0) > 0.8 * half and sample[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return None


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(path: Path, size: int) -> TextFile:
    """Latin-1 or Windows-1252, unless other lines prove that the file is UTF-8 with some bad bytes."""
    proofs = wrong = 0
    used: set[int] = set()
    with path.open("rb") as stream:
        for line in stream:
            if line.isascii():
                continue
            try:
                line.decode()
                proofs += 1
            except UnicodeDecodeError:
                wrong += 1
                used.update(line)
    if proofs:
        note = f"is UTF-8, but {wrong} line(s) hold bytes that are not"
        return TextFile(path, "utf-8", size, (note,), mixed=True)
    controls = {byte for byte in used if 0x80 <= byte <= 0x9F}
    encoding = "cp1252" if controls and not controls & _NOT_IN_CP1252 else "latin-1"
    return TextFile(path, encoding, size, (f"is not UTF-8; read as {encoding}",), guessed=True)
