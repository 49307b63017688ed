"""A caller's request, made into the common language: `decode_request`. It raises nothing but `BadRequest`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from monoize.gateway.protocol import efforts, fields
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.fields import given, path
from monoize.gateway.protocol.messages import tools
from monoize.gateway.protocol.messages.blocks_in import content_in
from monoize.gateway.protocol.messages.extras import TYPED, others
from monoize.gateway.protocol.urp import Effort, Json, Node, ReasoningWish, Request, ResponseFormat, Role

SCHEMA_NAME: Final = "response"
"""Schemas have no name here, and must have one elsewhere."""

_ROLES: Final[Mapping[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}
_USER: Final = "user_id"


def decode_request(body: Json) -> Request:
    if not isinstance(body, dict):
        fields.refuse("", "an object")
    choice, in_parallel = tools.choice_in(fields.object_(body, "tool_choice"))
    metadata = fields.object_(body, "metadata") or {}
    output = fields.object_(body, "output_config") or {}
    return Request(
        model=given(fields.text(body, "model"), "model"),
        input=(*_system(body), *_messages(body)),
        stream=bool(fields.flag(body, "stream")),
        temperature=fields.number(body, "temperature"),
        top_p=fields.number(body, "top_p"),
        top_k=fields.integer(body, "top_k"),
        max_output_tokens=_max_tokens(body),
        reasoning=_reasoning(fields.object_(body, "thinking"), output),
        tools=tools.tools_in(fields.list_(body, "tools") or ()),
        tool_choice=choice,
        parallel_tool_calls=in_parallel,
        stop=_stop(body),
        response_format=_format(output),
        user=fields.text(metadata, _USER, "metadata"),
        origin="messages",
        extra=_extra(body, metadata),
    )


def _system(body: Json) -> list[Node]:
    system: Any = body.get("system")
    return [] if system is None else content_in(system, "system", "system")


def _messages(body: Json) -> list[Node]:
    messages = given(fields.list_(body, "messages"), "messages")
    if not messages:
        raise BadRequest("messages must not be empty.", param="messages")
    return [node for place, message in enumerate(messages) for node in _message(message, path("messages", place))]


def _message(message: object, at: str) -> Sequence[Node]:
    if not isinstance(message, dict):
        fields.refuse(at, "an object")
    at_role = path(at, "role")
    role = _ROLES.get(given(fields.text(message, "role", at), at_role))
    if role is None:
        raise BadRequest(f"{at_role} must be user, assistant or system.", param=at_role)
    return content_in(given(message.get("content"), path(at, "content")), role, path(at, "content"))


def _max_tokens(body: Json) -> int | None:
    most = fields.integer(body, "max_tokens")
    if most is not None and most < 0:
        fields.refuse("max_tokens", "at least 0")
    return most


def _stop(body: Json) -> tuple[str, ...]:
    sequences = fields.list_(body, "stop_sequences") or []
    for place, each in enumerate(sequences):
        if not isinstance(each, str):
            fields.refuse(path("stop_sequences", place), "a string")
    return tuple(sequences)


def _reasoning(thinking: Json | None, output: Json) -> ReasoningWish | None:
    """An effort that is said outright is what counts; else how much may be thought tells it."""
    effort = _effort(output)
    if thinking is None:
        return ReasoningWish(effort=effort) if effort else None
    budget, mode = None, _mode(thinking)
    if mode == "off":
        effort = effort or "none"
    elif mode == "budget":
        at = "thinking.budget_tokens"
        budget = given(fields.integer(thinking, "budget_tokens", "thinking"), at)
        if budget < 0:
            fields.refuse(at, "at least 0")
        effort = effort or efforts.effort_of_budget(budget)
    return ReasoningWish(effort=effort, budget_tokens=budget, summary=_summary(thinking, mode))


def _mode(thinking: Json) -> Literal["off", "budget", "adaptive"]:
    match given(fields.text(thinking, "type", "thinking"), "thinking.type"):
        case "disabled" | "between_tools":
            return "off"
        case "enabled":
            return "budget"
        case "adaptive":
            return "adaptive"
        case _:
            wanted = "enabled, adaptive, between_tools or disabled"
            raise BadRequest(f"thinking.type must be {wanted}.", param="thinking.type")


def _summary(thinking: Json, mode: str) -> str | None:
    """Models that take a budget show what they thought unless told otherwise; newer ones only if told."""
    display = fields.text(thinking, "display", "thinking")
    return "auto" if display == "summarized" or (display is None and mode == "budget") else None


def _effort(output: Json) -> Effort | None:
    word = fields.text(output, "effort", "output_config")
    if word is None:
        return None
    effort = efforts.effort_named(word)
    if effort is None:
        raise BadRequest(
            "output_config.effort must be low, medium, high, xhigh or max.", param="output_config.effort"
        )
    return effort


def _format(output: Json) -> ResponseFormat | None:
    wanted = fields.object_(output, "format", "output_config")
    at = "output_config.format"
    if wanted is None or fields.text(wanted, "type", at) != "json_schema":
        return None
    schema = given(fields.object_(wanted, "schema", at), path(at, "schema"))
    return ResponseFormat(kind="json_schema", name=SCHEMA_NAME, schema=schema)


def _extra(body: Json, metadata: Json) -> Json:
    extra = others(body, TYPED)
    if rest := others(metadata, {_USER}):
        extra["metadata"] = rest
    return extra
