"""Tools between JSON Schema, as chat lines have them, and the OpenAPI subset of Gemini's function declarations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..records import JsonObject
from .checked import must_be, only_keys
from .conversation import BadLine
from .refusals import Refusal

__all__ = ["declaration", "declared", "undeclarable"]

_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
# Source: `Schema` in google-genai 3.4.0 (2026-11-22).
_PLAIN = {
    "type", "format", "title", "description", "nullable", "default", "example", "enum", "required", "propertyOrdering",
    "minItems", "maxItems", "minProperties", "maxProperties", "minimum", "maximum", "minLength", "maxLength", "pattern",
}  # fmt: skip
_NESTED = {"properties", "items", "anyOf", "additionalProperties"}


def undeclarable(tool: JsonObject, at: str) -> Iterator[Refusal]:
    """What of a tool has no place in a function declaration."""
    function = tool["function"]
    strange = sorted({*tool} - {"type", "function"} | {*function} - {"name", "description", "parameters"})
    if strange or tool.get("type") != "function":
        yield Refusal(f"{strange[0] if strange else 'type'!r} on a tool"[:120], "leave it out", at, "tools")
    if not isinstance(function.get("description", ""), str):
        yield Refusal("a tool's description that is no text", "write text", f"{at}.function.description", "tools")
    if "parameters" in function:
        yield from _unschemable(function["parameters"], f"{at}.function.parameters")


def declaration(tool: JsonObject) -> JsonObject:
    """The function declaration of a tool that is declarable."""
    function = tool["function"]
    return {key: _cased(function[key], str.upper) if key == "parameters" else function[key] for key in function}


def declared(tools: Any) -> tuple[JsonObject, ...]:
    """The tools of `[{"functionDeclarations": […]}]`. Raises `BadLine`."""
    found: list[JsonObject] = []
    for index, tool in enumerate(must_be(tools, list, "tools", "a list of tools", "tools")):
        at = f"tools[{index}].functionDeclarations"
        only_keys(tool, ("functionDeclarations",), f"tools[{index}]")
        listed = must_be(tool.get("functionDeclarations"), list, at, "a list of functions", "tools")
        found += [_tool(function, f"{at}[{number}]") for number, function in enumerate(listed)]
    return tuple(found)


def _tool(function: Any, at: str) -> JsonObject:
    only_keys(function, ("name", "description", "parameters"), at)
    must_be(function.get("name"), str, f"{at}.name", "text", "tools")
    if "parameters" not in function:
        return {"type": "function", "function": function}
    parameters = must_be(function["parameters"], dict, f"{at}.parameters", "a schema", "tools")
    try:
        lowered = _cased(parameters, str.lower)
    except (TypeError, AttributeError, RecursionError) as error:
        raise BadLine("is no schema", field=f"{at}.parameters", reason="tools") from error
    return {"type": "function", "function": {**function, "parameters": lowered}}


def _cased(schema: Any, case: Any) -> Any:
    """The schema with its types in this case: Gemini writes OBJECT where JSON Schema writes object."""
    if not isinstance(schema, dict):
        return schema
    cased = dict(schema)
    if isinstance(schema.get("type"), str):
        cased["type"] = case(schema["type"])
    for key in ("items", "additionalProperties"):
        if key in schema:
            cased[key] = _cased(schema[key], case)
    if isinstance(schema.get("anyOf"), list):
        cased["anyOf"] = [_cased(item, case) for item in schema["anyOf"]]
    if isinstance(schema.get("properties"), dict):
        cased["properties"] = {name: _cased(inner, case) for name, inner in schema["properties"].items()}
    return cased


def _unschemable(schema: Any, at: str) -> Iterator[Refusal]:
    if not isinstance(schema, dict):
        yield Refusal("a schema that is no object", "write a JSON schema", at, "tools")
        return
    for key in schema:
        if key not in _PLAIN | _NESTED:
            yield Refusal(f"the schema keyword {key!r}"[:120], "write the schema without it", at, "tools")
    kind = schema.get("type", "null")
    if not isinstance(kind, str) or kind not in _TYPES:
        yield Refusal("a schema type of another kind than one name", "name one JSON type", f"{at}.type", "tools")
    if not all(isinstance(value, str) for value in schema.get("enum") or ()):
        yield Refusal("an enum of other values than text", "list text values", f"{at}.enum", "tools")
    yield from _unschemable_inside(schema, at)


def _unschemable_inside(schema: JsonObject, at: str) -> Iterator[Refusal]:
    properties, options = schema.get("properties", {}), schema.get("anyOf", [])
    if not isinstance(properties, dict) or not isinstance(options, list):
        yield Refusal("a schema of another shape", "write a JSON schema", at, "tools")
        return
    inner = {f"properties.{name}": value for name, value in properties.items()}
    inner |= {f"anyOf[{index}]": value for index, value in enumerate(options)}
    inner |= {"items": schema["items"]} if "items" in schema else {}
    more = schema.get("additionalProperties")
    inner |= {"additionalProperties": more} if more is not None and not isinstance(more, bool) else {}
    for name, value in inner.items():
        yield from _unschemable(value, f"{at}.{name}")
