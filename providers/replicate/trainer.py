"""What a version says that it takes: the inputs of its `train()` and of its `predict()`, out of its OpenAPI schema.

Cog writes both into every version: `TrainingInput` where the model can be trained, `Input` for asking it. A choice of
words is a schema of its own, named by `allOf`. Source: the contract of GET /v1/models/…/versions/… (`openapi_schema`)
and https://cog.run/http/, as of 2026-11-26.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..records import JsonObject
from ..settings import Setting
from ..wire import number

__all__ = ["Inputs", "Trainer", "read_trainer"]

_KINDS: Mapping[str, Literal["int", "float", "bool", "text"]] = {
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "string": "text",
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs by name, each with what its schema says of it; `required` must be given."""

    fields: Mapping[str, JsonObject]
    required: tuple[str, ...] = ()

    def first(self, *names: str) -> str | None:
        """The first of the names that is there."""
        return next((name for name in names if name in self.fields), None)

    def setting(self, name: str) -> Setting | None:
        """What its value may be; None where the schema does not bind it to a plain value."""
        field = self.fields[name]
        kind = _KINDS.get(str(field.get("type")))
        if kind is None:
            return None
        words = field.get("enum") if kind == "text" else None
        return Setting(
            kind=kind,
            low=number(field.get("minimum")),
            high=number(field.get("maximum")),
            words=tuple(str(word) for word in words) if isinstance(words, list) else (),
        )

    @property
    def files(self) -> tuple[str, ...]:
        """Inputs that take a file: the URL of one."""
        return tuple(name for name, field in self.fields.items() if field.get("format") == "uri")


@dataclass(frozen=True, slots=True)
class Trainer:
    """One version. `train` None: it cannot be trained; `predict` None: it tells no inputs to ask it with."""

    train: Inputs | None
    predict: Inputs | None


def read_trainer(version: JsonObject) -> Trainer:
    """From the answer of GET …/versions/ID, or the `latest_version` of a model."""
    schema = version.get("openapi_schema")
    parts = schema.get("components") if isinstance(schema, Mapping) else None
    schemas = parts.get("schemas") if isinstance(parts, Mapping) else None
    named = cast("Mapping[str, Any]", schemas) if isinstance(schemas, Mapping) else {}
    return Trainer(_inputs(named, "TrainingInput"), _inputs(named, "Input"))


def _inputs(schemas: Mapping[str, Any], name: str) -> Inputs | None:
    told = schemas.get(name)
    fields = told.get("properties") if isinstance(told, Mapping) else None
    if not isinstance(told, Mapping) or not isinstance(fields, Mapping):
        return None
    required = told.get("required")
    return Inputs(
        {str(key): _merged(schemas, field) for key, field in fields.items() if isinstance(field, Mapping)},
        tuple(str(key) for key in required) if isinstance(required, list) else (),
    )


def _merged(schemas: Mapping[str, Any], field: Mapping[str, Any]) -> JsonObject:
    """The field with what it refers to; its own words win."""
    whole: dict[str, Any] = {}
    for part in field.get("allOf") or ():
        name = str(part.get("$ref", "")).rpartition("/")[2] if isinstance(part, Mapping) else ""
        found = schemas.get(name)
        whole |= found if isinstance(found, Mapping) else {}
    return whole | dict(field)
