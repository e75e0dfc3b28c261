"""Rows in the formats of other platforms, read by their own dialects. Which one it is shows in the first good row."""

from __future__ import annotations

import re
from functools import lru_cache

from providers.contract import Dialect
from providers.dialects import BadLine, named, names
from providers.records import Example, JsonObject

__all__ = ["ForeignReader"]

_CHAT = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}


class ForeignReader:
    """Reads lines that hold `key`, which only their format knows. The dialect that reads the first reads them all."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._dialect: Dialect | None = None

    def read(self, line: JsonObject) -> Example:
        """The example. Raises `BadLine` with what the dialect objects to."""
        if self._dialect is not None:
            return self._dialect.decode(line)
        objection = BadLine("is in no format that is known", field=self._key)
        for dialect in _knowing(self._key):
            try:
                example = dialect.decode(line)
            except BadLine as error:
                if not _does_not_know(error, self._key) and re.split(r"[.\[]", error.field)[0] in line:
                    objection = error
            else:
                self._dialect = dialect
                return example
        raise objection


@lru_cache(maxsize=16)
def _knowing(key: str) -> tuple[Dialect, ...]:
    """The dialects that do not take the key for a stranger beside an ordinary conversation."""
    found = []
    for dialect in map(named, names()):
        try:
            dialect.decode({**_CHAT, key: []})
        except BadLine as error:
            if not _does_not_know(error, key):
                found.append(dialect)
    return tuple(found)


def _does_not_know(error: BadLine, key: str) -> bool:
    return error.reason == "unknown" and error.field == key
