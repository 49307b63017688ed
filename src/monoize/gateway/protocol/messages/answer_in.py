"""A provider's plain answer, made into the common language: `decode_response`."""

from collections.abc import Sequence
from typing import Final

import msgspec

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.errors import BadAnswer, BadRequest
from monoize.gateway.protocol.messages import wire
from monoize.gateway.protocol.messages.blocks_in import block_in
from monoize.gateway.protocol.messages.extras import others
from monoize.gateway.protocol.messages.finish import finish_in
from monoize.gateway.protocol.messages.problems import error_in
from monoize.gateway.protocol.messages.usage import read_report, read_usage
from monoize.gateway.protocol.urp import Json, Node, Reasoning, Response, ToolCall

_KNOWN: Final = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})


def decode_response(body: Json) -> Response:
    if not isinstance(body, dict):
        raise BadAnswer("The provider's answer is not an object.")
    if body.get("type") == "error" or body.get("error"):
        raise BadAnswer(error_in(body).message)
    content = fields.told_list(body.get("content"))
    if content is None:
        raise BadAnswer("The provider's answer has no content.")
    output = tuple(node for place, block in enumerate(content) for node in answer_block(block, f"content[{place}]"))
    stop_reason, stop_sequence = (
        fields.told_text(body.get("stop_reason")),
        fields.told_text(body.get("stop_sequence")),
    )
    return Response(
        id=fields.told_text(body.get("id")) or "",
        model=fields.told_text(body.get("model")) or "",
        output=output,
        finish=finish_in(stop_reason, stop_sequence, has_calls=has_calls(output)),
        usage=read_usage(read_report(body) or {}),
        extra=others(body, _KNOWN),
    )


def answer_block(block: object, at: str) -> Sequence[Node]:
    """What a model said is read more kindly than what a caller wrote, as nobody can write it anew."""
    if (
        isinstance(block, dict)
        and block.get("type") == "tool_use"
        and isinstance(written := block.get("input"), str)
    ):
        block = {**block, "input": wire.input_of(written)}
    try:
        nodes = block_in(block, "assistant", at)
    except BadRequest as problem:
        raise BadAnswer(f"The provider's answer cannot be read: {problem.message}") from problem
    return [as_summary(node) for node in nodes]


def as_summary(node: Node) -> Node:
    """Whether thinking is signed shows only at its end, so that in answers all of it counts as a summary."""
    if isinstance(node, Reasoning) and node.content:
        return msgspec.structs.replace(node, content=None, summary=(node.content,))
    return node


def has_calls(output: Sequence[Node]) -> bool:
    return any(isinstance(node, ToolCall) for node in output)
