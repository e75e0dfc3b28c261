"""JSON schemas applied to untrusted values: bounded in time, and nothing is ever fetched.

Patterns run on an engine of linear time, references are followed inside the schema alone and counted, and the two
keywords whose cost the library does not bound are replaced by our own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from ...errors import UsageError
from .json_fields import leaves
from .pattern import occurs

__all__ = ["Checker", "checker", "first_error"]

_MOST_REFERENCES = 20_000


class _TooMuchError(Exception):
    """The schema's references multiply on this value."""


@dataclass(slots=True)
class Checker:
    """A validator whose references are counted anew for each value."""

    validator: Any = None
    own_reference: Any = None
    left: int = _MOST_REFERENCES

    def follow(self, *given: Any) -> Iterator[Any]:
        """Stands for the library's `$ref`."""
        self.left -= 1
        if self.left < 0:
            raise _TooMuchError
        yield from self.own_reference(*given)


@lru_cache(maxsize=64)
def checker(schema_json: str) -> Checker:
    """Raises `UsageError` for what is no schema, and ModuleNotFoundError without jsonschema."""
    jsonschema, referencing = import_module("jsonschema"), import_module("referencing")
    schema = json.loads(schema_json)
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        at = ".".join(map(str, error.absolute_path)) or "the schema"
        raise UsageError(f"{at}: {error.message}"[:300], where="json-schema", fix="mend the schema") from error
    _refuse_unbounded(schema)
    made = Checker(own_reference=kind.VALIDATORS["$ref"])
    ours = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
        "$ref": made.follow,
    }
    safe = jsonschema.validators.extend(kind, ours)
    made.validator = safe(schema, registry=referencing.Registry())
    return made


def first_error(schema_json: str, value: Any) -> str:
    """The first thing that does not fit, and where, in words; '' where all fits."""
    if leaves(value) is None:
        return "too large or too deep to check"
    check = checker(schema_json)
    check.left = _MOST_REFERENCES
    unresolvable = import_module("referencing.exceptions").Unresolvable
    try:
        error = next(check.validator.iter_errors(value), None)
    except (_TooMuchError, RecursionError):
        return "the schema refers to itself too often on this answer"
    except unresolvable as broken:
        return f"the schema refers to what it does not hold: {broken.ref}"[:200]
    if error is None:
        return ""
    at = ".".join(map(str, error.absolute_path)) or "the answer"
    return f"{at}: {error.message}"[:200]


def _refuse_unbounded(schema: Any) -> None:
    """What cannot be checked in bounded time is refused before anybody is asked."""
    nodes = list(_nodes(schema))
    for node in nodes:
        if isinstance(node.get("pattern"), str):
            occurs(node["pattern"], "")
        for expression in node["patternProperties"] if isinstance(node.get("patternProperties"), dict) else ():
            occurs(expression, "")
    if any("patternProperties" in node for node in nodes) and any("unevaluatedProperties" in node for node in nodes):
        what = "unevaluatedProperties beside patternProperties is not supported"
        raise UsageError(what, where="json-schema", fix="use additionalProperties")


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(child)


def _wrong(message: str) -> Any:
    return import_module("jsonschema").ValidationError(message)


def _pattern(_validator: Any, expression: str, value: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(value, str) and not occurs(expression, value):
        yield _wrong(f"{value[:60]!r} does not match {expression[:60]!r}")


def _pattern_properties(validator: Any, patterns: dict[str, Any], value: Any, _schema: Any) -> Iterator[Any]:
    for key, item in value.items() if isinstance(value, dict) else ():
        for expression, inner in patterns.items():
            if occurs(expression, key):
                yield from validator.descend(item, inner, path=key, schema_path=expression)


def _additional_properties(validator: Any, allowed: Any, value: Any, schema: Any) -> Iterator[Any]:
    patterns, known = schema.get("patternProperties", {}), schema.get("properties", {})
    for key, item in value.items() if isinstance(value, dict) else ():
        if key in known or any(occurs(expression, key) for expression in patterns):
            continue
        if allowed is False:
            yield _wrong(f"{key[:60]!r} is not among the properties allowed")
        elif isinstance(allowed, dict):
            yield from validator.descend(item, allowed, path=key)


def _unique_items(_validator: Any, asked: Any, value: Any, _schema: Any) -> Iterator[Any]:
    if asked and isinstance(value, list):
        spelt = [json.dumps(_whole_numbers(item), sort_keys=True) for item in value]
        if len(set(spelt)) < len(spelt):
            yield _wrong("an item stands there twice")


def _whole_numbers(value: Any) -> Any:
    """1.0 is 1 to a schema."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    return [_whole_numbers(item) for item in value] if isinstance(value, list) else value
