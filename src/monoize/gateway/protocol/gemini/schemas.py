"""Schemas in Gemini's own dialect (of OpenAPI, with types in capitals) made into JSON schemas.

The other way is not needed: the service takes JSON schemas too. No recursion, as schemas come from callers.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.protocol.gemini.wire import spelled
from monoize.gateway.protocol.urp import Json

_ONE: Final = frozenset({"items", "additionalProperties", "not"})
_SEVERAL: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED: Final[Mapping[str, str]] = {"properties": "properties", "defs": "$defs", "$defs": "$defs"}
_COUNTS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_COUNT: Final = re.compile(r"[0-9]{1,18}")
_OWN: Final = frozenset({"propertyOrdering", "nullable", "example"})

_Waiting = list[tuple[Any, Any, Any]]
"""Schemas to convert, with the object or list and the place in it where they go."""


def json_schema(schema: Json) -> Json:
    holder: dict[str, Json] = {}
    waiting: _Waiting = [(schema, holder, "schema")]
    while waiting:
        source, target, place = waiting.pop()
        target[place] = _converted(source, waiting) if isinstance(source, dict) else source
    return holder["schema"]


def object_schema(schema: Json) -> Json:
    """For parameters, which are an object even where nobody says so."""
    return schema if "type" in schema else {"type": "object", **schema}


def _converted(source: Json, waiting: _Waiting) -> Json:
    source = spelled(source)
    found: Json = {}
    for name, value in source.items():
        if name in _OWN:
            continue
        if name in _NAMED and isinstance(value, dict):
            children: Json = {}
            found[_NAMED[name]] = children
            waiting += [(child, children, called) for called, child in value.items()]
        elif name in _SEVERAL and isinstance(value, list):
            branches: list[Any] = [None] * len(value)
            found[name] = branches
            waiting += [(child, branches, place) for place, child in enumerate(value)]
        elif name in _ONE:
            found[name] = None
            waiting.append((value, found, name))
        else:
            _keep(found, name, value)
    if source.get("nullable") is True:
        _allow_null(found)
    return found


def _keep(found: Json, name: str, value: Any) -> None:
    if name == "type" and isinstance(value, str):
        if value.upper() != "TYPE_UNSPECIFIED":
            found["type"] = value.lower()
    elif name == "format" and value == "enum":
        return
    elif name == "ref":
        found["$ref"] = value.replace("#/defs/", "#/$defs/") if isinstance(value, str) else value
    elif name in _COUNTS and isinstance(value, str) and _COUNT.fullmatch(value):
        # 64-bit integers are text in the JSON of the service.
        found[name] = int(value)
    else:
        found[name] = value


def _allow_null(found: Json) -> None:
    if isinstance(found.get("type"), str) and found["type"] != "null":
        found["type"] = [found["type"], "null"]
    if isinstance(found.get("anyOf"), list):
        found["anyOf"].append({"type": "null"})
    if isinstance(found.get("enum"), list) and None not in found["enum"]:
        found["enum"] = [*found["enum"], None]
