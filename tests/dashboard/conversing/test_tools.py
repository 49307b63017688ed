"""Definitions of tools: what is wrong with them is told with its place."""

import pytest

from monoize.base.errors import Invalid
from monoize.dashboard.conversing.tools import EXAMPLE, TOOLS_MOST, tools_of


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "This is not JSON, from line 1, column 2 on."),
        ("[" * 100_000, "This is not JSON."),
        ("{}", "/ has to be a list."),
        ("[3]", "/0 has to be an object."),
        ('[{"description": "x"}]', "/0/name is missing."),
        ('[{"name": "a b"}]', "/0/name has to be letters, digits, - and _, 64 of them at most."),
        ('[{"name": "a"}, {"name": "a"}]', "/1/name: a is there twice."),
        (
            '[{"type": "function", "name": "a"}]',
            "/0/type is not known: a tool has name, description and parameters.",
        ),
        ('[{"name": "a", "parameters": {"type": "array"}}]', "/0/parameters/type has to be object."),
        (
            '[{"name": "a", "parameters": {"properties": {"x": 1}}}]',
            "/0/parameters/properties/x has to be an object.",
        ),
        (str([{"name": f"t{n}"} for n in range(TOOLS_MOST + 1)]).replace("'", '"'), "/ cannot be used."),
    ],
)
def test_a_mistake_is_told_with_its_place(text, told):
    with pytest.raises(Invalid) as refusal:
        tools_of(text)

    assert told == refusal.value.details["wrong"]["tools"]


def test_tools_are_what_they_were_described_to_be():
    assert [] == tools_of(None)
    (tool,) = tools_of(EXAMPLE)
    assert ("weather", "The weather of a place now") == (tool.name, tool.description)
    assert ["place"] == tool.parameters["required"]
    assert {"type": "object"} == tools_of('[{"name": "a"}]')[0].parameters
