"""A text file that remembers the lines its reader has taken: what a broken row of a table was before parsing."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, fields
from typing import IO, NamedTuple

from .files import TextFile

__all__ = ["Taped", "taped"]


class Taped(NamedTuple):
    """The file to read, and the lines taken from it since it was last opened or the list was last cleared."""

    file: TextFile
    taken: list[str]


def taped(file: TextFile) -> Taped:
    """The same file, on tape. Whoever reads clears the list, or it grows to the whole file."""
    taken: list[str] = []
    known = {one.name: getattr(file, one.name) for one in fields(file)}
    return Taped(_TapedFile(**known, taken=taken), taken)


class _Stream(io.TextIOWrapper):
    """Text that notes each line it gives."""

    taken: list[str]

    def __next__(self) -> str:  # type: ignore[override]  # typeshed: every stream gives bytes
        line = super().__next__()
        self.taken.append(line)
        return line


@dataclass(frozen=True, slots=True)
class _TapedFile(TextFile):
    taken: list[str] = field(default_factory=list)

    def open(self, newline: str) -> IO[str]:
        self.taken.clear()
        stream = _Stream(self.open_bytes(), self.encoding, "surrogateescape", newline)
        stream.taken = self.taken
        return stream
