"""Definitions of tools as people type them: a JSON list, the same for every protocol. Pure."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from monoize.control.edge.wire import STORABLE, Wire
from monoize.dashboard.forms import invalid
from monoize.gateway.protocol.urp import Tool

TOOLS_MOST: Final = 64
EXAMPLE: Final = """[
  {
    "name": "weather",
    "description": "The weather of a place now",
    "parameters": {
      "type": "object",
      "properties": {"place": {"type": "string"}},
      "required": ["place"]
    }
  }
]"""


class Parameters(Wire, extra="allow"):
    """A JSON schema; models take an object only."""

    type: Literal["object"] = "object"
    properties: dict[str, dict[str, Any]] = {}
    required: list[str] = []


class ToolGiven(Wire):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: Annotated[str, Field(max_length=4_096), STORABLE] | None = None
    parameters: Parameters = Parameters()


_TOOLS: Final = TypeAdapter(Annotated[list[ToolGiven], Field(max_length=TOOLS_MOST)])


def tools_of(text: str | None) -> Sequence[Tool]:
    """A refusal says where the first few mistakes are, as pointers into the list."""
    try:
        given = _TOOLS.validate_python(json.loads(text) if text else [])
    except ValidationError as problem:
        errors = problem.errors(include_url=False, include_context=False)
        raise invalid(tools=" ".join(_mistake(error) for error in errors[:_MISTAKES_MOST])) from None
    except json.JSONDecodeError as problem:
        raise invalid(tools=f"This is not JSON, from line {problem.lineno}, column {problem.colno} on.") from None
    except (ValueError, RecursionError):
        raise invalid(tools="This is not JSON.") from None
    names = [tool.name for tool in given]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise invalid(tools=f"/{len(names) - 1 - names[::-1].index(twice)}/name: {twice} is there twice.")
    return [
        Tool(
            name=tool.name,
            description=tool.description,
            parameters={"type": "object", **tool.parameters.model_dump(exclude_unset=True)},
        )
        for tool in given
    ]


_MISTAKES_MOST: Final = 3
_SAID: Final = {
    "missing": "is missing.",
    "extra_forbidden": "is not known: a tool has name, description and parameters.",
    "list_type": "has to be a list.",
    "dict_type": "has to be an object.",
    "model_type": "has to be an object.",
    "string_type": "has to be text.",
    "string_pattern_mismatch": "has to be letters, digits, - and _, 64 of them at most.",
    "literal_error": "has to be object.",
}


def _mistake(error: ErrorDetails) -> str:
    pointer = "".join(f"/{step}" for step in error["loc"]) or "/"
    return f"{pointer} {_SAID.get(error['type'], 'cannot be used.')}"
