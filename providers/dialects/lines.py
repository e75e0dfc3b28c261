"""One example as the exact bytes of one line."""

from __future__ import annotations

import json

import msgspec

from ..contract import Dialect
from ..errors import InvalidData
from ..records import Example

__all__ = ["encode_line"]

_dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_dump_plain = msgspec.json.Encoder().encode
"""The same bytes, ten times as fast, for what holds no number that JSON lacks: it would write NaN as null."""

# Valid inside a JSON string, but `str.splitlines` and some readers take them for line ends.
_LINE_ENDS = {character.encode(): f"\\u{ord(character):04x}".encode() for character in "\u0085\u2028\u2029"}


def encode_line(dialect: Dialect, example: Example) -> bytes:
    """UTF-8 JSON with its newline. Raises `Unsupported`, or `InvalidData` where the text is not Unicode."""
    value = dialect.encode(example)
    try:
        line = _dump_plain(value) if _is_plain(example) else _dump(value).encode()
    except UnicodeEncodeError as error:
        raise InvalidData("holds a lone surrogate, which UTF-8 cannot write", nothing_created=True) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidData(f"cannot be written as JSON: {error}", nothing_created=True) from error
    if not line.isascii():
        for character, escape in _LINE_ENDS.items():
            line = line.replace(character, escape)
    return line + b"\n"


def _is_plain(example: Example) -> bool:
    """Whether texts are all there is to it."""
    if example.tools or example.rejected:
        return False
    return all(type(message.content) is str and not message.tool_calls for message in example.messages)
