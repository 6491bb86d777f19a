"""The API's document, and whether an answer is what it says: a checker of the part that it uses.

What is not named there is a fault, too: clients are written by the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from seriatim.gateway.http.api import triggers

DOCUMENT: Final[dict[str, Any]] = orjson.loads(
    (Path(triggers.__file__).parent / "openapi.json").read_bytes()
)
SCHEMAS: Final[Mapping[str, Any]] = DOCUMENT["components"]["schemas"]

_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_KNOWN: Final = frozenset(
    [
        "type",
        "required",
        "properties",
        "additionalProperties",
        "unevaluatedProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "enum",
        "const",
        "oneOf",
        "allOf",
        "$ref",
        "minimum",
        "maximum",
        "description",
        "format",
        "default",
    ]
)


def answer_faults(method: str, path: str, status: int, body: bytes) -> list[str]:
    """Return what the document says otherwise of an answer.

    Args:
        method: such as ``GET``.
        path: without a query.
        status: of the answer.
        body: of the answer.
    """
    operation = operation_of(method, path)
    if operation is None:
        return [f"{method} {path} is not in the document"]
    said = operation["responses"].get(str(status), operation["responses"].get("default"))
    (content,) = said["content"].values()
    return list(faults(content["schema"], orjson.loads(body)))


def body_faults(method: str, path: str, body: object) -> list[str]:
    """Return what the document says otherwise of a body, which was taken; ``None`` for none."""
    said = operation_of(method, path).get("requestBody")
    if said is None:
        return [] if body in (None, {}) else [f"{method} {path} has a body"]
    if body is None:
        return ["a body is missing"] if said.get("required") else []
    (content,) = said["content"].values()
    return list(faults(content["schema"], body))


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *schema* as one map, where it refers to another one, or is all of several."""
    if "$ref" in schema:
        found: Any = DOCUMENT
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return resolved(found)
    if "allOf" not in schema:
        return schema
    parts = [resolved(each) for each in schema["allOf"]]
    return {
        "type": "object",
        "required": [name for each in parts for name in each.get("required", ())],
        "properties": {name: each for part in parts for name, each in part["properties"].items()},
        "additionalProperties": schema["unevaluatedProperties"],
    }


def faults(schema: Mapping[str, Any], value: Any, place: str = "") -> Iterator[str]:
    """Yield what makes *value* another thing than *schema* says; *place* is where it is."""
    schema = resolved(schema)
    assert schema.keys() <= _KNOWN, f"this checker does not know all of {list(schema)}"
    if "oneOf" in schema:
        found = [list(faults(each, value, place)) for each in schema["oneOf"]]
        if sum(not each for each in found) != 1:
            yield f"{place}: not one of several: {found}"
    if not _is_kind(schema, value):
        yield f"{place}: {value!r} is no {schema['type']}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{place}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if isinstance(value, int | float) and not (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
    ):
        yield f"{place}: {value} is out of bounds"
    if isinstance(value, dict):
        yield from _map_faults(schema, value, place)
    if isinstance(value, list):
        yield from _list_faults(schema, value, place)


def _is_kind(schema: Mapping[str, Any], value: Any) -> bool:
    kinds = schema.get("type", ())
    names = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, bool):
        return not names or "boolean" in names
    return not names or any(isinstance(value, _KINDS[each]) for each in names)


def _map_faults(schema: Mapping[str, Any], value: dict[str, Any], place: str) -> Iterator[str]:
    known = schema.get("properties", {})
    more = schema.get("additionalProperties", not known)
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{place}: {name} is missing"
    for name, each in value.items():
        if name in known:
            yield from faults(known[name], each, f"{place}/{name}")
        elif more is False:
            yield f"{place}: {name} is not in the document"
        elif more is not True:
            yield from faults(more, each, f"{place}/{name}")


def _list_faults(schema: Mapping[str, Any], value: list[Any], place: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{place}: {len(value)} of them"
    first = schema.get("prefixItems", ())
    for number, each in enumerate(value):
        if number < len(first):
            yield from faults(first[number], each, f"{place}/{number}")
        elif "items" in schema:
            yield from faults(schema["items"], each, f"{place}/{number}")


def operation_of(method: str, path: str) -> Any:
    for known, operations in DOCUMENT["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(known))
        if re.fullmatch(pattern, path) and method.lower() in operations:
            return operations[method.lower()]
    return None
