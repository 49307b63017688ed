"""A plain answer of a provider, made into a response of the common language. Streams end with the same object."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.errors import BadAnswer, BadRequest
from monoize.gateway.protocol.fields import told_integer, told_object, told_text
from monoize.gateway.protocol.responses.items_in import nodes_of
from monoize.gateway.protocol.responses.problems import failure_of
from monoize.gateway.protocol.responses.usage import read_answer_usage
from monoize.gateway.protocol.urp import Failed, Finish, FinishReason, Json, Node, Response, ToolCall

_KNOWN: Final = frozenset(
    {"id", "object", "created_at", "model", "output", "status", "error", "incomplete_details", "usage"}
)
_INCOMPLETE: Final[Mapping[str, FinishReason]] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}


def decode_response(body: Json) -> Response:
    if not isinstance(body, dict):
        raise BadAnswer("The provider's answer is not a JSON object.")
    failed = failure_in(body)
    if failed:
        raise BadAnswer(failed.message)
    if body.get("status") in ("queued", "in_progress"):
        raise BadAnswer("The provider has not finished its answer.")
    output = body.get("output")
    if not isinstance(output, list):
        raise BadAnswer("The provider's answer has no output.")
    nodes = [node for place, item in enumerate(output) for node in answered(item, fields.path("output", place))]
    return response_of(body, nodes)


def answered(item: Any, at: str) -> list[Node]:
    try:
        return nodes_of(item, at, "assistant")
    except BadRequest as problem:
        raise BadAnswer(f"The provider's answer is not understood: {problem.message}") from problem


def failure_in(body: Json) -> Failed | None:
    """What went wrong, if the answer says that something did."""
    if body.get("error"):
        return failure_of(body) or Failed(message="The provider reports an error.")
    if body.get("status") == "failed":
        return Failed(message="The provider says that the answer failed.")
    return None


def response_of(body: Json, nodes: Iterable[Node]) -> Response:
    output = tuple(nodes)
    return Response(
        id=told_text(body.get("id")) or "",
        model=told_text(body.get("model")) or "",
        output=output,
        finish=_finish(body, output),
        usage=read_answer_usage(body),
        created_at=_seconds(body.get("created_at")),
        extra=fields.rest(body, _KNOWN),
    )


def _seconds(value: object) -> int | None:
    number = fields.told_number(value)
    return told_integer(int(number)) if number is not None else None


def _finish(body: Json, output: Iterable[Node]) -> Finish:
    status = body.get("status")
    if status == "incomplete":
        why = told_text((told_object(body.get("incomplete_details")) or {}).get("reason"))
        return Finish(reason=_INCOMPLETE.get(why or "", "other"), native=why or "incomplete", origin="responses")
    if status == "cancelled":
        return Finish(reason="other", native="cancelled", origin="responses")
    called = any(isinstance(node, ToolCall) for node in output)
    return Finish(reason="tool_calls" if called else "stop", native="completed", origin="responses")
