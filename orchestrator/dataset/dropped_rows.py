"""Keeps every dropped row, as it was read, beside the output with its reason. The sources are read once more for it.

Which rows are dropped is decided elsewhere. One row of a file is in memory at a time, but for a file that is one JSON
document, which its reader holds whole.
"""

from __future__ import annotations

import base64
import errno
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..errors import TunewrightError, UsageError
from . import columnar
from .files import TextFile, look_at
from .json_lines import loads, parse
from .opening import open_source
from .records import Dropped
from .source import Record, Source, envelope_key
from .tape import taped

__all__ = ["write_dropped"]

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _Original(NamedTuple):
    """One row as JSON text: its own JSON where it is an object, else a string that holds its text.

    `encoding`: "base64" where the string holds bytes that are no text.
    """

    json: str
    encoding: str | None = None


_NOT_FOUND = _Original("null")
Wanted = Mapping[int, list[Dropped]]


def write_dropped(dropped: Iterable[Dropped], path: Path) -> int:
    """Write `file, row, rule, reason, source` of each dropped row as a line of JSON, and return how many there are.

    `source` is the original row: an object as it stood there, byte by byte in JSON Lines; a string of its text where it
    could not be read as one, with `encoding` "base64" where that is no text either; null where the file no longer has
    the row. Bytes inside a row of Parquet or Arrow stand as {"base64": …}. The file is readable by its owner only,
    whole or not there, and empty where nothing was dropped.

    Raises `UsageError` for a source that can no longer be read, `TunewrightError` where `path` cannot be written.
    """
    by_file: defaultdict[str, defaultdict[int, list[Dropped]]] = defaultdict(lambda: defaultdict(list))
    for item in dropped:
        by_file[item.file][item.row].append(item)
    count = 0
    with _whole_file(path) as stream:
        for file, wanted in by_file.items():
            for line in _read(file, wanted):
                stream.write(line)
                count += 1
    return count


def _read(file: str, wanted: Wanted) -> Iterator[str]:
    """The lines of one file. What goes wrong in reading must not look like trouble with writing."""
    lines = _lines(look_at(Path(file)), wanted)
    while True:
        try:
            line = next(lines, None)
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", where=file, fix="check the file") from error
        if line is None:
            return
        yield line


def _lines(file: TextFile, wanted: Wanted) -> Iterator[str]:
    """The lines to write for one file, in the order of its rows."""
    missing = dict(wanted)
    for number, original in _originals(file, wanted):
        yield from (_line(item, original) for item in missing.pop(number, ()))
    for items in missing.values():
        yield from (_line(item, _NOT_FOUND) for item in items)


def _line(item: Dropped, original: _Original) -> str:
    fields: dict[str, Any] = {"file": item.file, "row": item.row, "rule": item.rule, "reason": item.reason}
    if original.encoding:
        fields["encoding"] = original.encoding
    return f'{_dump(fields)[:-1]}, "source": {original.json}}}\n'


def _originals(file: TextFile, wanted: Wanted) -> Iterator[tuple[int, _Original]]:
    """The wanted rows with their numbers."""
    if file.table:
        yield from ((number, _Original(_dump(_jsonable(row)))) for number, row in columnar.raw_rows(file, wanted))
        return
    recorded, taken = taped(file)
    source = open_source(recorded)
    if source.format == "JSON Lines":
        yield from _of_lines(file, wanted)
        return
    has_header = source.header is not None
    for record in source.records:
        if record.number in wanted:
            raw = "".join(_below_header(taken, source) if has_header else taken)
            yield record.number, _of_record(file, source, record, raw)
        taken.clear()
        has_header = False


def _of_lines(file: TextFile, wanted: Wanted) -> Iterator[tuple[int, _Original]]:
    with file.open("\n") as stream:
        for number, line in enumerate(stream, 1):
            if number in wanted:
                text = line.strip()
                whole = type(parse(text)) is dict and "\r" not in text and _is_unicode(text)
                yield number, _Original(text) if whole else _text(line.rstrip("\r\n"), file)


def _of_record(file: TextFile, source: Source, record: Record, raw: str) -> _Original:
    if record.fields is not None:
        return _Original(_dump(record.fields))
    if source.format == "JSON":
        return _Original(_dump(_item(file, record.number)))
    return _text(raw.strip("\r\n"), file) if raw else _NOT_FOUND


def _item(file: TextFile, number: int) -> Any:
    """An item that is no object, of a document that is a list or holds one."""
    with file.open("\n") as stream:
        value = loads(stream.read())
    return (value[envelope_key(value) or ""] if isinstance(value, dict) else value)[number - 1]


def _below_header(taken: list[str], source: Source) -> list[str]:
    """What was taken with the first record, without the header: that ends where its quotes are closed."""
    start = next((index for index, line in enumerate(taken) if line.strip()), 0)
    quoted = "quotes are ordinary characters" not in source.notes
    end, quotes = start, 0
    while end < len(taken):
        quotes += taken[end].count('"')
        end += 1
        if not quoted or quotes % 2 == 0:
            break
    return taken[end:]


def _text(text: str, file: TextFile) -> _Original:
    """Lone surrogates stand for bytes that are not in the file's encoding; as text they could not be read back."""
    if _is_unicode(text):
        return _Original(_dump(text))
    original = text.encode(file.encoding, "surrogateescape")
    return _Original(_dump(base64.b64encode(original).decode()), "base64")


def _jsonable(value: Any) -> Any:
    """A value of a binary table as JSON: bytes as an object that says so, what JSON has no word for as its text."""
    match value:
        case dict():
            return {str(name): _jsonable(item) for name, item in value.items()}
        case list() | tuple():
            return [_jsonable(item) for item in value]
        case bytes():
            return {"base64": base64.b64encode(value).decode()}
        case None | bool() | int() | str():
            return value
        case float() if isfinite(value):
            return value
    return str(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _dump(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if _is_unicode(text) else json.dumps(value)


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[str]]:
    """A stream into a draft that takes its name only when everything is on disk."""
    draft = path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(6).hex()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="utf-8", newline="\n") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(error, path) from error


def _cannot_write(error: OSError, path: Path) -> TunewrightError:
    if error.errno in _NO_SPACE:
        what = "no space left for the dropped rows; the file was not written"
        return TunewrightError(what, where=str(path), fix="free some space, or choose another directory")
    what = f"the dropped rows cannot be written: {error.strerror}"
    return TunewrightError(what, where=str(path), fix="check the directory and its permissions")
