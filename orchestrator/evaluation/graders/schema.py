"""Graders of form: is the answer JSON at all, and does it fit a JSON schema of yours?

The checking itself, safe against any answer, is `schema_checking`'s.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...canonical import sha256_of
from ...errors import MissingExtra, UsageError
from .grade import Grade, cut
from .json_fields import MISSING, parse
from .schema_checking import checker, first_error

__all__ = ["JsonSchema", "ValidJson", "json_schema"]

_LARGEST_BYTES = 1_000_000
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class ValidJson:
    """Right when the whole answer is JSON. A code fence around it is forgiven and noted, words are not."""

    reason: str = ""
    name: str = "valid-json"
    measure: Literal["binary", "score"] = "binary"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`; the expected answer has no say."""
        value, note = _whole(answer)
        return Grade(0.0, False, note) if value is MISSING else Grade(1.0, True, note)


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """Right when the answer is JSON that fits the schema in `path`. What it says is not judged."""

    reason: str = ""
    path: str = ""
    schema_json: str = "{}"
    measure: Literal["binary", "score"] = "binary"
    name: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"json-schema:{Path(self.path).name}")

    @property
    def identity(self) -> str:
        """Another schema under the same name is another grader."""
        return f"{self.name} {sha256_of(self.schema_json)}"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`; the expected answer has no say. The note tells the first thing that does not fit, and where."""
        value, note = _whole(answer)
        if value is MISSING:
            return Grade(0.0, False, note)
        wrong = first_error(self.schema_json, value)
        return Grade(0.0, False, wrong) if wrong else Grade(1.0, True, note)


def json_schema(reason: str, path: str) -> JsonSchema:
    """The grader by the schema in that file. Raises `UsageError` where it is none."""
    try:
        with Path(path).open("rb") as stream:
            schema = json.loads(stream.read(_LARGEST_BYTES + 1).decode("utf-8"))
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else f"it is no JSON ({error})"
        fix = "json-schema:FILE.json, a JSON Schema"
        raise UsageError(f"the schema cannot be read: {what}", where=path, fix=fix) from error
    spelt = json.dumps(schema, sort_keys=True)
    try:
        checker(spelt)
    except ModuleNotFoundError:
        what = "the grader json-schema needs jsonschema, which is not installed"
        raise MissingExtra(what, where="grader", fix="pip install 'tunewright[graders]'") from None
    return JsonSchema(reason, path, spelt)


def _whole(answer: str) -> tuple[Any, str]:
    """The JSON that the answer is; `MISSING` and why where it is none, or has words around it."""
    value, note = parse(answer)
    if value is MISSING or not note:
        return value, note
    bare = cut(answer).strip()
    if bare.startswith(_FENCE) and bare.endswith(_FENCE) and bare.count(_FENCE) == 2:
        return value, "a code fence around the JSON"
    return MISSING, "words around the JSON"
