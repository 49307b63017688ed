"""What can be said in a policy, as its JSON Schema has it: field by field, in words. Pure."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

from monoize.dashboard.pages.governance.words import short_json

DEPTH_MOST: Final = 3
_NONE: Final = object()


@dataclasses.dataclass(frozen=True, slots=True)
class PolicyField:
    """`path` with `[]` for each item of a list and `*` for any name; `default` empty where it has to be said."""

    path: str
    kind: str
    default: str
    description: str


def fields_of(schema: Mapping[str, Any]) -> list[PolicyField]:
    return list(_below(schema, "", schema.get("$defs", {}), DEPTH_MOST))


def _below(schema: Mapping[str, Any], at: str, defined: Mapping[str, Any], depth: int) -> Iterator[PolicyField]:
    schema = _resolved(schema, defined)
    if not depth:
        return
    if "items" in schema:
        yield from _below(schema["items"], f"{at}[]", defined, depth)
    if isinstance(named := schema.get("additionalProperties"), Mapping):
        yield from _below(named, f"{at}.*" if at else "*", defined, depth)
    for name, inner in schema.get("properties", {}).items():
        path = f"{at}.{name}" if at else name
        found = _resolved(inner, defined)
        default = inner.get("default", _NONE)
        yield PolicyField(path, _kind(found, defined), _default(default), found.get("description", ""))
        yield from _below(found, path, defined, depth - 1)


def _resolved(schema: Mapping[str, Any], defined: Mapping[str, Any]) -> Mapping[str, Any]:
    """Behind a reference, and behind `or null`, which only says that nothing need be said."""
    if "$ref" in schema:
        return _resolved(defined[schema["$ref"].rpartition("/")[2]], defined)
    choices = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return _resolved(choices[0], defined) if len(choices) == 1 else schema


def _kind(schema: Mapping[str, Any], defined: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(short_json(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(_resolved(each, defined), defined) for each in schema["anyOf"])
    if "items" in schema:
        return f"list of {_kind(_resolved(schema['items'], defined), defined)}"
    kind: str = schema.get("type", "anything")
    return f"{kind} {schema['minimum']} to {schema['maximum']}" if {"minimum", "maximum"} <= schema.keys() else kind


def _default(value: Any) -> str:
    return "" if value is _NONE else "nothing" if value in (None, [], {}) else short_json(value)
