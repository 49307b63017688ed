"""What a caller asks for in this protocol, made into a request of the common language."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.efforts import effort_named
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.responses.items_in import nodes_of, nodes_of_items
from monoize.gateway.protocol.responses.tools import read_choice, read_tools
from monoize.gateway.protocol.urp import Json, Node, ProviderItem, ReasoningWish, Request, ResponseFormat, Text

INSTRUCTION: Final = "monoize.instruction"
"""Among the extras of a node: it was given in `instructions`, and goes back there."""
_KNOWN: Final = frozenset(
    {
        "model",
        "input",
        "instructions",
        "stream",
        "background",
        "temperature",
        "top_p",
        "max_output_tokens",
        "reasoning",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "user",
    }
)


def decode_request(body: Json) -> Request:
    if not isinstance(body, dict):
        fields.refuse("", "an object")
    if fields.flag(body, "background"):
        raise BadRequest(
            "Answers in the background are not supported; leave `background` out.",
            param="background",
            code="background_not_supported",
        )
    for name in ("previous_response_id", "service_tier"):
        fields.text(body, name)
    response_format, verbosity, rest_of_text = _read_text(body)
    wish, rest_of_reasoning = _read_reasoning(body)
    kept = {"text": rest_of_text, "reasoning": rest_of_reasoning}
    return Request(
        model=fields.given(fields.text(body, "model") or None, "model"),
        input=(*_instructions(body.get("instructions")), *_input(body.get("input"))),
        stream=fields.flag(body, "stream") or False,
        temperature=fields.number(body, "temperature"),
        top_p=fields.number(body, "top_p"),
        max_output_tokens=_output_most(body),
        reasoning=wish,
        tools=read_tools(body),
        tool_choice=read_choice(body),
        parallel_tool_calls=fields.flag(body, "parallel_tool_calls"),
        verbosity=verbosity,
        response_format=response_format,
        user=fields.text(body, "user"),
        origin="responses",
        extra={**fields.rest(body, _KNOWN), **{name: rest for name, rest in kept.items() if rest}},
    )


def _output_most(body: Json) -> int | None:
    most = fields.integer(body, "max_output_tokens")
    if most is not None and most < 1:
        fields.refuse("max_output_tokens", "at least 1")
    return most


def _input(given: object) -> Sequence[Node]:
    if isinstance(given, list):
        nodes = nodes_of_items(given, "input")
    elif given is None:
        nodes = []
    elif isinstance(given, str | dict):
        nodes = nodes_of(given, "input")
    else:
        fields.refuse("input", "a string or a list")
    return [_marked(node, on=False) for node in nodes]


def _instructions(given: object) -> Sequence[Node]:
    if given is None:
        return ()
    if isinstance(given, str):
        return (Text(role="developer", text=given, extra={INSTRUCTION: True}),) if given else ()
    if not isinstance(given, list):
        fields.refuse("instructions", "a string or a list")
    return [_marked(node, on=True) for node in nodes_of_items(given, "instructions")]


def _marked(node: Node, *, on: bool) -> Node:
    """With our mark, or without one that the caller wrote."""
    if isinstance(node, ProviderItem) or (on == (INSTRUCTION in node.extra)):
        return node
    extra: dict[str, Any] = {name: value for name, value in node.extra.items() if name != INSTRUCTION}
    return msgspec.structs.replace(node, extra={**extra, INSTRUCTION: True} if on else extra)


def _read_text(body: Json) -> tuple[ResponseFormat | None, str | None, Json]:
    text = fields.object_(body, "text") or {}
    wanted = fields.object_(text, "format", "text")
    known = _read_format(wanted) if wanted else None
    # A format that only this protocol knows stays where it was.
    rest = fields.rest(text, ("verbosity", "format") if known or not wanted else ("verbosity",))
    return known, fields.text(text, "verbosity", "text"), rest


def _read_format(wanted: Json) -> ResponseFormat | None:
    at = "text.format"
    match fields.given(fields.text(wanted, "type", at), f"{at}.type"):
        case "text" | "json_object" as kind:
            return ResponseFormat(kind=kind)
        case "json_schema":
            return ResponseFormat(
                kind="json_schema",
                name=fields.given(fields.text(wanted, "name", at), f"{at}.name"),
                description=fields.text(wanted, "description", at),
                schema=fields.given(fields.object_(wanted, "schema", at), f"{at}.schema"),
                strict=fields.flag(wanted, "strict", at),
            )
    return None


def _read_reasoning(body: Json) -> tuple[ReasoningWish | None, Json]:
    wish = fields.object_(body, "reasoning") or {}
    word = fields.text(wish, "effort", "reasoning")
    effort = effort_named(word) if word else None
    if word and not effort:
        fields.refuse("reasoning.effort", "an effort, such as low, medium or high")
    # The name that `summary` had before.
    old = fields.text(wish, "generate_summary", "reasoning")
    summary = fields.text(wish, "summary", "reasoning") or old
    rest = fields.rest(wish, ("effort", "summary", "generate_summary"))
    return (ReasoningWish(effort=effort, summary=summary) if effort or summary else None), rest
