"""A request of any origin, as it is sent to a provider that speaks this protocol."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from monoize.gateway.protocol.efforts import effort_of_budget
from monoize.gateway.protocol.fields import told_text
from monoize.gateway.protocol.responses.items_out import told
from monoize.gateway.protocol.responses.request_in import INSTRUCTION
from monoize.gateway.protocol.responses.request_items import input_items, paired
from monoize.gateway.protocol.responses.tools import written_choice, written_tools
from monoize.gateway.protocol.urp import (
    Json,
    Node,
    ProviderItem,
    ReasoningWish,
    Request,
    ResponseFormat,
    Text,
)

_COMMON: Final = frozenset(
    {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier"}
)
"""What means the same here, whoever says it."""
_OF_OPENAI: Final = _COMMON | {"metadata", "moderation"}
_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_ELSEWHERE: Final = ("previous_response_id", "conversation")
"""What names a conversation of which only the rest is in the request."""
_SEALED_THOUGHTS: Final = "reasoning.encrypted_content"
_NAME_OF_FORMAT: Final = "response"


def encode_request(request: Request, *, model: str, stream: bool) -> Json:
    ours = request.origin == "responses"
    nodes = request.input if ours and _is_continued(request) else paired(request.input)
    instructions, nodes = _split(nodes, ours=ours)
    tools = written_tools(request.tools, ours=ours)
    body: Json = {
        "model": model,
        **told(instructions=_instructions(instructions)),
        "input": input_items(nodes, ours=ours),
        "stream": stream,
        **told(
            temperature=request.temperature,
            top_p=request.top_p,
            max_output_tokens=request.max_output_tokens,
            reasoning=_reasoning(request.reasoning, ours=ours),
            tools=tools or None,
            tool_choice=written_choice(request.tool_choice, request.tools if tools else (), ours=ours),
            parallel_tool_calls=request.parallel_tool_calls if tools or ours else None,
            text=_text(request.response_format, request.verbosity),
            user=request.user,
        ),
    }
    if ours:
        return _with_extra(body, request.extra, stream=stream)
    body.update(_taken(request))
    # Whoever speaks another protocol does not expect to be remembered; so thoughts have to travel.
    body["store"] = False
    if "reasoning" in body:
        body["include"] = [_SEALED_THOUGHTS]
    return body


def _taken(request: Request) -> Json:
    known = _OF_OPENAI if request.origin == "chat" else _COMMON
    taken = {name: value for name, value in request.extra.items() if name in known and value is not None}
    tier = told_text(request.extra.get("service_tier"))
    return {**taken, "service_tier": tier} if tier in _TIERS else taken


def _is_continued(request: Request) -> bool:
    return any(request.extra.get(name) is not None for name in _ELSEWHERE) or any(
        isinstance(node, ProviderItem) and node.item_type == "item_reference" for node in request.input
    )


def _with_extra(body: Json, extra: Mapping[str, Any], *, stream: bool) -> Json:
    for name, value in extra.items():
        if name in ("text", "reasoning") and isinstance(value, dict):
            body[name] = {**value, **body.get(name, {})}
        elif name != "stream_options" or stream:
            body.setdefault(name, value)
    return body


def _split(nodes: Sequence[Node], *, ours: bool) -> tuple[list[Node], list[Node]]:
    """What came as `instructions`, and the rest. Only at the beginning it can go back there."""
    if not ours:
        return [], list(nodes)
    plain = [_unmarked(node) for node in nodes]
    place = 0
    while place < len(nodes) and plain[place] is not nodes[place]:
        place += 1
    return plain[:place], plain[place:]


def _unmarked(node: Node) -> Node:
    if isinstance(node, ProviderItem) or INSTRUCTION not in node.extra:
        return node
    extra = {name: value for name, value in node.extra.items() if name != INSTRUCTION}
    return msgspec.structs.replace(node, extra=extra)


def _instructions(nodes: Sequence[Node]) -> str | list[Json] | None:
    if not nodes:
        return None
    match nodes:
        case [Text(role="developer", id=None, phase=None) as only] if not only.extra:
            return only.text
    return input_items(nodes, ours=True)


def _reasoning(wish: ReasoningWish | None, *, ours: bool) -> Json | None:
    if wish is None:
        return None
    effort = wish.effort
    if effort is None and wish.budget_tokens is not None:
        effort = effort_of_budget(wish.budget_tokens)
    if effort == "none" and not ours:
        # Many models refuse it, and think anyway.
        effort = None
    return told(effort=effort, summary=wish.summary) or None


def _text(wanted: ResponseFormat | None, verbosity: str | None) -> Json | None:
    written = None
    if wanted and wanted.kind == "json_schema":
        written = {
            "type": "json_schema",
            "name": wanted.name or _NAME_OF_FORMAT,
            "schema": wanted.schema or {},
            **told(description=wanted.description, strict=wanted.strict),
        }
    elif wanted:
        written = {"type": wanted.kind}
    return told(format=written, verbosity=verbosity) or None
