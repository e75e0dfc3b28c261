"""Whether a call's arguments fit the schema that its tool declares, by the library jsonschema where it is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from providers.records import JsonObject

from .rules import Problem

__all__ = ["misfit", "schema_problem"]

# A schema comes from the data: its expressions could be made to match for ever, its references to go round or call out.
_NOT_APPLIED = ("pattern", "patternProperties", "format", "$dynamicRef")
_NEED_PATTERNS = ("additionalProperties", "unevaluatedProperties")
_LARGEST_SCHEMA = 100_000
_MOST_REFERENCES = 2_000


class _TooMuchError(Exception):
    """The schema's references multiply."""


@dataclass(slots=True)
class _Checker:
    """A validator whose references are counted anew for each value."""

    validator: Any = None
    left: int = _MOST_REFERENCES

    def follow(self, *given: Any) -> Iterator[Any]:
        """Stands for the library's own `$ref`."""
        self.left -= 1
        if self.left < 0:
            raise _TooMuchError
        yield from import_module("jsonschema").Draft202012Validator.VALIDATORS["$ref"](*given)

    def first_error(self, value: JsonObject) -> Any:
        """The first thing wrong, or None."""
        self.left = _MOST_REFERENCES
        return next(self.validator.iter_errors(value), None)


def misfit(arguments: JsonObject, schema: JsonObject) -> Problem | None:
    """The first thing that does not fit; None when all does. Without jsonschema only `required` is looked at."""
    required = schema.get("required")
    missing = [name for name in required if name not in arguments] if isinstance(required, list) else []
    if missing:
        return Problem("tool-arguments", f"lacks the required {', '.join(map(str, missing))}"[:200])
    try:
        checker = _checker(json.dumps(schema, sort_keys=True))
        return checker if isinstance(checker, Problem) else _first(checker, arguments)
    except ModuleNotFoundError:
        return None


def schema_problem(schema: JsonObject) -> Problem | None:
    """What is wrong with a schema by itself; None where nothing is, or without jsonschema."""
    try:
        checker = _checker(json.dumps(schema, sort_keys=True))
    except ModuleNotFoundError:
        return None
    return checker if isinstance(checker, Problem) else None


@lru_cache(maxsize=256)
def _checker(schema_json: str) -> _Checker | Problem:
    """A validator of this schema, or what is wrong with the schema. Tools repeat from row to row."""
    if len(schema_json) > _LARGEST_SCHEMA:
        return Problem("tool-schema", "is a schema of over 100,000 characters, which was not applied")
    jsonschema, referencing = import_module("jsonschema"), import_module("referencing")
    usual = jsonschema.Draft202012Validator
    schema = json.loads(schema_json)
    try:
        usual.check_schema(schema)
    except jsonschema.SchemaError as error:
        return Problem("tool-schema", f"is no JSON schema: {error.message}"[:200])
    left_out = (*_NOT_APPLIED, *(_NEED_PATTERNS if '"patternProperties"' in schema_json else ()))
    checker = _Checker()
    kind = jsonschema.validators.extend(usual, {**dict.fromkeys(left_out, _fits), "$ref": checker.follow})
    checker.validator = kind(schema, registry=referencing.Registry())
    return checker


def _fits(*_: Any) -> None:
    """A keyword that is not applied finds nothing."""


def _first(checker: _Checker, arguments: JsonObject) -> Problem | None:
    unresolvable = import_module("referencing.exceptions").Unresolvable
    try:
        error = checker.first_error(arguments)
    except (_TooMuchError, RecursionError):
        return Problem("tool-schema", "refers to itself without end, or too often to be applied")
    except unresolvable as broken:
        return Problem("tool-schema", f"refers to what it does not hold: {broken.ref}"[:200])
    if error is None:
        return None
    at = ".".join(map(str, error.absolute_path))
    return Problem("tool-misfit", f"{at or 'the object'}: {error.message}"[:200])
