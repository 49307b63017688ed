"""Schemas in the provider's own dialect, made into those that everybody else understands."""

from typing import Any

import pytest
from hypothesis import given
from support.cost_strategies import at_leisure
from support.urp_strategies import json_objects

from monoize.gateway.protocol.gemini.schemas import json_schema


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"type": "OBJECT"}, {"type": "object"}),
        ({"type": "TYPE_UNSPECIFIED"}, {}),
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "nullable": False}, {"type": "string"}),
        (
            {"type": "STRING", "format": "enum", "enum": ["a"], "nullable": True},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        ({"type": "STRING", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "ARRAY", "minItems": "2", "max_items": 3}, {"type": "array", "minItems": 2, "maxItems": 3}),
        ({"type": "STRING", "maxLength": "many"}, {"type": "string", "maxLength": "many"}),
        (
            {"any_of": [{"type": "STRING"}, {"type": "INTEGER"}], "nullable": True},
            {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        ),
        (
            {"type": "OBJECT", "properties": {"any_of": {"type": "STRING"}}, "propertyOrdering": ["any_of"]},
            {"type": "object", "properties": {"any_of": {"type": "string"}}},
        ),
        (
            {"ref": "#/defs/Pet", "defs": {"Pet": {"type": "OBJECT", "example": {"a": 1}}}},
            {"$ref": "#/$defs/Pet", "$defs": {"Pet": {"type": "object"}}},
        ),
        (
            {"type": "OBJECT", "additionalProperties": {"type": "NUMBER"}},
            {"type": "object", "additionalProperties": {"type": "number"}},
        ),
        (
            {"type": "object", "additionalProperties": False, "required": ["a"], "default": {"type": "OBJECT"}},
            {"type": "object", "additionalProperties": False, "required": ["a"], "default": {"type": "OBJECT"}},
        ),
    ],
)
def test_schemas(own: dict[str, Any], expected: dict[str, Any]):
    assert expected == json_schema(own)


@at_leisure
@given(json_objects)
def test_any_schema_is_read_and_left_as_it_was(own: dict[str, Any]):
    before = repr(own)

    json_schema(own)

    assert before == repr(own)


@pytest.mark.parametrize(
    "schema",
    [
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"a": {"type": ["string", "null"], "pattern": "x"}, "b": {"$ref": "#/$defs/B"}},
            "$defs": {"B": {"oneOf": [{"const": 1}, {"not": {"type": "null"}}]}},
            "required": ["a"],
        }
    ],
)
def test_what_is_a_json_schema_already_stays_one(schema: dict[str, Any]):
    assert schema == json_schema(schema)
