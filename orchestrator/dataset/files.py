"""Looks at a file before it is read: is it there, is it text, in which encoding. Rows are left to the readers."""

from __future__ import annotations

import codecs
import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, BinaryIO, Literal, NamedTuple

from ..errors import UsageError
from .unpacking import PACKED_SUFFIXES, Packing, open_bytes, packing_of

__all__ = [
    "Binary",
    "TextFile",
    "byte_order_mark",
    "look_at",
    "must_be_a_file",
    "must_be_a_name",
    "not_text",
    "wide_encoding",
]

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
    (b"ARROW1", "an Arrow file", "export it as JSON Lines"),
    (b"%PDF", "a PDF", _GIVE_TEXT),
    (b"\x89PNG", "a picture", _GIVE_TEXT),
    (b"\xff\xd8\xff", "a picture", _GIVE_TEXT),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV"),
)
_PAGES = (
    (b"<!doctype html", "a web page", "download the file itself: the address gave a page about it"),
    (b"<html", "a web page", "download the file itself: the address gave a page about it"),
    (b"<?xml", "an XML document", _GIVE_TEXT),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file", "fetch it: git lfs pull"),
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
    """A readable file of rows: text, or a `table` in a binary format of columns.

    `guessed`: the encoding was told from the bytes, not from a mark or valid UTF-8. `mixed`: some lines are UTF-8 and
    some bytes are not; those read as lone surrogates U+DC80-U+DCFF.
    """

    path: Path
    encoding: str
    size: int
    notes: tuple[str, ...] = ()
    guessed: bool = False
    mixed: bool = False
    packing: Packing | None = None
    table: Literal["Parquet", "Arrow"] | None = None

    @property
    def suffix(self) -> str:
        """The suffix that tells the format, in lower case: `.jsonl` of `pairs.jsonl.gz`."""
        path = self.path.with_suffix("") if self.path.suffix.lower() in PACKED_SUFFIXES else self.path
        return path.suffix.lower()

    @property
    def name(self) -> str:
        """The name the user gave."""
        return str(self.path)

    def open(self, newline: str) -> IO[str]:
        """The text. Bytes that are not in the encoding come as lone surrogates, so that a row can be named for them."""
        return io.TextIOWrapper(self.open_bytes(), self.encoding, "surrogateescape", newline)

    def open_bytes(self) -> BinaryIO:
        """The bytes of the text, unpacked."""
        return open_bytes(self.path, self.packing)


class Binary(NamedTuple):
    """What a file is that is no text, and what to do about it."""

    what: str
    fix: str


def look_at(path: Path) -> TextFile:
    """What the file is. Raises `UsageError` when it is missing, unreadable, no regular file, or no text."""
    try:
        return _look_at(path)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), fix="check the permissions") from error


def _look_at(path: Path) -> TextFile:
    must_be_a_file(path)
    with path.open("rb") as stream:
        first = stream.read(8)
    packing, table = packing_of(first), _table_of(first, path)
    if table:
        return TextFile(path, "utf-8", path.stat().st_size, table=table)
    notes = (f"is packed with {packing}",) if packing else ()
    raw = TextFile(path, "utf-8", path.stat().st_size, notes, packing=packing)
    with raw.open_bytes() as stream:
        head = stream.read(_CHUNK)
    binary = not_text(head)
    if binary:
        raise UsageError(binary.what, where=str(path), fix=binary.fix.replace("FILE", str(path)))
    return _encoded(raw, head)


def _table_of(first: bytes, path: Path) -> Literal["Parquet", "Arrow"] | None:
    """Arrow's stream format has no mark of its own but the one before every message."""
    if first.startswith(b"PAR1"):
        return "Parquet"
    stream = first.startswith(b"\xff\xff\xff\xff") and path.suffix.lower() == ".arrow"
    return "Arrow" if stream or first.startswith(b"ARROW1") else None


def _encoded(raw: TextFile, head: bytes) -> TextFile:
    """The file with its encoding."""
    marked, wide = byte_order_mark(head), wide_encoding(head)
    if marked:
        return replace(raw, encoding=marked, notes=(*raw.notes, f"starts with a byte order mark ({marked})"))
    if wide:
        note = f"looks like {wide} without a byte order mark"
        return replace(raw, encoding=wide, notes=(*raw.notes, note), guessed=True)
    return raw if _is_utf8(raw) else _not_utf8(raw)


def must_be_a_file(path: Path) -> None:
    """Raises `UsageError` for a directory, a missing file (with the nearest name) and anything that is no file."""
    must_be_a_name(path)
    if path.is_dir():
        raise UsageError("is a directory", where=str(path), fix="name one file in it")
    if not path.exists():
        near = _similar_name(path)
        raise UsageError("no such file", where=str(path), fix=f"did you mean {near}?" if near else "check the path")
    if not path.is_file():
        raise UsageError("is no regular file", where=str(path), fix=_GIVE_TEXT)


def must_be_a_name(path: Path) -> None:
    """Raises `UsageError` for what no file can be called, and for a link that leads nowhere or in a circle."""
    try:
        leads_nowhere = path.is_symlink() and not path.exists()
    except (OSError, ValueError) as error:
        shown = str(path).replace("\0", "\\0")[:80]
        what = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"is no name of a file: {what}", where=shown, fix="check the path") from error
    if "\0" in str(path):
        raise UsageError(
            "is no name of a file: it holds a NUL", where=str(path).replace("\0", "\\0"), fix="check the path"
        )
    if leads_nowhere:
        raise UsageError("is a link that leads nowhere", where=str(path), fix="check where it points: ls -l")


def _similar_name(path: Path) -> str | None:
    from difflib import get_close_matches

    folder = path.parent
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() and os.access(folder, os.R_OK) else []
    near = get_close_matches(path.name, names, n=1)
    return str(folder / near[0]) if near else None


def not_text(head: bytes) -> Binary | None:
    """What a file that begins so is, when it is no text, or a text that never holds rows."""
    for magic, what, fix in _MAGIC:
        if head.startswith(magic):
            return Binary(f"is {what}", fix)
    opening = head[:200].lstrip().lower()
    for words, what, fix in _PAGES:
        if opening.startswith(words):
            return Binary(f"is {what}", fix)
    if head.count(b"\0") * 1000 > len(head) and not wide_encoding(head) and not byte_order_mark(head):
        return Binary("is a binary file, not text", _GIVE_TEXT)
    return None


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 of mostly Western text shows itself by a NUL in nearly every second byte; None for anything else."""
    sample = head[:4096]
    half = len(sample) // 2
    if half < 2:
        return None
    if sample[1::2].count(0) > 0.8 * half and sample[0::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if sample[0::2].count(0) > 0.8 * half and sample[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return None


def byte_order_mark(head: bytes) -> str | None:
    """The encoding that a mark at the beginning names."""
    return next((encoding for bom, encoding in _BOMS if head.startswith(bom)), None)


def _is_utf8(file: TextFile) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with file.open_bytes() as stream:
            while chunk := stream.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(file: TextFile) -> TextFile:
    """Latin-1 or Windows-1252, unless other lines prove that the file is UTF-8 with some bad bytes."""
    proofs = wrong = 0
    used: set[int] = set()
    with file.open_bytes() as stream:
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
        return replace(file, notes=(*file.notes, note), mixed=True)
    controls = {byte for byte in used if 0x80 <= byte <= 0x9F}
    encoding = "cp1252" if controls and not controls & _NOT_IN_CP1252 else "latin-1"
    return replace(file, encoding=encoding, notes=(*file.notes, f"is not UTF-8; read as {encoding}"), guessed=True)
