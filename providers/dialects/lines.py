"""One example as the exact bytes of one line."""

from __future__ import annotations

import json

from ..contract import Dialect
from ..errors import InvalidData
from ..records import Example

__all__ = ["encode_line"]

_dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
# Valid inside a JSON string, but `str.splitlines` and some readers take them for line ends.
_LINE_ENDS = {"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def encode_line(dialect: Dialect, example: Example) -> bytes:
    """UTF-8 JSON with its newline. Raises `Unsupported`, or `InvalidData` where the text is not Unicode."""
    try:
        line = _dump(dialect.encode(example))
        if not line.isascii():
            for character, escape in _LINE_ENDS.items():
                line = line.replace(character, escape)
        return line.encode() + b"\n"
    except UnicodeEncodeError as error:
        raise InvalidData("holds a lone surrogate, which UTF-8 cannot write", nothing_created=True) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidData(f"cannot be written as JSON: {error}", nothing_created=True) from error
